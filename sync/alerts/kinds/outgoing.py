"""An address of the merchant that is to be told what happens does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sync.alerts.kinds.kind import CRITICAL, WARNING, Finding, Kind, Looking
from sync.outgoing import endpoints

# Machine time: shorter outages are made up for by the next tries.
_PATIENCE = timedelta(hours=1)


def _look(look: Looking) -> Iterator[Finding]:
    for one in endpoints.listed(look.connection, look.shop.id):
        if one.state == "disabled" and one.reason != "by_staff":
            yield Finding(
                f"Webhook {one.id} was switched off: {one.why}. Mend what answers there, switch it on again and have"
                " what it missed sent once more: page Webhooks.",
                subject=str(one.id),
                tone=CRITICAL,
                detail={"endpoint": one.id},
            )
        elif one.state == "active" and one.failing_since_real is not None:
            since = one.failing_since_real
            yield Finding(
                f"Nothing arrives at webhook {one.id} since {since:%Y-%m-%d %H:%M} UTC. The page Webhooks shows what it"
                " answers. After five days it is switched off.",
                subject=str(one.id),
                tone=WARNING,
                detail={"endpoint": one.id, "waiting": one.due},
                faint=look.machine - since < _PATIENCE,
            )


OUTGOING = Kind("failing_webhook", "A webhook fails", _look, timedelta(minutes=10))
