"""What is past its retention goes, what is not stays, in batches, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connector import clockwork, housekeeping, pulse
from connector.clock import monotonic
from connector.db import partitions
from connector.db.session import transaction
from connector.deps import Deps
from connector.housekeeping import keep_house
from connector.locks import HOUSEKEEPING
from connector.models.inbox import inbox, inbox_keys
from connector.models.outbox import attempts
from connector.models.short_link import short_link_clicks, short_links
from connector.models.sync import feed, fetches
from connector.queue import bells
from tests.engine.installation import ConnectedShop, installation

DAY = timedelta(days=1)


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


@pytest.fixture
def database_url(fresh_database: str) -> str:
    """Which months are there matters here."""
    return fresh_database


def insert(shop: ConnectedShop, table: Any, *rows: dict[str, Any]) -> None:
    with transaction(shop.deps.engine) as connection:
        connection.execute(table.insert(), [{"shop_id": shop.id, **row} for row in rows])


def delivery(shop: ConnectedShop, days: float, state: str = "done") -> dict[str, Any]:
    at = shop.installation.now - days * DAY
    return {
        "received_at": at, "received_real": at, "source": "shopify", "topic": "t", "external_id": f"{state}-{days}",
        "lane": "other", "state": state, "raw": b"{}", "headers": {}, "attempts": 0,
    }  # fmt: skip


def make_months(shop: ConnectedShop, days: float) -> None:
    """As if housekeeping had been at it since then."""
    with transaction(shop.deps.engine) as connection:
        partitions.ensure(connection, shop.installation.now - days * DAY, months_ahead=int(days / 28) + 1)


def months(shop: ConnectedShop, table: str = "inbox") -> list[str]:
    with transaction(shop.deps.engine) as connection:
        return [f"{month.start:%m}" for month in partitions.present(connection, table)]


def left(shop: ConnectedShop, table: Any, column: str = "external_id") -> list[Any]:
    return [getattr(row, column) for row in shop.rows(table)]


# It is 2 November: 40 days ago is 23 September, 180 days ago 6 May.


def test_old_months_of_the_inbox_go_and_what_is_open_or_stopped_stays_longer(shop: ConnectedShop) -> None:
    make_months(shop, 230)
    assert months(shop)[:3] == ["03", "04", "05"]
    insert(
        shop,
        inbox,
        delivery(shop, 226, "quarantined"),  # March: too old even for this
        delivery(shop, 200, "new"),  # April: open, whatever its age
        delivery(shop, 150, "poison"),  # June: stopped, kept for 180 days
        delivery(shop, 120),  # July
        delivery(shop, 41),  # September: the month is not over for long enough
        delivery(shop, 1),
    )
    done = keep_house(shop.deps)
    assert months(shop)[:6] == ["04", "06", "09", "10", "11", "12"]
    assert done["inbox months dropped"] == 4
    assert sorted(left(shop, inbox)) == ["done-1", "done-41", "new-200", "poison-150"]
    assert keep_house(shop.deps) == dict.fromkeys(housekeeping.TASKS, 0), "a second round has nothing to do"


def test_what_lies_in_the_default_partition_goes_row_by_row(shop: ConnectedShop) -> None:
    insert(
        shop, inbox, delivery(shop, 300), delivery(shop, 300, "new"), delivery(shop, 300, "poison"),
        delivery(shop, 150, "poison"), delivery(shop, 60, "ignored"), delivery(shop, 39),
    )  # fmt: skip
    assert keep_house(shop.deps)["deliveries"] == 3
    assert sorted(left(shop, inbox)) == ["done-39", "new-300", "poison-150"]


def test_keys_attempts_fetches_and_told_events_go_when_they_are_old(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    now, machine = shop.installation.now, shop.installation.clock.machine()
    insert(shop, inbox_keys, *({"source": "s", "external_id": str(days), "received_at": now - days * DAY}
                               for days in (44, 43, 42, 41, 39)))  # fmt: skip
    insert(shop, attempts, *({"outbox_id": days, "n": 1, "outbox_created_at": now - days * DAY, "result": "accepted",
                              "started_real": machine, "detail": {}} for days in (500, 399)))  # fmt: skip
    insert(shop, fetches, *({"kind": "Customer", "remote_id": number, "state": state, "wanted": 1, "attempts": 0,
                             "due_real": machine - days * DAY}
                            for number, (state, days) in enumerate((("done", 41), ("due", 41), ("done", 39)))
                            ))  # fmt: skip
    insert(shop, feed, *({"person_id": 1, "event_id": f"11111111-1111-1111-1111-11111111111{number}", "name": str(days),
                          "body": {}, "state": state, "due_real": machine - days * DAY, "attempts": 0}
                         for number, (state, days) in enumerate(
                             (("sent", 50), ("due", 49), ("refused", 48), ("sent", 47), ("sent", 39)))
                         ))  # fmt: skip
    done = keep_house(shop.deps)
    assert left(shop, inbox_keys) == ["39"]
    assert left(shop, attempts, "outbox_id") == [399]
    assert sorted(left(shop, fetches, "remote_id")) == [1, 2]
    assert (done["keys"], done["attempts"], done["fetches"]) == (4, 1, 1)
    # Two at a time from the oldest on: the one that is due holds its place and ends the round early.
    assert "50" not in left(shop, feed, "name") and {"49", "39"} <= set(left(shop, feed, "name"))
    monkeypatch.setattr(housekeeping, "BATCH", 2000)
    keep_house(shop.deps)
    assert left(shop, feed, "name") == ["49", "39"]


def test_a_month_of_attempts_goes_as_a_whole(shop: ConnectedShop) -> None:
    make_months(shop, 480)
    done = keep_house(shop.deps)
    assert done["attempts months dropped"] == 2 and done["contents months dropped"] > 6
    assert (months(shop, "attempts")[0], months(shop, "message_contents")[0]) == ("09", "08")


def test_months_ahead_are_made(shop: ConnectedShop) -> None:
    assert months(shop)[-1] == "02"
    shop.installation.at(shop.installation.now + 60 * DAY)
    assert keep_house(shop.deps)["months made"] == 8
    assert months(shop)[-1] == "04"


def test_bells_that_nobody_answers_do_not_pile_up(shop: ConnectedShop) -> None:
    redis = shop.deps.redis
    for _ in range(12):
        bells.ring(redis, "flows", shop.id)
        bells.clear(redis, "flows")
    bells.ring(redis, "intake", shop.id)
    assert len(redis.keys("rq:job:*")) == 13
    assert bells.thin_out(redis, most=10) == 2
    assert (redis.llen("rq:queue:flows"), redis.llen("rq:queue:intake"), len(redis.keys("rq:job:*"))) == (10, 1, 11)
    with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        assert bells.thin_out(nowhere) == 0


def test_two_do_not_keep_house_at_once(shop: ConnectedShop) -> None:
    insert(shop, inbox_keys, {"source": "s", "external_id": "1", "received_at": shop.installation.now - 50 * DAY})
    with transaction(shop.deps.engine) as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": HOUSEKEEPING})
        assert keep_house(shop.deps)["keys"] == 0
    assert keep_house(shop.deps)["keys"] == 1


def test_a_month_in_use_is_left_alone_and_the_intake_hardly_waits(shop: ConnectedShop) -> None:
    """Dropping a month needs the whole table for a moment. While a long reader has it, we give up soon: whoever
    stores a delivery stands in line behind us, and must not stand there for long."""
    make_months(shop, 120)
    insert(shop, inbox_keys, {"source": "s", "external_id": "1", "received_at": shop.installation.now - 50 * DAY})
    waited: list[float] = []

    def store() -> None:
        began = monotonic()
        shop.deliver("t", {})
        waited.append(monotonic() - began)

    url = shop.deps.settings.database_url.replace("+psycopg", "")
    with closing(psycopg.connect(url)) as reader:
        reader.execute("SELECT count(*) FROM inbox")
        storing = threading.Timer(0.2, store)
        storing.start()
        with pytest.raises(DBAPIError):
            keep_house(shop.deps)
        storing.join()
    assert months(shop)[0] == "07" and waited[0] < 2.0
    assert "1" not in left(shop, inbox_keys), "the other tasks had their turn"
    keep_house(shop.deps)
    assert months(shop)[0] == "09"


def test_the_pulse_tells_whether_the_clock_process_comes_through(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deps, stop = shop.deps, threading.Event()

    def sign(name: str) -> pulse.Sign:
        return pulse.signs(deps.redis, [name], deps.clock.machine())[name]

    def fail(*_: object, **__: object) -> None:
        seen.append(1)
        if len(seen) == 2:
            stop.set()
        raise DBAPIError("due", {}, Exception())

    seen: list[int] = []
    assert sign(pulse.CLOCK).state == "silent"
    with monkeypatch.context() as patch:
        patch.setattr(clockwork, "due", fail)
        patch.setattr(stop, "wait", lambda seconds: None)
        clockwork.run(deps, stop)
    told = sign(pulse.CLOCK)
    assert (told.state, told.failures, told.error) == ("failing", 2, "DBAPIError")

    stop = threading.Event()
    monkeypatch.setattr(clockwork, "due", lambda *_, **__: stop.set() or {})
    clockwork.run(deps, stop)
    assert (sign(pulse.CLOCK).state, sign(pulse.CLOCK).failures) == ("alive", 0)
    shop.installation.skip(60)
    assert sign(pulse.CLOCK).state == "silent"


def test_housekeeping_that_fails_shows_and_is_tried_again(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    story: list[tuple[float, str]] = []

    def rest(seconds: float) -> None:
        signs = pulse.signs(shop.deps.redis, [pulse.HOUSEKEEPING], shop.deps.clock.machine())
        story.append((seconds, signs[pulse.HOUSEKEEPING].state))
        shop.installation.skip(seconds)
        if len(story) == 2:
            # An emptied Redis does not make it look dead for the rest of the hour.
            shop.deps.redis.flushdb()
        if len(story) == 3:
            stop.set()

    def once(deps: Deps, stop: threading.Event) -> dict[str, int]:
        if not story:
            raise DBAPIError("x", {}, Exception())
        return keep_house(deps, stop)

    monkeypatch.setattr(stop, "wait", rest)
    monkeypatch.setattr(housekeeping, "keep_house", once)
    housekeeping.run(shop.deps, stop)
    assert story == [(60.0, "failing"), (30.0, "alive"), (30.0, "alive")]


def test_old_short_links_go_with_their_clicks(shop: ConnectedShop) -> None:
    for days in (399, 401):
        link = {"shop_id": shop.id, "id": f"link{days:06}", "target": "https://goods.example/", "outbox_id": 1}
        insert(shop, short_links, {**link, "created_at": shop.installation.now - days * DAY})
        click = {"shop_id": shop.id, "link_id": link["id"], "n": 1, "outbox_id": 1, "clicked_at": shop.installation.now}
        insert(shop, short_link_clicks, click)
    done = keep_house(shop.deps)
    assert (done["short links"], done["clicks"]) == (1, 1)
    assert left(shop, short_links, "id") == left(shop, short_link_clicks, "link_id") == ["link000399"]
