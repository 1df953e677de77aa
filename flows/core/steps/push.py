"""Sends one push message to the person's browser and waits until it was accepted, skipped or refused.

Push messages cannot be sent yet: each is skipped with the reason `channel_unavailable`, and the flow goes on to the
next step at once. A flow may name them already.
"""

from __future__ import annotations

from flows.core.steps.message import sending

PUSH = sending("push", __doc__, "cart-waiting")
