"""Sends one email of the flow and waits until it was accepted, skipped or refused.

The next wait counts from that moment. Whether it may leave at all is asked right before it leaves (consent,
caps, quiet hours and so on). While nobody knows whether the provider took it, the flow stays here.
"""

from __future__ import annotations

from flows.core.steps.message import sending

EMAIL = sending("email", __doc__, "reminder")
