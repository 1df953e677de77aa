"""Sends one text message of the flow and waits until it was accepted, skipped or refused.

It leaves only to people who agreed to text messages; the others go on to the next step at once. It is never sent twice:
while nobody knows whether the provider took it, the flow stays here.
"""

from __future__ import annotations

from flows.core.steps.message import sending

SMS = sending("sms", __doc__, "quick-reminder")
