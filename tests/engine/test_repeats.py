"""The same news again, in any order, late, under other ids: the same end state as once and in order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from uuid import uuid5

import pytest
from sqlalchemy import text

from connector.db.schema import metadata
from connector.eventlog import NAMESPACE, Fact
from connector.models.event import events
from connector.models.flow import runs, timers
from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, identities, persons
from connector.models.store import checkouts, orders
from connector.outbox import SETTLED
from tests.engine.installation import DAY, START, ConnectedShop, Installation
from tests.engine.payloads import JSON, checkout, consent, customer, embedded, line, order

ANN = "ann@example.com"
TIMES = 8
SEEDS = 1
Told = tuple[str, JSON]
Dump = dict[str, Any]
# Ours alone: how often and when we looked, and in which order rows were made.
_INNER = {
    "shop_id", "id", "seq", "received_at", "created_at", "version", "since", "position", "person_id", "entered_at",
    "ended_at", "outbox_id", "counted_at",
}  # fmt: skip


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def browsing() -> list[Told]:
    """Ann signs up, fills a cart, gives her address, changes the cart and her name."""
    mug, bowl = line(), line("Bowl", "45.00", product_id=102)
    return [
        ("customers/create", customer(1, ANN, minute(0))),
        ("customers_email_marketing_consent/update", consent(1, ANN, "subscribed", minute(0))),
        ("checkouts/create", checkout("tok", None, minute(5), items=[mug])),
        ("checkouts/update", checkout("tok", ANN, minute(5), minute(7), items=[mug])),
        ("checkouts/update", checkout("tok", ANN, minute(5), minute(12), items=[mug, bowl])),
        ("customers/update", customer(1, ANN, minute(14), first_name="Ann", last_name="Lee")),
    ]


def buying() -> list[Told]:
    """And buys it."""
    done = minute(20).isoformat()
    buyer = {"customer": embedded(1, ANN)}
    sale = order(9, ANN, minute(20), token="tok", **buyer)
    return [
        *browsing(),
        ("checkouts/update", checkout("tok", ANN, minute(5), minute(20), completed_at=done, **buyer)),
        ("orders/create", sale),
        ("orders/paid", sale),
        ("customers/update", customer(1, ANN, minute(21), first_name="Ann", last_name="Lee-Fox")),
    ]


def cancelling() -> list[Told]:
    """And cancels the order."""
    changes = {"updated": minute(30), "cancelled_at": minute(30).isoformat(), "financial_status": "refunded"}
    cancelled = order(9, ANN, minute(20), token="tok", customer=embedded(1, ANN), **changes)
    return [*buying(), ("orders/cancelled", cancelled), ("orders/updated", cancelled)]


def plain(row: Any, *extra: str) -> tuple[Any, ...]:
    left = {name: value for name, value in row._mapping.items() if name not in _INNER or name in extra}
    return tuple(sorted((name, repr(value)) for name, value in left.items()))


def dump(shop: ConnectedShop, *, times: bool) -> Dump:
    """What the shop holds, but for what is only about how it came to be. ``times``: of what was sent."""
    mails = shop.sent()
    return {
        "persons": sorted(plain(row) for row in shop.rows(persons)),
        "identities": sorted((row.kind, row.value) for row in shop.rows(identities)),
        "consents": sorted(plain(row) for row in shop.rows(consents)),
        "checkouts": sorted(plain(row) for row in shop.rows(checkouts)),
        "orders": sorted(plain(row, "id", "created_at") for row in shop.rows(orders)),
        # Without what a fact carries along: that is of the copy that told it first. What was settled, the outbox tells;
        # what the provider tells is known by its own ids of mails, which are compared below.
        "events": sorted(
            (str(row.id), row.name, row.subject, row.key, row.person_id, row.occurred_at)
            for row in shop.rows(events)
            if row.name != SETTLED and row.source != "brevo"
        ),
        "runs": sorted((*plain(row, "id"), row.position["at"]) for row in shop.rows(runs)),
        "timers": sorted((row.kind, row.key, row.due_at) for row in shop.rows(timers)),
        "outbox": sorted((row.key, row.message, row.state, row.reason) for row in shop.rows(outbox)),
        "ledger": sorted(row.flow for row in shop.rows(send_ledger)),
        "mails": sorted(mails) if times else sorted(name for name, _ in mails),
    }


def differences(found: Dump, expected: Dump) -> dict[str, tuple[Any, Any]]:
    """{part: (what only ``found`` has, what only ``expected`` has)} of the parts that differ."""
    return {
        name: tuple([entry for entry in one if entry not in other] for one, other in (pair, pair[::-1]))
        for name in expected
        if (pair := (found[name], expected[name]))[0] != pair[1]
    }


def in_order(story: Sequence[Told]) -> list[tuple[Told, str]]:
    return [(one, f"w{number}") for number, one in enumerate(story)]


def shuffled(story: Sequence[Told], chance: Random) -> list[tuple[Told, str]]:
    """Each eight times, half under its own webhook id and half under new ones."""
    copies = [
        (one, f"w{number}" if copy % 2 else f"w{number}-{copy}")
        for number, one in enumerate(story)
        for copy in range(TIMES)
    ]
    chance.shuffle(copies)
    return copies


def end_of(
    product: Installation,
    deliveries: Sequence[tuple[Told, str]],
    *,
    late: timedelta = timedelta(0),
    stops: Collection[int] = (),
    decide: bool = True,
) -> Dump:
    """The end, four days on, in a shop that begins with nothing.

    Everything arrives when the last of it has happened, or ``late``. After the deliveries in ``stops`` what arrived
    is worked off, up to the decisions with ``decide``.
    """
    _begin_anew(product)
    shop = product.connect(offers={"cart": {"code": "CART10"}})
    product.at(minute(31) + late)
    for number, ((topic, body), webhook_id) in enumerate(deliveries):
        shop.deliver(topic, body, webhook_id=webhook_id)
        if number in stops:
            product.settle(*(() if decide else ("intake", "fetch")))
    product.settle("intake", "fetch")
    product.play_to(START + 4 * DAY)
    return dump(shop, times=not late)


def _begin_anew(product: Installation) -> None:
    """With the numbers of shops and persons too: ids of events are made of them."""
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with product.deps.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    product.deps.redis.flushdb()


# Whether people are decided about while the news still come in: not where a decision rests on what has not come yet,
# as a sign-up that is heard of after the purchase, or a cart of an hour ago whose last change is under way.
STORIES = {
    "browsing": (browsing, True, timedelta(0)),
    "browsing, an hour late": (browsing, False, timedelta(hours=1)),
    "buying": (buying, False, timedelta(0)),
    "cancelling, an hour late": (cancelling, False, timedelta(hours=1)),
}


SHORT = ("browsing", "buying")


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in SHORT else pytest.mark.long) for one in STORIES])
def test_repeated_shuffled_late_and_renamed_is_once_in_order(product: Installation, name: str) -> None:
    story, decide, late = STORIES[name]
    once = in_order(story())
    expected = end_of(product, once, late=late, stops=range(len(once)), decide=decide)
    assert expected["events"] and expected["persons"]
    assert (len(expected["mails"]) > 4) == ("browsing" in name), "the flows ran"
    for seed in range(SEEDS):
        chance = Random(f"{name} {seed}")
        mixed = shuffled(story(), chance)
        stops = chance.sample(range(len(mixed)), 5)
        found = end_of(product, mixed, late=late, stops=stops, decide=decide)
        assert differences(found, expected) == {}, f"seed {seed}"


def test_an_hour_late_is_in_time_but_for_what_was_due_meanwhile(product: Installation) -> None:
    once = in_order(browsing())
    in_time, late = end_of(product, once), end_of(product, once, late=timedelta(hours=1))
    in_time["mails"] = sorted(name for name, _ in in_time["mails"])
    assert differences(late, in_time) == {}


@pytest.mark.long
def test_events_that_are_known_by_their_webhook_are_told_again(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: it is the identity of the fact, not of its delivery, that makes the end the same."""
    numbers = count()
    monkeypatch.setattr(Fact, "id", lambda fact, shop_id: uuid5(NAMESPACE, f"{fact.identity}:{next(numbers)}"))
    once = in_order(buying())
    expected = end_of(product, once)
    found = end_of(product, [*once, *[(one, f"{webhook_id}-2") for one, webhook_id in once]])
    assert "events" in differences(found, expected)
