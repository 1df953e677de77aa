"""Orders at Brevo. POST /orders/status starts automations, so only live orders pass through it; what a sync asks for
goes many in one, as history (POST /orders/status/batch with ``historical``), which starts none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from connector.brevo.commerce_calls import MOST_ORDERS
from connector.shops import Shop
from sync import currency
from sync.copies import account_currency, commerce, pace
from sync.copies.contact import identifiers
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import Turn, one_by_one
from sync.currency import NoRate, Rates
from sync.mapping import order as mapping
from sync.order_events import exclusion

# Brevo's limits page does not name the batch.
HISTORY_BUCKET = pace.TOGETHER
HISTORY_LANE = pace.LANE

_ORDERS = text(
    """
SELECT orders.*, persons.email AS person_email, persons.customer_id AS person_customer_id,
    contact.sent_version AS contact_version, contact.state AS contact_state, contact.reason AS contact_reason,
    account.currency AS account_currency
FROM orders
LEFT JOIN account_currencies AS account ON account.shop_id = orders.shop_id
LEFT JOIN persons ON persons.shop_id = orders.shop_id AND persons.id = orders.person_id
LEFT JOIN sync_state AS contact
    ON contact.shop_id = orders.shop_id AND contact.entity = 'contact' AND contact.entity_id = orders.person_id
WHERE orders.shop_id = :shop_id AND orders.id = ANY(:ids)
"""
)


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """These orders as they are now; one of somebody whose contact is not at Brevo yet waits for it."""
    by_id = {one.entity_id: one for one in held}
    rows = [dict(row) for row in connection.execute(_ORDERS, {"shop_id": shop.id, "ids": list(by_id)}).mappings()]
    foreign = any(_counted_in(shop, row) != row["account_currency"] for row in rows)
    rates = Rates.read(connection, shop.id) if foreign else Rates(())
    return {row["id"]: _snapshot(shop, by_id[row["id"]], row, rates) for row in rows}


def _counted_in(shop: Shop, row: Mapping[str, Any]) -> str:
    return str(row["currency"] or shop.currency)


def _snapshot(shop: Shop, held: Claim, row: Mapping[str, Any], rates: Rates) -> Snapshot:
    nothing = "historical" if row["historical"] and not held.quiet else exclusion(row, shop.settings)
    if nothing is None and held.first and row["deleted_at"]:
        nothing = "deleted"
    if nothing is not None:
        return Snapshot(held, row["version"], nothing=nothing)
    whose: dict[str, str] = {}
    if row["person_id"] is not None:
        person: dict[str, Any] = {"email": row["person_email"], "customer_id": row["person_customer_id"]}
        whose = identifiers(shop, {**person, "contact_reason": row["contact_reason"]})
    try:
        day = currency.day_of(row["created_at"])
        exchange = rates.exchange(_counted_in(shop, row), row["account_currency"], day)
    except NoRate as error:
        return Snapshot(held, row["version"], nothing=str(error), held_back=True)
    body = mapping.body(row, whose, shop.domain, exchange)
    if row["person_id"] is not None and not row["contact_version"]:
        hopeless = row["contact_state"] in ("done", "failed")
        why = f"no contact: {row['contact_reason'] or 'unknown'}" if hopeless else pace.ITS_CONTACT
        return Snapshot(held, row["version"], body, why, waits_for=row["person_id"], hopeless=hopeless)
    return Snapshot(held, row["version"], body)


def _send_live(turn: Turn, held: Sequence[Claim]) -> None:
    if account_currency.known(turn):
        _one_by_one(turn, held)


def _send(turn: Turn, snapshot: Snapshot) -> None:
    commerce.active(turn, partial(turn.account.put_order, snapshot.body))


def _send_history(turn: Turn, held: Sequence[Claim]) -> None:
    def calls_of(group: Sequence[Snapshot]) -> list[Callable[[], None]]:
        return [partial(commerce.active, turn, partial(turn.account.put_history, [one.body for one in group]))]

    if not account_currency.known(turn) or not turn.calls(HISTORY_BUCKET, 1, lane=HISTORY_LANE):
        return
    if waiting := turn.read(read, held):
        turn.tell_together(HISTORY_BUCKET, waiting, calls_of, lane=HISTORY_LANE)


_one_by_one = one_by_one("orders", read, _send)
ORDERS = Resource("order", 10, _send_live, quiet=False)
ORDER_HISTORY = Resource("order", MOST_ORDERS, _send_history, quiet=True)
