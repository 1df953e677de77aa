"""What no webhook told is found in the provider's statistics, within their limit, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from connector.brevo import report_calls
from connector.http import Http, guarded_client
from connector.models.event import events
from connector.models.outbox import outbox
from connector.models.person import consents, persons, suppressions
from connector.models.report import report_passes
from sync.reports import messages, passes
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, installation
from tests.engine.payloads import reported
from tests.engine.shoppers import agree

ANN = "ann@example.com"
EMAIL, SMS = "/v3/smtp/statistics/events", "/v3/transactionalSMS/statistics/events"


class Statistics:
    """Brevo's statistics: ``rows`` by path, pages as asked for, and what was asked."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        query = request.url.params
        first, last = query["startDate"], query["endDate"]
        rows = [one for one in self.rows.get(request.url.path, []) if first <= one["date"][:10] <= last]
        start = int(query["offset"])
        page = sorted(rows, key=lambda one: one["date"])[start : start + int(query["limit"])]
        return httpx.Response(200, json={"events": page} if page else {})

    def add(self, event: str, at: datetime, path: str = EMAIL, **fields: Any) -> None:
        whose = {"email": ANN, "messageId": "<m1@x>"} if path == EMAIL else {"phoneNumber": "+4915112345678"}
        row = {"event": event, "date": at.isoformat().replace("+00:00", "Z"), **whose, **fields}
        self.rows.setdefault(path, []).append(row)

    def paths(self) -> list[str]:
        return [one.url.path for one in self.asked]


@pytest.fixture
def brevo() -> Statistics:
    return Statistics()


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path, brevo: Statistics) -> Iterator[ConnectedShop]:
    """Ann got a message when it began, an hour and a minute ago, and Brevo's statistics were first thought of."""
    http = Http(provider=guarded_client(5, httpx.MockTransport(brevo)))
    with installation(database_url, redis_url, tmp_path, http=http) as made:
        shop = made.connect(flows=[], looks=True)
        agree(shop, ANN)
        made.settle("intake", "reports")
        send(shop)
        made.at(START + HOUR + timedelta(minutes=1))
        yield shop


def send(shop: ConnectedShop, number: int = 1, channel: str = "email") -> None:
    now = shop.installation.now
    row = {
        "shop_id": shop.id, "key": f"run:step:{number}:1", "run_id": UUID(int=number), "flow": "welcome", "version": 1,
        "person_id": shop.rows(persons)[0].id, "step": "hello", "channel": channel, "message": "hello",
        "purpose": "marketing", "priority": 70, "state": "sent", "created_at": now, "due_at": now, "sent_at": now,
        "deadline": now + HOUR, "deferrals": 0, "attempts": 1, "provider_message_id": f"m{number}@x",
    }  # fmt: skip
    with shop.scope() as scope:
        scope.connection.execute(insert(outbox).values(row))


def look(shop: ConnectedShop) -> None:
    shop.installation.settle("reports")


def told(shop: ConnectedShop) -> list[str]:
    found = [row for row in shop.rows(events) if row.name.startswith("message_")]
    return [row.name for row in sorted(found, key=lambda row: row.seq)]


def of(shop: ConnectedShop, channel: str = "email") -> Any:
    return shop.one(report_passes, channel=channel)


def test_silence_about_a_message_is_looked_into(shop: ConnectedShop, brevo: Statistics) -> None:
    brevo.add("requests", START)
    brevo.add("delivered", START)
    brevo.add("clicks", START + timedelta(minutes=9), link="https://shop.example/a")
    look(shop)
    assert brevo.paths() == [EMAIL]
    row = shop.one(outbox)
    assert (row.delivered_at, row.clicked_at, row.reported) == (START, START + timedelta(minutes=9), "clicked")
    assert of(shop).found == {"message_requested": 1, "message_delivered": 1, "message_clicked": 1}
    assert of(shop).finished_at == shop.installation.now and of(shop).rows_read == 3
    # What was told is not silent any more.
    shop.installation.at(START + 3 * HOUR)
    look(shop)
    assert len(brevo.asked) == 1


def test_a_day_without_trouble_costs_one_call(shop: ConnectedShop, brevo: Statistics) -> None:
    shop.deliver("transactional", reported("delivered", ANN, START, **{"message-id": "<m1@x>"}), source="brevo")
    for hours in range(2, 52):
        shop.installation.at(START + hours * HOUR)
        shop.installation.settle("intake", "reports")
    assert brevo.paths() == [EMAIL, EMAIL]
    assert [dict(one.url.params)["startDate"] for one in brevo.asked] == ["2026-11-02", "2026-11-02"]


