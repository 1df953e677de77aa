"""The home page of a shop, alerts and syncs: what is said, that lists go on, and that nothing is counted whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, insert

from connector.admin.acts.syncs import names_in
from connector.admin.shown import Eyes
from connector.models.alert import alerts
from connector.models.analytics import figure_days
from connector.models.outbox import outbox
from connector.models.person import person_work
from connector.models.rerun import sync_run_failures, sync_runs
from sync import reruns
from sync.reruns import Difference, Record
from tests.admin.office import Browser, Desk, Office, furnish
from tests.content.mailbox import visible_text
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.sandbox.store_process import SHOP


@pytest.fixture
def quiet(product: Installation) -> ConnectedShop:
    """A shop in which nothing has happened."""
    return product.connect(flows=[])


@pytest.fixture
def office(product: Installation) -> Office:
    return Office(product)


@pytest.fixture
def desk(office: Office) -> Desk:
    return furnish(office.installation, SHOP, number=1)


def home(office: Office, shop: ConnectedShop, role: str = "owner") -> str:
    answer = office.browser(office.hire(role)).get(f"/admin/shops/{shop.id}/")
    assert answer.status_code == 200
    return words(answer.text)


def words(page: str) -> str:
    """What is read on it, with a space between any two elements."""
    return " ".join(visible_text(page.replace("<", " <")).split())


def put(office: Office, table: Any, *rows: dict[str, Any]) -> None:
    with office.transaction() as connection:
        connection.execute(insert(table), list(rows))


def an_alert(shop: ConnectedShop, number: int = 1, **values: Any) -> dict[str, Any]:
    now = shop.installation.now
    return {
        "shop_id": shop.id, "kind": "silent_webhooks", "subject": f"shopify:{number}", "detail": {}, "tone": "critical",
        "sentence": f"The store has sent no topic-{number}- since noon.", "raised_at": now, "found_at": now,
        "mail_tries": 0, **values,
    }  # fmt: skip


def test_a_shop_in_which_all_is_well_says_so_and_what_to_do_next(office: Office, quiet: ConnectedShop) -> None:
    said = home(office, quiet)
    assert "Everything is all right." in said
    assert "No message was sent in the last 30 days." in said and "look at the flows" in said
    assert "Nothing has stopped." in said and "Nothing is due today." in said


@pytest.mark.row("S1-55")
def test_what_is_not_enabled_is_named_with_what_to_do(office: Office, quiet: ConnectedShop) -> None:
    said = home(office, quiet)
    assert re.search(r"off Text messages .*Enter the sender of text messages", said)
    assert re.search(r"off WhatsApp .*Enter the number of the shop's WhatsApp account", said)
    assert re.search(r"off Storefront and other systems .*Make a key of the events API", said)
    assert re.search(r"on Email Emails are sent from", said)
    quiet.set(sms={"sender": "Tea"})
    again = office.browser("owner@office.example").get(f"/admin/shops/{quiet.id}/")
    assert "on Text messages Text messages are sent from Tea." in words(again.text)


def test_a_shop_without_brevo_is_led_to_connecting_it(office: Office, quiet: ConnectedShop) -> None:
    with office.transaction() as connection:
        connection.exec_driver_sql("UPDATE shops SET state = 'installed', brevo_key = NULL")
    said = home(office, quiet)
    assert "Brevo is not connected yet" in said and "Everything is all right." not in said
    assert "Go on with the set-up" in said


def test_todays_messages_and_revenue_and_the_charts_of_thirty_days(office: Office, quiet: ConnectedShop) -> None:
    today = office.installation.now.date()
    sent = {
        "shop_id": quiet.id, "flow": "welcome", "version": 1, "step": "hello", "message": "hello", "channel": "email",
    }  # fmt: skip
    put(
        office,
        figure_days,
        {**sent, "day": today, "sent": 12, "opened": 5, "clicked": 2, "orders": 1, "revenue": Decimal("49.90")},
        {**sent, "day": today - 29 * DAY, "sent": 1000, "opened": 300, "clicked": 40, "orders": 7, "revenue": 100},
        # Before the thirty days.
        {**sent, "day": today - 30 * DAY, "sent": 5555, "opened": 1, "clicked": 1, "orders": 1, "revenue": 7777},
    )
    said = home(office, quiet)
    assert "Messages sent 12 1,012 in 30 days" in said
    assert "Revenue of messages 49.90 EUR 149.90 EUR in 30 days" in said
    assert "Opened 5 30.1 % in 30 days" in said
    assert "5,555" not in said and "7,777" not in said


def test_what_is_wrong_is_said_at_the_top_until_somebody_looks_after_it(office: Office, quiet: ConnectedShop) -> None:
    put(office, alerts, an_alert(quiet))
    said = home(office, quiet)
    assert "Something is wrong: deliveries have stopped." in said and "no topic-1- since noon" in said
    support = office.browser(office.hire("support"))
    base = f"/admin/shops/{quiet.id}"
    after = support.get(support.post(f"{base}/alerts/{quiet.rows(alerts)[0].id}/see").location).text
    assert "you look after it" in after and "support@office.example" in after
    said = words(support.get(f"{base}/").text)
    assert "1 known thing is being looked after." in said and "Something is wrong" not in said
    reader = office.browser(office.hire("read-only"))
    put(office, alerts, an_alert(quiet, 2))
    assert "I look after it" not in reader.get(f"{base}/").text
    assert "I look after it" in support.get(f"{base}/").text


def test_the_last_errors_are_told_in_words_and_masked(office: Office, desk: Desk) -> None:
    now = office.installation.now
    put(
        office,
        outbox,
        {
            "shop_id": desk.shop.id, "key": "k", "run_id": "00000000-0000-0000-0000-000000000001", "flow": "f",
            "version": 1, "person_id": desk.person, "step": "s", "channel": "email", "message": "m", "priority": 1,
            "purpose": "marketing", "state": "failed", "reason": "400 nobody ann.bell@example.com", "created_at": now,
            "due_at": now, "deadline": now + HOUR, "deferrals": 0, "attempts": 1,
        },
    )  # fmt: skip
    said = home(office, desk.shop, "support")
    assert "Brevo refused a message: 400 nobody a•••@e•••.com" in said
    assert "Brevo refuses a record: 400" in said


def test_a_backlog_is_counted_to_a_thousand_and_no_further(office: Office, quiet: ConnectedShop) -> None:
    since = office.installation.clock.machine() - 30 * timedelta(seconds=1)
    rows = ({"shop_id": quiet.id, "person_id": n, "pending": True, "since_real": since} for n in range(1, 1300))
    put(office, person_work, *rows)
    assert "People whose flows are to be decided 1,000+ 3" in home(office, quiet)


def test_the_alerts_history_goes_on_and_shows_each_once(office: Office, quiet: ConnectedShop) -> None:
    now = office.installation.now
    put(office, alerts, *(an_alert(quiet, n, cleared_at=now if n > 2 else None) for n in range(1, 61)))
    browser = office.browser(office.hire("read-only"))
    pages = list(every_page(browser, f"/admin/shops/{quiet.id}/alerts"))
    assert [len(pages), *(len(set(re.findall(r"no topic-\d+- since", page))) for page in pages)] == [2, 52, 10]
    history = [
        found for page in pages for found in re.findall(r'data-name="Said"[^>]*>The store has sent no (\S+)', page)
    ]
    assert len(history) == len(set(history)) == 60
    assert browser.get(f"/admin/shops/{quiet.id}/alerts?after=nonsense").status_code == 422


def every_page(browser: Browser, path: str) -> Iterator[str]:
    """The page and all that come after it, by their links."""
    address: str | None = path
    while address:
        page = browser.get(address).text
        yield page
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = found[1].replace("&amp;", "&") if found else None


def test_the_syncs_and_what_failed_in_one_go_on(office: Office, desk: Desk) -> None:
    now = office.installation.now
    given = {
        "shop_id": desk.shop.id, "entity": "orders", "what": {"object": "#1001"}, "state": "done", "asked_by": "cli",
        "done": 1, "changed": 0, "unchanged": 1, "failed": 0, "read_all": True, "due_real": now, "attempts": 0,
        "asked_at": now,
    }  # fmt: skip
    put(office, sync_runs, *(given for _ in range(60)))
    failure = {"shop_id": desk.shop.id, "run_id": desk.run, "stage": "brevo", "failed_at": now}
    put(office, sync_run_failures, *({**failure, "record_id": n, "reason": f"400 answer-{n}-"} for n in range(1, 61)))
    browser = office.browser(office.hire("support"))
    base = f"{desk.path}/syncs"
    listed = [found for page in every_page(browser, base) for found in re.findall(rf'{base}/(\d+)"', page)]
    assert len(listed) == len(set(listed)) == 62
    failed = [found for page in every_page(browser, f"{base}/{desk.run}") for found in re.findall(r"answer-\d+-", page)]
    assert len(failed) == len(set(failed)) == 60
    again = browser.post(f"{base}/{desk.run}/retry", record=17)
    with office.transaction() as connection:
        run = reruns.progress(connection, desk.shop.id, int(again.location.rpartition("/")[2]))
    assert run.what.ids == (17,), "one alone"


def test_a_preview_names_nobody_to_whom_may_not_see_people_whole() -> None:
    told = Difference("first_name", "Ann", "Anna", "Ann", "Anna", ("here",))
    elsewhere = Difference("GREETING", None, "Dear Anna of Bell", None, None, ("brevo",))
    names = names_in(Record(7, "Ann", 1, False, "there", (told, elsewhere)))
    assert names == ("Ann", "Anna", "Ann", "Anna")
    assert Eyes(False).text(elsewhere.store, *names) == "Dear A••• of Bell"
    assert Eyes(True).text(elsewhere.store, *names) == elsewhere.store


def test_a_stopped_sync_goes_on_by_its_page_and_one_that_is_done_does_not(office: Office, desk: Desk) -> None:
    browser = office.browser(office.hire("support"))
    path = f"{desk.path}/syncs/{desk.run}"
    assert "Go on where it stood" not in browser.get(path).text
    refused = browser.post(f"{path}/resume")
    assert refused.status_code == 422 and "Only a sync that was stopped or has failed can go on." in refused.text
    desk.sync_is("stopped")
    assert "Go on where it stood" in browser.get(path).text
    assert "Waits for its turn" in browser.get(browser.post(f"{path}/resume").location).text


def whole_counts(statements: Iterable[str]) -> list[str]:
    """Those that count and do not end at a bound. Keys are few in every shop."""
    return [one for one in statements if "count(" in one and "LIMIT" not in one and "api_keys" not in one]


def test_home_counts_no_table_whole(office: Office, quiet: ConnectedShop) -> None:
    browser = office.browser(office.hire("owner"))
    asked: list[str] = []
    event.listen(office.installation.deps.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    browser.get(f"/admin/shops/{quiet.id}/")
    assert 5 < len(asked) < 40 and whole_counts(asked) == []
    assert whole_counts(["SELECT count(*) FROM persons WHERE shop_id = 1"]) != []
