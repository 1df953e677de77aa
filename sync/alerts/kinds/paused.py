"""A channel at Brevo stands still until somebody acts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connector import pauses
from sync.alerts.kinds.kind import CRITICAL, Finding, Kind, Looking


def _look(look: Looking) -> Iterator[Finding]:
    for pause in pauses.pauses(look.connection, look.shop.id):
        # Asking Brevo who opted out ends by itself within minutes.
        if pause.reason != pauses.SURVEY:
            yield Finding(
                f"{pauses.named(pause.channel)} is paused. {pause.sentence}",
                subject=pause.channel,
                tone=CRITICAL,
                detail={"reason": pause.reason},
            )


# One that is lifted and refused again at once is the same trouble.
PAUSED = Kind("paused_channel", "A channel is paused", _look, timedelta(minutes=10))