def test_what_a_webhook_told_before_or_tells_after_is_one(shop: ConnectedShop, brevo: Statistics) -> None:
    """Webhooks have milliseconds, spell in another way, and say unique_opened."""
    about = {"message-id": "m1@x", "link": ""}
    late = START + timedelta(minutes=5)
    webhooks = [
        {**reported("delivered", ANN, START, **about), "ts_epoch": int(START.timestamp() * 1000) + 730},
        reported("unique_opened", ANN, late, **about),
        reported("hard_bounce", ANN, late, reason="550", **about),
        reported("unsubscribed", ANN, late, **about),
    ]
    for event, at in (("delivered", START), ("opened", late + timedelta(seconds=1)), ("hardBounces", late + HOUR / 2),
                      ("unsubscribed", late)):  # fmt: skip
        brevo.add(event, at, reason="550")
    for webhook in webhooks[:2]:
        shop.deliver("transactional", webhook, source="brevo")
    shop.installation.settle("intake")
    with shop.scope() as scope:
        passes.ask(scope.connection, shop.id, shop.installation.now)
    look(shop)
    assert of(shop).found == {"message_unsubscribed": 1}, "the bounce may still come by itself"
    shop.installation.at(START + 2 * HOUR)
    with shop.scope() as scope:
        passes.ask(scope.connection, shop.id, shop.installation.now)
    look(shop)
    assert of(shop).found == {"message_bounced": 1}
    for webhook in webhooks:
        shop.deliver("transactional", webhook, source="brevo")
    shop.installation.settle("intake")
    once = ["message_delivered", "message_opened", "message_unsubscribed", "message_bounced"]
    assert told(shop) == once
    assert shop.one(consents).state == "undeliverable" and len(shop.rows(suppressions)) == 1


def test_by_the_bytes_alone_they_would_count_twice(
    shop: ConnectedShop, brevo: Statistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: facts that are named by the provider's word and its exact time."""
    monkeypatch.setattr(
        messages.Report, "identity", property(lambda self: f"{self.message_id}{self.word}{self.at.isoformat()}")
    )
    monkeypatch.setattr(passes, "_NEAR", ())
    brevo.add("opened", START + timedelta(seconds=1))
    shop.deliver("transactional", reported("unique_opened", ANN, START, **{"message-id": "<m1@x>"}), source="brevo")
    shop.installation.settle("intake")
    with shop.scope() as scope:
        passes.ask(scope.connection, shop.id, shop.installation.now)
    look(shop)
    assert told(shop) == ["message_opened", "message_opened"]


def test_pages_are_read_one_by_one(shop: ConnectedShop, brevo: Statistics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "STATISTICS_PAGE", {"email": 3})
    monkeypatch.setattr(report_calls, "STATISTICS_PAGE", {"email": 3})
    for minute in range(8):
        brevo.add("clicks", START + timedelta(minutes=minute), link="https://shop.example/a")
    look(shop)
    assert [dict(one.url.params)["offset"] for one in brevo.asked] == ["0", "3", "6"]
    assert of(shop).found == {"message_clicked": 8} and of(shop).rows_read == 8 and of(shop).place == 0


def test_what_fails_is_tried_again_from_its_page(
    shop: ConnectedShop, brevo: Statistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "STATISTICS_PAGE", {"email": 1})
    monkeypatch.setattr(report_calls, "STATISTICS_PAGE", {"email": 1})
    brevo.add("delivered", START)
    brevo.add("opened", START)
    first = httpx.Response(200, json={"events": brevo.rows[EMAIL][:1]})
    brevo.answers = [first, httpx.ReadTimeout("gone"), httpx.Response(500, json={"code": "x", "message": "y"})]
    look(shop)
    assert of(shop).place == 1 and of(shop).reason and told(shop) == ["message_delivered"]
    shop.installation.skip(10)
    look(shop)
    shop.installation.skip(100)
    look(shop)
    assert told(shop) == ["message_delivered", "message_opened"]
    assert (of(shop).reason, of(shop).attempts, of(shop).place) == (None, 0, 0)
    assert of(shop).found == {"message_delivered": 1, "message_opened": 1}


def test_the_limit_on_statistics_is_kept(shop: ConnectedShop, brevo: Statistics) -> None:
    """Nobody waits for it: of 300 calls an hour it takes its lane's part, on the advanced plan of twice as many."""
    account = shop.deps.brevo(shop.shop)
    while account.take("smtp", lane="maintenance") == 0:
        pass
    look(shop)
    assert brevo.asked == [] and "limit" in of(shop).reason


def test_text_messages_are_looked_at_where_some_were_sent(shop: ConnectedShop, brevo: Statistics) -> None:
    shop.change(persons, {"phone": "+4915112345678"})
    shop.installation.at(START + 25 * HOUR)
    look(shop)
    assert SMS not in brevo.paths()
    send(shop, 2, "sms")
    brevo.add("hardBounces", START + 25 * HOUR, SMS, messageId="m2@x", phoneNumber="004915112345678", reason="dead")
    brevo.add("replies", START + 25 * HOUR, SMS, messageId="m2@x", phoneNumber=4915112345678, reply="STOP.")
    shop.installation.at(START + 27 * HOUR)
    look(shop)
    assert SMS in brevo.paths() and of(shop, "sms").found == {"message_bounced": 1, "message_replied": 1}
    assert {row.channel for row in shop.rows(suppressions)} == {"sms"}
    assert shop.one(consents, channel="sms").state == "undeliverable"


def test_a_channel_that_the_plan_does_not_have_is_asked_about_tomorrow(shop: ConnectedShop, brevo: Statistics) -> None:
    brevo.answers = [httpx.Response(404, json={"code": "document_not_found", "message": "no"})]
    look(shop)
    assert of(shop).due_at == shop.installation.now + DAY and "404" in of(shop).reason
    look(shop)
    assert len(brevo.asked) == 1


def test_rows_that_make_no_sense_keep_back_none_of_the_others(shop: ConnectedShop, brevo: Statistics) -> None:
    brevo.rows[EMAIL] = [{"date": f"{START:%Y-%m-%d}", "event": 7}, {"date": f"{START:%Y-%m-%d}T99", "event": "opened"}]
    brevo.add("delivered", START)
    look(shop)
    assert told(shop) == ["message_delivered"]
