"""Nothing is held by a worker that is gone, and every message's outcome is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop

_EXAMPLES = 5
# An expired lease is taken over by the next worker that comes by; one this old was not.
_LONG_PAST = timedelta(seconds=60)
# How long Brevo's own events and its log are given to tell what became of a message.
_SETTLED_BY = timedelta(minutes=15)

_HELD = {
    "fetches": "remote_id",
    "sync_state": "entity_id",
    "feed": "id",
    "outbox": "id",
}


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    machine = shop.deps.clock.machine()
    with shop.connection() as connection:
        for table, name in _HELD.items():
            held = connection.execute(
                text(
                    f"SELECT {name} FROM {table} WHERE shop_id = :shop AND state = 'leased'"  # noqa: S608
                    f" AND lease_real < :before ORDER BY lease_real"
                ),
                {"shop": shop.shop.id, "before": machine - _LONG_PAST},
            ).scalars().all()  # fmt: skip
            if held:
                yield warning(
                    f"{len(held)} rows of {table} are held by a worker that is long gone.",
                    "Nobody takes them over: look at the clock process and the workers.",
                    held[:_EXAMPLES],
                )
        unknown = connection.scalars(
            text(
                "SELECT id FROM outbox WHERE shop_id = :shop AND state = 'unknown'"
                " AND coalesce((SELECT max(started_real) FROM attempts WHERE attempts.shop_id = outbox.shop_id"
                " AND outbox_id = outbox.id), :machine) < :before ORDER BY id"
            ),
            {"shop": shop.shop.id, "machine": machine, "before": machine - _SETTLED_BY},
        ).all()
        if unknown:
            yield warning(
                f"Of {len(unknown)} messages nobody knows whether Brevo took them.",
                "Brevo's log does not answer, or does not tell: look them up at Brevo. They are not sent again.",
                unknown[:_EXAMPLES],
            )


CHECK = Check("leases", "No work is held by a worker that is gone, and every outcome is known.", _run)
