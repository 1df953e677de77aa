"""Deliveries tell what happens in the store: reconciliation found little, and repaired it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from sync import reconcile

# Deliveries are not promised: a few are always lost.
_FEW = 20
_LATELY = timedelta(days=1)
_REPORTS = 100


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    with shop.connection() as connection:
        reports = reconcile.history(connection, shop.shop.id, _REPORTS)
        waits = reconcile.waits(connection, shop.shop.id)
    since = shop.deps.clock.now() - _LATELY
    lately = [one for one in reports if one.began_at >= since and one.state != "open"]
    missed = sum(one.missed for one in lately)
    see = f"`connector sync reconcile --shop {shop.shop.domain} --last` shows the newest report."
    if missed > _FEW:
        yield warning(
            f"{missed} records were changed in the store of the last day of which no delivery told.",
            f"They are repaired. See that the store reaches PUBLIC_URL. {see}",
        )
    if lately and not lately[0].whole:
        yield warning(
            "The newest reconciliation could not look at everything, or not repair it.",
            f"{see} What it says of each is the store's own answer.",
        )
    for look, reason in waits.items():
        yield warning(f"The look {look} is put off: {reason}.", "It is tried again by itself.")


CHECK = Check("gaps", "What the store has is here too.", _run)
