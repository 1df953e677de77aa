"""An alert is raised once, told once by email, kept while its cause is there, and taken back by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, insert, update

from connector import shops
from connector.db.session import transaction
from connector.errors import Retry
from connector.models.alert import alert_looks, alerts, delivery_days
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.outgoing import webhook_endpoints
from connector.models.person import person_work
from connector.models.sync import feed, fetches, sync_state
from connector.models.task import tasks
from connector.pauses import hold, lift
from connector.shops import Shop
from connector.web import backlog
from flows.actions import notify
from flows.analytics import Day, Figures
from sync.alerts import KINDS, history, look_due, open_alerts, see
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation, installation

OWNER = "owner@shop.example"
MINUTE = timedelta(minutes=1)


class Mailbox:
    """Takes the letters; ``fails``: the answers that come first."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.doubted: list[bool] = []
        self.fails: list[Exception] = []
        self.letter = notify.letter

    def act(self, deps: object, shop: object, prepared: Any) -> dict[str, Any]:
        self.doubted.append(prepared["doubted"])
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append(prepared["body"])
        return {"message_id": "<1@x>"}


def usual(connection: Connection, shop: Shop, since: date, until: date, *, channel: str | None = None) -> Sequence[Day]:
    return [Day(since + timedelta(days=n), Figures(sent=100, opened=30)) for n in range((until - since).days + 1)]


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        made.clock.hold()
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[], notify=[OWNER])


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def look(shop: ConnectedShop, mailbox: Mailbox | None = None) -> dict[tuple[str, str], Any]:
    """One look now; what stands after it."""
    with transaction(shop.deps.engine) as connection:
        connection.execute(update(alert_looks).values(due_real=shop.installation.clock.machine()))
        current = shops.load(connection, shop.id)
    while look_due(shop.deps, current, by_day=usual, backlog=backlog, mail=mailbox or Mailbox()).done:
        pass
    with transaction(shop.deps.engine) as connection:
        return {(one.kind, one.subject): one for one in open_alerts(connection, shop.id)}


def past(shop: ConnectedShop) -> list[Any]:
    with transaction(shop.deps.engine) as connection:
        return history(connection, shop.id)


def put(shop: ConnectedShop, table: Any, **values: Any) -> None:
    with transaction(shop.deps.engine) as connection:
        connection.execute(insert(table).values(shop_id=shop.id, **values))


def later(shop: ConnectedShop, span: timedelta) -> None:
    shop.installation.at(shop.installation.now + span)
    shop.installation.skip(span.total_seconds())


def test_a_shop_in_which_all_is_well_has_no_alert(shop: ConnectedShop) -> None:
    assert look(shop) == {}
    assert past(shop) == []


def test_stuck_work_is_raised_once_mailed_once_and_taken_back_when_it_is_done(
    shop: ConnectedShop, mailbox: Mailbox
) -> None:
    machine = shop.installation.clock.machine()
    put(shop, person_work, person_id=1, pending=True, since_real=machine - 5 * MINUTE)
    assert look(shop, mailbox) == {}, "five minutes are no reason to call anybody"
    later(shop, 6 * MINUTE)
    one = look(shop, mailbox)["stuck_work", "persons"]
    assert one.sentence.startswith("People wait for their flows to be decided, the oldest for 11 minutes.")
    (mail,) = mailbox.sent
    assert [to["email"] for to in mail["to"]] == [OWNER] and one.sentence in mail["textContent"]
    assert f"/admin/shops/{shop.id}/alerts" in mail["textContent"] and "Work is stuck" in mail["subject"]
    later(shop, HOUR)
    again = look(shop, mailbox)["stuck_work", "persons"]
    assert again.id == one.id and "71 minutes" in again.sentence and len(mailbox.sent) == 1
    with transaction(shop.deps.engine) as connection:
        connection.execute(update(person_work).values(pending=False))
    later(shop, MINUTE)
    assert ("stuck_work", "persons") in look(shop), "it settles first"
    later(shop, 11 * MINUTE)
    assert look(shop) == {}
    assert [(one.id, one.cleared_at is not None) for one in past(shop)] == [(one.id, True)]


