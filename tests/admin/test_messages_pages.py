"""The list of messages: narrowed, in pages, and never looked through as a whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, text

from connector import paging
from connector.admin import messages
from connector.admin.messages import Filter
from tests.admin.office import Office

MANY = 400
"""Messages of so many hours, one an hour; every fourth was skipped, one was refused."""


@pytest.fixture
def full(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    (mine, _) = office.desks
    with office.transaction() as connection:
        connection.execute(text("DELETE FROM outbox"))
        connection.execute(
            text(
                "INSERT INTO outbox (shop_id, key, run_id, flow, version, person_id, step, channel, message, purpose,"
                " priority, state, reason, created_at, due_at, deadline, deferrals, attempts, sent_at, clicked_at,"
                " complained_at)"
                " SELECT :shop, 'k' || n, gen_random_uuid(), CASE WHEN n % 10 = 0 THEN 'rare' ELSE 'usual' END, 1,"
                " :person, 's', CASE WHEN n % 2 = 0 THEN 'sms' ELSE 'email' END, CASE WHEN n % 50 = 7 THEN '' ELSE 'm'"
                " END, 'marketing', 1, CASE WHEN n = 3 THEN 'failed' WHEN n % 4 = 0 THEN 'skipped' ELSE 'sent' END,"
                " CASE WHEN n = 3 THEN 'refused: no' WHEN n % 4 = 0 THEN 'shop_cap' END,"
                " CAST(:begin AS timestamptz) + n * interval '1 hour', :begin, :begin, 0, 1, :begin,"
                " CASE WHEN n % 9 = 1 THEN CAST(:begin AS timestamptz) END,"
                " CASE WHEN n % 5 = 1 THEN CAST(:begin AS timestamptz) + n * interval '1 hour' END"
                " FROM generate_series(1, :many) AS n"
            ),
            {"shop": mine.shop.id, "person": mine.person, "many": MANY, "begin": "2026-03-01T00:00:00+00:00"},
        )
    monkeypatch.setattr(messages, "STRETCH", 60)
    return office


def every(connection: Connection, office: Office, asked: Filter) -> tuple[list[int], int]:
    """(ids of all pages, how many pages there were)."""
    found, after, pages = [], None, 0
    while True:
        part = messages.listed(connection, office.desks[0].shop.shop, asked, after)
        found += [row.id for row in part.page.rows]
        after, pages = part.page.next, pages + 1
        assert len(part.page.rows) <= paging.SIZE
        if after is None:
            assert part.back_to is None
            return found, pages


KINDS = (
    (Filter(), "true"),
    (Filter(state="skipped"), "state = 'skipped'"),
    (Filter(state="failed"), "state = 'failed'"),
    (Filter(flow="rare", channel="sms"), "flow = 'rare' AND channel = 'sms'"),
    (Filter(reason="shop_cap"), "reason = 'shop_cap'"),
    (Filter(reason="refused"), "reason LIKE 'refused:%'"),
    (Filter(day=date(2026, 3, 5)), "created_at >= '2026-03-05' AND created_at < '2026-03-06'"),
    (Filter(day=date(2026, 3, 5), state="skipped"), "created_at::date = '2026-03-05' AND state = 'skipped'"),
    (Filter(day=date(2025, 3, 5)), "false"),
    (Filter(flow="nowhere"), "false"),
    (Filter(reported="clicked"), "clicked_at IS NOT NULL"),
    (Filter(reported="complained"), "complained_at IS NOT NULL"),
    (Filter(reported="complained", state="skipped"), "complained_at IS NOT NULL AND state = 'skipped'"),
    (Filter(reported="opened"), "false"),
)


def test_all_of_a_kind_are_found_page_by_page(full: Office) -> None:
    mine, theirs = full.desks
    with full.transaction() as connection:
        for asked, condition in KINDS:
            query = f"SELECT id FROM outbox WHERE message <> '' AND {condition} ORDER BY id DESC"  # noqa: S608
            wanted = list(connection.scalars(text(query)))
            assert every(connection, full, asked)[0] == wanted, asked
            of_person = Filter(**{**vars(asked), "person": mine.person})
            assert every(connection, full, of_person)[0] == wanted, asked
            of_another = Filter(**{**vars(asked), "person": mine.person + 1})
            assert every(connection, full, of_another)[0] == []
            assert messages.listed(connection, theirs.shop.shop, asked, None).page.rows == []


def test_what_is_rare_is_looked_for_a_stretch_at_a_time(full: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with full.transaction() as connection:
        shop = full.desks[0].shop.shop
        part = messages.listed(connection, shop, Filter(reason="refused"), None)
        assert part.page.rows == [] and part.back_to is not None
        newest = messages.listed(connection, shop, Filter(), None).page.rows[0].created_at
        assert newest - part.back_to == timedelta(hours=messages.STRETCH - 1)
        assert every(connection, full, Filter(reason="refused"))[1] > 5
        # The control: with a stretch that holds all of them it is there at once.
        monkeypatch.setattr(messages, "STRETCH", 10 * MANY)
        assert len(messages.listed(connection, shop, Filter(reason="refused"), None).page.rows) == 1


def test_the_page_says_why_and_finds_further(full: Office) -> None:
    browser, (mine, _) = full.browser(full.hire("read-only")), full.desks
    page = browser.get(f"{mine.path}/messages?reason=shop_cap").text
    assert "frequency cap is reached" in page and "Not sent" in page and "Look further" in page
    assert "Among the newest there is none" in browser.get(f"{mine.path}/messages?reason=refused").text
    complaints = browser.get(f"{mine.path}/messages?reported=complained").text
    assert complaints.count('data-name="Then"') == complaints.count('badge critical">Reported as spam') == paging.SIZE
    assert "reported=complained" in complaints.partition('rel="next"')[2], "and the next page is of complaints too"
    assert browser.get(f"{mine.path}/messages?person={full.desks[1].person}").status_code == 404
    for wrong in ("state=lost", "reported=liked", "day=yesterday", "after=abc", "person=0"):
        assert browser.get(f"{mine.path}/messages?{wrong}").status_code == 422
