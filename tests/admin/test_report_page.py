"""The page of reports: what each channel brings, and how many messages people get in a week."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import insert, text

from connector.admin.acts import reports
from connector.models.outbox import outbox
from connector.models.store import orders
from flows.analytics import Figures, WeekOfMessages
from tests.admin.office import Desk, Office
from tests.admin.programs import program
from tests.content.mailbox import visible_text

DAY = timedelta(days=1)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)


def read(page: str) -> str:
    return " ".join(visible_text(page.replace("</", " </")).split())


def table(page: str, card: str) -> list[str]:
    """The rows of the table of one card, its head first."""
    (found,) = re.findall(rf'<section class="card" aria-labelledby="{card}">(.*?)</section>', page, re.DOTALL)
    return [read(row) for row in _ROW.findall(found)]


def sent(desk: Desk, n: int, channel: str, person: int, days_ago: int = 1, total: int = 0) -> None:
    """A message that left; with a total it was followed, and an order came of it."""
    now = desk.shop.installation.now
    at, clicked, mine = now - days_ago * DAY, now - days_ago * DAY / 2, {"shop_id": desk.shop.id, "person_id": person}
    about = {"flow": "sale", "version": 1, "step": f"{channel}-now", "message": "now", "channel": channel}
    wanted = {"created_at": at, "due_at": at, "deadline": at, "deferrals": 0, "attempts": 1, "priority": 1}
    with desk.shop.installation.deps.engine.begin() as connection:
        connection.execute(
            insert(outbox).values(
                key=f"sale {n}", run_id=uuid5(NAMESPACE_URL, "sale"), purpose="marketing", state="sent", sent_at=at,
                clicked_at=clicked if total else None, **mine, **about, **wanted,
            )
        )  # fmt: skip
        if total:
            connection.execute(
                insert(orders).values(
                    id=50_000 + n, name=f"#{n}", currency="EUR", total=total, counted=total, financial_status="paid",
                    items=[], discount_codes=[], test=False, created_at=now, source_updated_at=now, **mine,
                )
            )  # fmt: skip


def count(office: Office) -> None:
    with office.transaction() as connection:
        connection.execute(text("UPDATE figure_passes SET due_real = now()"))
    office.installation.settle("figures")


@pytest.mark.row("S4-13", "S5-206")
def test_revenue_is_told_by_channel_and_messages_by_person(office: Office) -> None:
    (desk, other) = office.desks
    ann, bob = desk.person, desk.person + 1
    browser = office.browser(office.hire("read-only"))
    empty = browser.get(f"{desk.path}/reports").text
    assert "No message left in this time." in empty and "Nobody got a message in the last seven days" in empty
    # Two people: one gets three emails and a text message, the other a text message; and one email is older.
    for n in range(3):
        sent(desk, n, "email", ann, total=30 if n == 0 else 0)
    sent(desk, 3, "sms", ann)
    sent(desk, 4, "sms", bob, total=10)
    sent(desk, 5, "email", bob, days_ago=20)
    sent(other, 6, "sms", other.person, total=5000)
    count(office)
    page = browser.get(f"{desk.path}/reports?days=30").text
    assert table(page, "by-channel")[1:] == [
        "Email 4 0.0 % 25.0 % 1 30.00 EUR 75.0 % 7.50 EUR",
        "Text message 2 0.0 % 50.0 % 1 10.00 EUR 25.0 % 5.00 EUR",
    ]
    assert table(page, "per-person") == [
        "Messages in the week People By Email By Text message", "1 1 0 2", "3 0 1 0", "4 1 0 0",
    ]  # fmt: skip
    assert "2 people got messages, 2.5 each on average." in read(page)
    # Of a shorter time less: the email of twenty days ago is not in it.
    assert table(browser.get(f"{desk.path}/reports?days=7").text, "by-channel")[1].startswith("Email 3 ")
    told: Any = program(office, desk, "read-only").get("reports?days=30").json
    assert [(one["channel"], one["revenue"], one["share"]) for one in told["channels"]] == [
        ("email", "30.0000", 0.75), ("sms", "10.0000", 0.25),
    ]  # fmt: skip
    assert told["week"]["people"] == 2 and told["week"]["rows"][-1]["by_channel"] == {"email": 0, "sms": 0}


def test_the_channel_that_brings_most_comes_first_and_many_messages_are_one_row() -> None:
    found = {"email": Figures(sent=9, revenue=Decimal(1)), "sms": Figures(revenue=Decimal(3)), "push": Figures()}
    told = [(one.channel, one.share) for one in reports.channels(found)]
    assert told == [("sms", 0.75), ("email", 0.25), ("push", 0)]
    assert [one.share for one in reports.channels({"sms": Figures(sent=1)})] == [None]
    counts = [("", 9, 1), ("", 12, 2), ("", 40, 1), ("sms", 12, 3)]
    week = reports.week([WeekOfMessages(*one) for one in counts])
    assert (week.channels, week.rows) == (["sms"], [(9, 1, [0]), (10, 3, [3])])
    assert (week.people, week.average) == (4, (9 + 24 + 40) / 4)
    assert reports.week([]).average is None
