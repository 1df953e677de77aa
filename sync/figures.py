"""Which orders the store's own figures of a customer hold (``persons.figures_hold``).

The store counts an order at once. Word of that order reaches us before or after we read the figures, or while their
answer is under way, so beside them we keep which orders they hold. An order that they hold is not counted again, and
those behind it did not come before it. Orders that they do not hold yet, though we have counted them, are added.

That is told by the newest orders of the customer, newest first: ``id``, ``at`` (when it was placed) and ``amount``
(text, in the shop's currency; None: it was in the figures and was taken out of them since). The newest of all is kept,
and of the others those that word may be under way of. None: the store did not tell. Test orders are in no figures.
Files of the whole store name the last order only: of three or more that nobody had heard of when one was written, those
in between are taken for earlier ones.

A customer's ``updatedAt`` does not tell it: it has whole seconds, shared by the order and the customer that it makes,
and other changes move it while the figures still follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from connector.models.store import orders
from connector.scope import Scope
from sync.node_values import moment, number, shop_money

Hold = Sequence[Mapping[str, Any]]
Place = tuple[datetime, int]
"""Where an order stands among the others: its time has whole seconds, and of one second the ids tell."""


def told(node: Mapping[str, Any], since: datetime) -> list[dict[str, Any]] | None:
    """Which orders the figures of this customer hold (``numberOfOrders``, with ``lastOrder`` and, where they were asked
    for, the newest ``orders``). ``since``: word of older orders is under way no longer."""
    count, last, page = int(node["numberOfOrders"]), node.get("lastOrder"), node.get("orders")
    if count and last is None and page is None:
        return None
    named = [one for one in (*((page or {}).get("nodes") or ()), last) if one and not one.get("test")]
    listed = {number(one["id"]): one for one in named}
    places = {one: (_moment(order["createdAt"]), one) for one, order in listed.items()}
    newest = sorted(listed, key=places.__getitem__, reverse=True)
    if last and not last.get("test"):
        # The list is read from the orders, the figures and the last order are kept with the customer.
        newest = [one for one in newest if places[one] <= places[number(last["id"])]]
    if len(newest) > count:
        # Then these are all, and the figures hold fewer: none that is cancelled, or not yet the newest.
        newest = [one for one in newest if not listed[one].get("cancelledAt")]
        newest = newest[max(len(newest) - count, 0) :]
    return [
        {
            "id": one,
            "at": places[one][0].isoformat(),
            "amount": str(shop_money(listed[one].get("currentTotalPriceSet")) or Decimal(0)),
        }
        for one in newest
        if one == newest[0] or places[one][0] >= since
    ]


def within(hold: Hold | None, order: Mapping[str, Any]) -> bool:
    """Whether the figures hold this order (a row of ``orders``). Of an old one that is read late nothing is told, so
    nobody asks."""
    if not hold or order["test"] or order["historical"]:
        return False
    return _place(order) <= _placed(hold[0]) or any(one["id"] == order["id"] for one in hold)


def behind(scope: Scope, buyer: Mapping[str, Any], order: Mapping[str, Any]) -> tuple[int, Decimal]:
    """How many of the buyer's orders were placed after this one, which the figures hold, and what they came to."""
    place, last = _place(order), buyer["last_order_at"]
    told = [one for one in buyer["figures_hold"] if _placed(one) > place]
    there = [Decimal(one["amount"]) for one in told if one["amount"] is not None]
    count, spent = 0, Decimal(0)
    # The last one is this one, when it is counted already.
    if last is not None and (last > place[0] or (last == place[0] and order["counted"] is None)):
        count, spent = _counted(scope, buyer["id"], place, told)
    return count + len(there), spent + sum(there, Decimal(0))


def missing(scope: Scope, buyer: Mapping[str, Any], hold: Hold | None, since: datetime) -> tuple[int, Decimal]:
    """How many orders we have counted that figures which hold these do not hold yet, and what they came to."""
    if hold is None:
        return 0, Decimal(0)
    place = max(_placed(hold[0]), (since, 0)) if hold else (since, 0)
    if buyer["last_order_at"] is None or buyer["last_order_at"] < place[0]:
        return 0, Decimal(0)
    return _counted(scope, buyer["id"], place, hold)


def without(hold: Hold | None, order_id: int) -> Hold | None:
    """The same figures after this order was taken out of them."""
    return hold and [{**one, "amount": None} if one["id"] == order_id else one for one in hold]


def united(one: Hold | None, other: Hold | None) -> Hold | None:
    """What the figures of two people hold together."""
    if one is None or other is None:
        return one if other is None else other
    return sorted([*one, *(order for order in other if order not in one)], key=_placed, reverse=True)


def _counted(scope: Scope, person_id: int, place: Place, but: Hold) -> tuple[int, Decimal]:
    """The person's orders behind this place that are counted, without some, and what they came to."""
    ahead = scope.ahead.orders
    known = {one["id"] for one in but}
    given = {"shop_id": scope.shop_id, "person_id": person_id, "at": place[0], "id": place[1]}
    row = scope.connection.execute(_COUNTED, {**given, "but": [*known, *ahead]}).one()
    # What is to be written at the end of the transaction.
    owed = [
        one["counted"]
        for one in ahead.values()
        if one and one["person_id"] == person_id and one["id"] not in known and not one["test"] and _place(one) > place
    ]
    more = [amount for amount in owed if amount is not None]
    return row[0] + len(more), row[1] + sum(more, Decimal(0))


_COUNTED = select(func.count(), func.coalesce(func.sum(orders.c.counted), Decimal(0))).where(
    orders.c.shop_id == bindparam("shop_id"),
    orders.c.person_id == bindparam("person_id"),
    orders.c.counted.is_not(None),
    orders.c.test.is_(False),
    tuple_(orders.c.created_at, orders.c.id) > tuple_(bindparam("at"), bindparam("id")),
    orders.c.id != func.all(bindparam("but", type_=ARRAY(BigInteger))),
)


def _place(order: Mapping[str, Any]) -> Place:
    return order["created_at"], order["id"]


def _placed(one: Mapping[str, Any]) -> Place:
    return _moment(one["at"]), one["id"]


def _moment(text: str) -> datetime:
    at = moment(text)
    assert at is not None
    return at
