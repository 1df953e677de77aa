"""A channel at Brevo stands still until somebody acts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connector import pauses
from sync.alerts.kinds.kind import CRITICAL, Finding, Kind, Looking

_NAMES = {
    pauses.ACCOUNT: "Everything at Brevo",
    "email": "Sending emails",
    "email:marketing": "Sending marketing emails",
    "sms": "Sending text messages",
    "whatsapp": "Sending WhatsApp messages",
    "push": "Sending push messages",
}


def _look(look: Looking) -> Iterator[Finding]:
    for pause in pauses.pauses(look.connection, look.shop.id):
        # Asking Brevo who opted out ends by itself within minutes.
        if pause.reason != pauses.SURVEY:
            yield Finding(
                f"{_NAMES.get(pause.channel, pause.channel)} is paused. {pause.sentence}",
                subject=pause.channel,
                tone=CRITICAL,
                detail={"reason": pause.reason},
            )


# One that is lifted and refused again at once is the same trouble.
PAUSED = Kind("paused_channel", "A channel is paused", _look, timedelta(minutes=10))
