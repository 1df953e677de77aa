"""Many people of a shop at once, whom a quiet scope wishes to have at Brevo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from benchmarks.crowd import add
from benchmarks.crowd import wish_quietly as wish_quietly_at
from connector.models.contact_import import contact_imports
from connector.models.sync import sync_state
from sync.wishes import wish
from tests.engine.installation import ConnectedShop
from tests.sandbox.provider_process import wait_until

# Machine seconds, longer than from any look at an import to the next.
LOOK = 301


def crowd(shop: ConnectedShop, count: int, *, first: int = 1, state: str | None = None) -> list[int]:
    """So many people, see ``benchmarks.crowd``."""
    with shop.deps.engine.begin() as connection:
        return add(connection, shop.id, count, shop.installation.now, first=first, state=state)


def wish_quietly(shop: ConnectedShop, people: Sequence[int]) -> None:
    """As a back-fill wishes."""
    wish_quietly_at(shop.deps, shop.shop, people)


def requests(shop: ConnectedShop, *paths: str) -> list[dict[str, Any]]:
    """The provider's log of the calls to these paths and below, in their order."""
    wanted = [f"/v3{path}" for path in paths]
    return [
        entry
        for entry in shop.account.log("request")
        if any(entry["path"] == path or entry["path"].startswith(f"{path}/") for path in wanted)
    ]


def imports_of(shop: ConnectedShop) -> list[dict[str, Any]]:
    """The imports that the provider took, in their order: {process_id, source, bytes, rows}."""
    return [entry["remark"]["import"] for entry in requests(shop, "/contacts/import") if entry["accepted"]]


def settle(shop: ConnectedShop) -> None:
    """Until nothing is to be told any more, whatever has to be waited for."""
    for _ in range(12):
        shop.installation.settle("imports", "sync")
        if not [row for row in shop.rows(sync_state) if row.state in ("due", "leased", "gathering", "importing")]:
            return
        # The provider works in real time, and is asked again when machine time has passed.
        wait_until(lambda: len(shop.account.log("import")) >= len(imports_of(shop)))
        shop.installation.skip(LOOK)
    raise AssertionError(f"it does not end: {shop.rows(contact_imports)}")


def deliver_event(shop: ConnectedShop, person_id: int) -> None:
    """Something that Brevo is told of when it has the contact."""
    with shop.deps.open(shop.shop) as scope:
        scope.connection.execute(
            text(
                "INSERT INTO feed (shop_id, person_id, event_id, name, body, state, due_real, attempts)"
                " VALUES (:shop_id, :person, gen_random_uuid(), 'order_placed', '{}', 'due', :machine, 0)"
            ),
            {"shop_id": shop.id, "person": person_id, "machine": scope.machine},
        )
        newest = scope.connection.scalar(text("SELECT max(id) FROM feed WHERE shop_id = :shop"), {"shop": shop.id})
        wish(scope, "events", person_id, newest)
