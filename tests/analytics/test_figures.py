"""Figures against plain loops over the rows: whatever happens in whatever order, and whoever counts when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text, update

from connector import shops
from connector.models.analytics import AMOUNTS, COUNTS
from connector.models.shop import shops as shops_table
from flows import analytics
from flows.analytics.work import count_due, rebuild_all
from sync.currency import Rates
from tests.analytics.history import Past, rows
from tests.analytics.oracle import attributed, figures, steps
from tests.sync.world import World, world

# Its day begins at a quarter past six in the evening of UTC.
ZONE = "Asia/Kathmandu"


# What each of these notes.
UNNOTED = {
    "outbox_counted": "report", "runs_added": "enter", "runs_counted": "end",
    "goal_watches_counted": "reach", "trail_counted": "enter", "orders_mark": "refund", "orders_added": "buy",
    "outbox_marks": "report",
}  # fmt: skip


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        with made.transaction() as connection:
            connection.execute(update(shops_table).values(timezone=ZONE))
            connection.execute(
                text(
                    "INSERT INTO currency_rates (shop_id, currency, counted_in, since, rate, set_by, set_at)"
                    " SELECT id, 'USD', 'EUR', '2020-01-01', 0.9, 'cli', created_at FROM shops"
                )
            )
            made.shop = shops.load(connection, made.shop.id)
        yield made


def count(shop: World) -> None:
    """Until there is nothing more to count now."""
    shop.clock.pass_seconds(400)
    while count_due(shop.deps, shop.shop, Rates.read).more:
        pass


def counted(shop: World, table: str = "figure_days") -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for row in rows(shop, table):
        key = tuple(row[name] for name in ("flow", "version", "step", "message", "channel"))
        values = {name: row[name] for name in (*COUNTS, *AMOUNTS) if row[name]}
        if values:
            found[(*key, row["day"]) if "day" in row else key] = values
    return found


def counted_steps(shop: World) -> dict[Any, int]:
    keys = ("flow", "version", "step", "what")
    return {tuple(row[name] for name in keys): row["people"] for row in rows(shop, "step_counts") if row["people"]}


def owed(shop: World) -> dict[int, Any]:
    names = ("outbox_id", "touch", "touched_at", "amount", "refunded", "revenue")
    return {row["order_id"]: tuple(row[name] for name in names) for row in rows(shop, "attributions")}


def expected(found: dict[int, Any]) -> dict[int, Any]:
    return {order: (row[0]["id"], *row[1:6]) for order, row in found.items()}


def assert_right(shop: World) -> None:
    assert owed(shop) == expected(attributed(shop))
    assert counted(shop) == figures(shop, ZONE)
    assert counted_steps(shop) == steps(shop)


@pytest.mark.parametrize("seed", range(2))
def test_they_are_what_the_rows_say_whenever_they_are_counted(shop: World, seed: int) -> None:
    past = Past(shop, seed)
    # Half of it was there before anybody counted.
    past.go_on(90)
    count(shop)
    assert_right(shop)
    for _ in range(3):
        past.go_on(40)
        count(shop)
    assert_right(shop)
    assert len(owed(shop)) > 5 and {row[1] for row in owed(shop).values()} >= {"clicked", "opened"}
    increments = counted(shop), counted(shop, "figure_totals"), counted_steps(shop), owed(shop)
    with shop.deps.open(shop.shop) as scope:
        rebuild_all(scope)
    assert (counted(shop), counted(shop, "figure_totals"), counted_steps(shop), owed(shop)) == increments
    count(shop)
    assert_right(shop)
    assert rows(shop, "figure_changes") == rows(shop, "step_changes") == rows(shop, "attribution_marks") == []


def test_a_change_that_nobody_notes_is_found(shop: World) -> None:
    """The control: the comparison fails when one kind of change is not told of, and counting anew mends it."""
    past = Past(shop, 1)
    past.go_on(100)
    count(shop)
    assert_right(shop)
    for trigger, act in UNNOTED.items():
        table = trigger.rpartition("_")[0]
        with shop.transaction() as connection:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
        past.go_on(8, act)
        count(shop)
        with shop.transaction() as connection:
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"))
        with pytest.raises(AssertionError):
            assert_right(shop)
        with shop.deps.open(shop.shop) as scope:
            rebuild_all(scope)
        count(shop)
        assert_right(shop)


def test_the_first_touch_is_not_the_last(shop: World) -> None:
    """The control: another rule of attribution would be noticed."""
    past = Past(shop, 2)
    past.go_on(200)
    count(shop)
    assert owed(shop) == expected(attributed(shop)) != expected(attributed(shop, last=False))


def test_other_windows_are_another_history(shop: World) -> None:
    past = Past(shop, 0)
    past.go_on(200)
    count(shop)
    before = owed(shop)
    narrow = {"email": {"clicked_days": 1, "opened_days": 0}, "sms": {"sent_days": 0}}
    with shop.transaction() as connection:
        shops.change_settings(connection, shop.shop.id, {"attribution": narrow})
        shop.shop = shops.load(connection, shop.shop.id)
    count(shop)
    windows = {("email", "clicked_at"): 1, ("sms", "clicked_at"): 2}
    windows |= {("whatsapp", "clicked_at"): 2, ("whatsapp", "opened_at"): 2}
    assert owed(shop) == expected(attributed(shop, windows)) != before
    assert len(owed(shop)) < len(before)


def test_what_is_read_is_the_sum_of_what_was_counted(shop: World) -> None:
    past = Past(shop, 5)
    past.go_on(200)
    count(shop)
    days, since, until = figures(shop, ZONE), date(2026, 10, 25), date(2026, 10, 29)

    def total(name: str, **wanted: Any) -> Any:
        places = {"flow": 0, "version": 1, "step": 2, "message": 3, "channel": 4}
        fits = [
            found.get(name, 0)
            for key, found in days.items()
            if all(key[places[what]] == value for what, value in wanted.items() if what in places)
            and wanted.get("since", date.min) <= key[5] <= wanted.get("until", date.max)
        ]
        return sum(fits, Decimal(0))

    with shop.transaction() as connection:
        for span in ({}, {"since": since, "until": until}, {"since": since}):
            by_flow = analytics.by_flow(connection, shop.shop, **span)
            by_channel = analytics.by_channel(connection, shop.shop, **span)
            messages = analytics.by_message(connection, shop.shop, "cart", **span)
            for name in analytics.NOTHING.__dataclass_fields__:
                for flow, found in by_flow.items():
                    assert getattr(found, name) == total(name, flow=flow, **span), (name, flow, span)
                for channel, found in by_channel.items():
                    assert getattr(found, name) == total(name, channel=channel, **span)
                for one in messages:
                    mine = {"flow": "cart", "version": one.version, "step": one.step, "channel": one.channel}
                    assert getattr(one.figures, name) == total(name, **mine, **span)
            assert set(by_flow) == {"cart", "welcome"} and len(messages) == 4
        found = analytics.by_day(connection, shop.shop, since, until, flow="cart", channel="sms")
        assert [one.date for one in found] == [since + timedelta(days=n) for n in range(5)]
        for one in found:
            wanted = {"flow": "cart", "channel": "sms", "since": one.date, "until": one.date}
            assert one.figures.sent == total("sent", **wanted)
        assert len(analytics.by_day(connection, shop.shop, date(2020, 1, 1), until)) == analytics.MOST_DAYS
        # Another shop has none of it, and one without anything has nothing to divide by.
        stranger = replace(shop.shop, id=shop.shop.id + 1)
        assert analytics.by_flow(connection, stranger) == {} == analytics.by_channel(connection, stranger)
        assert (
            analytics.by_step(connection, stranger, "cart") == [] == analytics.by_message(connection, stranger, "cart")
        )
        assert analytics.recipients(connection, stranger, "cart").rows == []
        assert analytics.measured_at(connection, stranger) is None
    nothing = analytics.NOTHING
    rates = ("open_rate", "click_rate", "bounce_rate", "conversion_rate", "revenue_per_recipient", "time_to_conversion")
    assert [getattr(nothing, name) for name in rates] == [None] * 6


def test_lists_go_page_by_page(shop: World) -> None:
    past = Past(shop, 3)
    past.go_on(250)
    count(shop)
    sent = [row for row in rows(shop, "outbox") if row["flow"] == "cart" and row["message"]]
    bought = [row for row in rows(shop, "attributions") if row["flow"] == "cart"]
    owed_to = {row["outbox_id"] for row in bought}
    with shop.transaction() as connection:
        for message in (None, "first"):
            found, cursor = [], None
            while True:
                page = analytics.recipients(connection, shop.shop, "cart", message=message, after=cursor, size=7)
                found += page.rows
                if (cursor := page.next) is None:
                    break
            wanted = [row["id"] for row in sent if message in (None, row["message"])]
            assert [one.outbox_id for one in found] == sorted(wanted, reverse=True)
            assert all((one.order_id is not None) == (one.outbox_id in owed_to) for one in found)
        purchases, cursor = [], None
        while True:
            listed = analytics.buyers(connection, shop.shop, "cart", after=cursor, size=3)
            purchases += listed.rows
            if (cursor := listed.next) is None:
                break
        newest = sorted(bought, key=lambda row: (row["placed_at"], row["order_id"]), reverse=True)
        assert [one.order_id for one in purchases] == [row["order_id"] for row in newest] and len(newest) > 5
        assert all(one.order_name == f"#{one.order_id}" for one in purchases)
        waiting = analytics.unpriced(connection, shop.shop, "cart").rows
        assert {one.order_id for one in waiting} == {row["order_id"] for row in bought if row["revenue"] is None}