def test_what_comes_and_goes_does_not_call_again_the_same_day(shop: ConnectedShop, mailbox: Mailbox) -> None:
    def pause(on: bool) -> None:
        with transaction(shop.deps.engine) as connection:
            if on:
                hold(connection, shop.id, "email", "no_credits", "402", shop.installation.now)
            else:
                lift(connection, shop.id)

    for hours, mails in ((1, 1), (30, 1), (1, 2)):
        pause(True)
        one = look(shop, mailbox)["paused_channel", "email"]
        assert one.sentence.startswith("Sending emails is paused. Brevo says that the account has no credits left")
        assert len(mailbox.sent) == mails
        pause(False)
        later(shop, timedelta(hours=hours))
        assert look(shop, mailbox) == {}
    assert len(past(shop)) == 3


def test_an_email_that_was_not_accepted_is_tried_again_and_one_that_may_have_left_is_looked_for(
    shop: ConnectedShop, mailbox: Mailbox
) -> None:
    mailbox.fails = [Retry("brevo", "busy", status=503)]
    put(shop, person_work, person_id=1, pending=True, since_real=shop.installation.clock.machine() - HOUR)
    look(shop, mailbox)
    assert mailbox.sent == []
    later(shop, 2 * HOUR)
    look(shop, mailbox)
    assert len(mailbox.sent) == 1 and mailbox.doubted == [False, True]
    assert shop.rows(alerts)[0].mail == "sent"


def test_without_addresses_nobody_is_written_to(product: Installation, mailbox: Mailbox) -> None:
    shop = product.connect(flows=[])
    put(shop, person_work, person_id=1, pending=True, since_real=product.clock.machine() - HOUR)
    assert look(shop, mailbox) and mailbox.sent == [] and shop.rows(alerts)[0].mail is None


def test_what_was_given_up_fails_or_is_late_is_told(shop: ConnectedShop) -> None:
    now, machine = shop.installation.now, shop.installation.clock.machine()
    put(
        shop, inbox, received_at=now, received_real=machine, source="shopify", topic="orders/create", external_id="x",
        lane="commerce", state="poison", raw=b"{", headers={}, attempts=9,
    )  # fmt: skip
    endpoint = {
        "url": "https://erp.example/", "description": "", "events": [], "include_person": False, "secret": "",
        "created_at": now, "state": "active",
    }  # fmt: skip
    put(shop, webhook_endpoints, **endpoint, id=1, failing_since_real=machine - 2 * HOUR)
    put(shop, webhook_endpoints, **endpoint, id=2, failing_since_real=machine - MINUTE)
    put(shop, webhook_endpoints, **{**endpoint, "state": "disabled"}, id=3, reason="failing")
    put(shop, webhook_endpoints, **{**endpoint, "state": "disabled"}, id=4, reason="by_staff")
    given = {
        "person_id": 1, "run_id": "00000000-0000-0000-0000-000000000001", "flow": "f", "step": "s", "title": "Call",
        "details": "", "made_at": now - 9 * DAY, "state": "open",
    }  # fmt: skip
    put(shop, tasks, **given, outbox_id=1, due_at=now - 4 * DAY)
    put(shop, tasks, **given, outbox_id=2, due_at=now - DAY)
    found = look(shop)
    assert set(found) == {
        ("stopped_work", "deliveries"), ("failing_webhook", "1"), ("failing_webhook", "3"), ("overdue_tasks", ""),
    }  # fmt: skip
    assert found["failing_webhook", "3"].tone == "critical" and "switched off" in found["failing_webhook", "3"].sentence
    assert found["overdue_tasks", ""].sentence.startswith("A task is more than three days late.")


GIVEN_UP = {
    "messages": "Brevo refused 5 messages in one day.",
    "records": "Brevo refused 5 contacts, orders or products in one day.",
    "events": "Brevo refused 5 events in one day.",
    "fetches": "5 records could not be read from the store in one day.",
}


def given_up(shop: ConnectedShop, numbers: range) -> None:
    """As many of each kind of work."""
    now, machine = shop.installation.now, shop.installation.clock.machine()
    for n in numbers:
        tried = {"due_real": machine, "attempts": 9, "reason": "400"}
        put(
            shop, outbox, key=f"k{n}", run_id=uuid4(), flow="f", version=1, person_id=1, step="s", channel="email",
            message="m", purpose="marketing", priority=1, state="failed", created_at=now, due_at=now, deadline=now,
            deferrals=0, attempts=1,
        )  # fmt: skip
        put(shop, sync_state, entity="contact", entity_id=n, wanted_version=1, sent_version=0, state="failed", **tried)
        put(shop, feed, person_id=n, event_id=uuid4(), name="order_placed", body={}, state="refused", **tried)
        put(shop, fetches, kind="Order", remote_id=n, state="failed", wanted=1, **tried)


def test_work_that_is_given_up_is_told_of_each_kind_and_one_now_and_then_is_not(shop: ConnectedShop) -> None:
    given_up(shop, range(1, 5))
    assert look(shop) == {}, "four of a kind are nothing to be called for"
    given_up(shop, range(5, 6))
    found = look(shop)
    assert set(found) == {("stopped_work", subject) for subject in GIVEN_UP}
    for subject, said in GIVEN_UP.items():
        assert found["stopped_work", subject].sentence.startswith(said), subject
    later(shop, 25 * HOUR)
    assert look(shop) == {}, "what was given up before the last day calls nobody again"


def delivered(shop: ConnectedShop, topic: str, *moments: datetime) -> None:
    """Deliveries that came and were applied."""
    told = {
        "shop_id": shop.id, "received_real": shop.installation.clock.machine(), "source": "shopify", "topic": topic,
        "lane": "other", "state": "done", "raw": b"{}", "headers": {}, "attempts": 1,
    }  # fmt: skip
    with transaction(shop.deps.engine) as connection:
        rows = [{**told, "received_at": at, "external_id": f"{topic}{at.isoformat()}"} for at in moments]
        connection.execute(insert(inbox), rows)


def test_a_topic_that_used_to_come_and_does_not_is_told_and_one_of_another_shop_is_none_of_ours(
    product: Installation, shop: ConnectedShop
) -> None:
    other, began = product.connect("other.myshopify.com", flows=[]), product.now
    every = [began + number * DAY / 20 for number in range(1, 28 * 20 + 1)]
    delivered(shop, "products/update", *every)
    delivered(other, "orders/create", *every)
    product.at(every[-1])
    assert look(shop) == {}
    later(shop, 20 * HOUR)
    assert look(shop) == {}
    later(shop, 6 * HOUR)
    delivered(other, "products/update", product.now)
    (one,) = look(shop).values()
    assert one.kind == "silent_webhooks" and "The store has sent no products/update since" in one.sentence
    delivered(shop, "products/update", product.now)
    assert look(shop) == {}, "it came again"
    counted = shop.rows(delivery_days)
    assert sum(row.deliveries for row in counted) == 28 * 20 + 1, "each is counted once, however often it is looked"


def test_more_deliveries_than_one_look_counts_are_counted_by_the_next(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.alerts.rhythm.AT_ONCE", 3)
    began = shop.installation.now
    delivered(shop, "orders/create", *(began + number * MINUTE for number in range(8)))
    look(shop)
    assert [row.deliveries for row in shop.rows(delivery_days)] == [8]


def test_somebody_looks_after_it_and_it_is_noted_who(shop: ConnectedShop) -> None:
    put(shop, person_work, person_id=1, pending=True, since_real=shop.installation.clock.machine() - HOUR)
    (one,) = look(shop).values()
    with shop.scope() as scope:
        assert see(scope, one.id, by="staff:1")
        assert not see(scope, one.id, by="staff:2")
        with pytest.raises(LookupError):
            see(scope, one.id + 1, by="staff:1")
    assert [(it.seen_by, it.id) for it in look(shop).values()] == [("staff:1", one.id)]


def test_a_kind_that_fails_keeps_back_none_of_the_others(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(look: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setitem(KINDS, "paused_channel", replace(KINDS["paused_channel"], look=fails))
    put(shop, person_work, person_id=1, pending=True, since_real=shop.installation.clock.machine() - HOUR)
    assert set(look(shop)) == {("stuck_work", "persons")}


def test_the_sweeper_finds_the_shop_again_after_some_minutes(product: Installation, shop: ConnectedShop) -> None:
    with transaction(shop.deps.engine) as connection:
        connection.execute(update(alert_looks).values(due_real=product.clock.machine()))
    assert ("alerts", shop.id) in product.due()
    product.settle("alerts")
    assert ("alerts", shop.id) not in product.due()
    product.skip(301)
    assert ("alerts", shop.id) in product.due()
