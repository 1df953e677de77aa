"""Whether everything is all right, what was given up and why, and having it tried again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select, update

from connector import counts, paging
from connector import shops as connected
from connector.admin import home
from connector.models.alert import alert_looks, alerts
from connector.models.analytics import figure_days
from connector.models.inbox import inbox
from connector.models.rerun import sync_runs
from connector.models.shop import shops
from connector.models.store import products
from connector.models.sync import feed, fetches, sync_state
from connector.web import backlog
from flows import analytics
from flows.actions import notify
from sync.alerts import KINDS, Alert, look_due
from sync.reruns import What
from tests.admin.office import Desk, Office
from tests.admin.programs import program
from tests.admin.test_home import desk, every_page, office, put, quiet, whole_counts, words
from tests.engine.installation import DAY, ConnectedShop

__all__ = ["desk", "office", "quiet"]

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
TRIED: dict[str, Any] = {"attempts": 9, "reason": "400 nobody ann.bell@example.com"}


def verdict(office: Office, shop: ConnectedShop) -> str:
    said = re.search(r"<strong>([^<]+)</strong>", office.browser("owner@office.example").get(_home(shop)).text)
    assert said
    return said[1]


def _home(shop: ConnectedShop) -> str:
    return f"/admin/shops/{shop.id}/"


def test_home_says_what_was_given_up_and_that_a_platform_is_gone(office: Office, quiet: ConnectedShop) -> None:
    office.hire("owner")
    now, machine = office.installation.now, office.installation.clock.machine()
    assert verdict(office, quiet) == "Everything is all right."
    late = {**TRIED, "shop_id": quiet.id, "due_real": machine}
    told = {"wanted_version": 1, "sent_version": 0, "state": "failed"}
    put(office, sync_state, *({**late, **told, "entity": "contact", "entity_id": n} for n in range(1, 301)))
    put(
        office,
        feed,
        {**late, "person_id": 1, "event_id": uuid4(), "name": "order_placed", "body": {}, "state": "refused"},
    )
    put(office, fetches, {**late, "kind": "Order", "remote_id": 1, "state": "failed", "wanted": 1})
    put(
        office, inbox,
        {
            "shop_id": quiet.id, "received_at": now, "received_real": machine, "source": "shopify", "lane": "commerce",
            "topic": "orders/create", "external_id": "d", "state": "quarantined", "raw": b"{}", "headers": {},
            "attempts": 1,
        },
    )  # fmt: skip
    said = verdict(office, quiet)
    assert said.startswith("Everything else works, but some work was given up: 1 deliveries of another shape")
    for words_ in ("1 objects that could not be read", "300 contacts, orders or products that", "1 events that Brevo"):
        assert words_ in said
    with office.transaction() as connection:
        connection.execute(update(shops).values(token_trouble="refused"))
    assert verdict(office, quiet) == (
        "The store gives no access any more. Open the app in the Shopify admin, or install it again."
    )


def test_what_somebody_looks_after_is_said_once(office: Office, quiet: ConnectedShop) -> None:
    office.hire("owner")
    now = office.installation.now
    stopped = {"entity": "order", "entity_id": 1, "wanted_version": 1, "sent_version": 0, "state": "failed"}
    put(office, sync_state, {**TRIED, **stopped, "shop_id": quiet.id, "due_real": now})
    seen = {"kind": "stopped_work", "sentence": "Refused.", "detail": {}, "tone": "warning", "mail_tries": 0}
    put(
        office, alerts,
        {**seen, "shop_id": quiet.id, "subject": "records", "raised_at": now, "found_at": now, "seen_at": now,
         "seen_by": "staff:1"},
    )  # fmt: skip
    assert verdict(office, quiet) == "1 known thing is being looked after."
    with office.transaction() as connection:
        connection.execute(update(alerts).values(subject="events"))
    assert "some work was given up" in verdict(office, quiet), "the control: it says nothing of another kind"


def test_a_count_that_ended_early_says_so() -> None:
    assert [counts.said(number) for number in (0, 1234, 10_000, 10_001)] == ["0", "1,234", "10,000", "more than 10,000"]


def test_an_alert_leads_to_the_page_that_its_sentence_names() -> None:
    def of(kind: str, subject: str = "") -> Any:
        return home.place_of(Alert(1, kind, subject, "", {}, "warning", NOON, None, None, None))

    assert of("stopped_work", "deliveries") == ("admin.deliveries", {})
    assert of("stopped_work", "messages") == ("admin.standing", {"kind": "messages"})
    assert of("complaints") == ("admin.messages", {"reported": "complained"})
    assert all(of(kind) for kind in KINDS), "every kind leads somewhere"
    assert of("no such kind") is None


def test_what_was_given_up_goes_on_page_by_page_and_is_masked(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.admin.given_up.SIZE", 3)
    monkeypatch.setattr("connector.admin.pages.standing._EXAMPLES", 3)
    monkeypatch.setattr(paging.page, "__defaults__", (3,))
    late = {**TRIED, "shop_id": desk.shop.id, "due_real": office.installation.now, "state": "failed"}
    copies = {**late, "wanted_version": 1, "sent_version": 0}
    # Two kinds of records with one number stand beside each other.
    put(
        office,
        sync_state,
        *({**copies, "entity": e, "entity_id": n} for n in range(100, 104) for e in ("order", "product")),
    )
    browser = office.browser(office.hire("support"))
    path = f"{desk.path}/standing"
    pages = list(every_page(browser, f"{path}?kind=records"))
    listed = [one for page in pages for one in re.findall(r'"break">((?:Order|Product|Contact) \d+)', page)]
    assert len(pages) == 3 and len(listed) == len(set(listed)) == 9
    assert not any("ann.bell@" in page for page in pages)
    put(office, sync_state, {**copies, "entity": "order", "entity_id": 9001})
    (row,) = re.findall(r"Order 9001<.*?</tr>", browser.get(f"{path}?kind=records").text, re.DOTALL)
    assert f'people/{desk.person}"' in row, "an order leads to whose it is"
    some = browser.get(path).text
    assert "Show all" in some and 'href="' + f'{path}?kind=records"' in some and "These are the newest" not in some
    asked, after = [], ""
    while after is not None:
        answer: Any = program(office, desk, "support").get(f"standing?kind=records{after and '&after=' + after}").json
        asked += [row["what"] for row in answer["rows"]]
        after = answer["next"]
    assert [one.split()[1] for one in asked] == ["9001", *(one.split()[1] for one in listed)]
    assert browser.get(f"{path}?kind=records&after=nonsense").status_code == 422


def test_refused_records_are_told_to_brevo_again_and_failed_objects_read_again(office: Office, desk: Desk) -> None:
    now = office.installation.now
    copies = {**TRIED, "shop_id": desk.shop.id, "due_real": now, "wanted_version": 1, "sent_version": 0}
    put(office, sync_state, *({**copies, "entity": "product", "entity_id": n, "state": "failed"} for n in (41, 42)))
    put(office, sync_state, {**copies, "entity": "loyalty", "entity_id": 5, "state": "failed"})
    put(office, sync_state, {**copies, "entity": "category", "entity_id": 6, "state": "failed"})
    put(office, products, *({"shop_id": desk.shop.id, "id": n, "title": "Tea", "version": 1} for n in (41, 42)))
    browser = office.browser(office.hire("support"))
    path = f"{desk.path}/standing"
    assert (
        "It is tried again now"
        in browser.get(browser.post(f"{path}/again", kind="records", what="product 41").location).text
    )
    assert runs(office) == {"products": What("products", ids=(41,), only_brevo=True)}
    refused = browser.post(f"{path}/again", kind="records", what="product 42")
    assert refused.status_code == 422 and "A sync of products is under way" in refused.text
    gone = browser.post(f"{path}/again", kind="records", what="category 6")
    assert gone.status_code == 422 and "Nothing is held here any more" in gone.text
    for unknown in ("product 43", "loyalty 5", "contact 41"):
        assert browser.post(f"{path}/again", kind="records", what=unknown).status_code == 404, unknown
    for kind, what in (("events", None), ("records", "nonsense"), ("records", "a 1; DROP")):
        assert browser.post(f"{path}/again", kind=kind, what=what).status_code == 422
    assert browser.post(f"{path}/again", kind="fetches").status_code == 303
    (row,) = desk.shop.rows(fetches)
    assert (row.state, row.quiet, row.attempts) == ("due", True, 0), "and no message goes out because of it"
    assert office.lines(desk.shop.id)[0].act == "fetch.retry"
    with office.transaction() as connection:
        connection.execute(update(sync_runs).values(state="done"))
    browser.post(f"{path}/again", kind="records")
    again = runs(office, "queued")
    assert again["products"].ids == (41, 42) and again["contact"] == What(
        "contact", person=desk.person, only_brevo=True
    )


def runs(office: Office, state: str = "queued") -> dict[str, What]:
    with office.transaction() as connection:
        rows = connection.execute(select(sync_runs).where(sync_runs.c.state == state)).all()
    return {row.entity: What.from_json(row.entity, row.what) for row in rows}


def test_what_a_backfill_could_not_take_over_is_named_and_read_again(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.admin.acts.store.SIZE", 3)
    monkeypatch.setattr(paging.page, "__defaults__", (3,))
    path = f"{desk.path}/backfill/failures"
    browser = office.browser(office.hire("support"))
    assert "Nothing failed." in browser.get(path).text
    desk.unread("products", *range(1, 8))
    pages = list(every_page(browser, path))
    found = [one for page in pages for one in re.findall(r"applied-(\d+)-", page)]
    assert len(pages) == 3 and found == [str(n) for n in range(1, 8)] and not any("ann.bell@" in one for one in pages)
    started = browser.post(f"{path}/retry", kind="products", record=5)
    assert started.status_code == 303 and "/syncs/" in started.location
    assert runs(office)["products"] == What("products", ids=(5,))
    desk.unread("checkouts", 9)
    assert "Try again" not in browser.get(path).text
    assert browser.post(f"{path}/retry", kind="checkouts", record=9).status_code == 422
    assert browser.post(f"{path}/retry", kind="customers").status_code == 422


def test_pages_beside_a_backfill_count_nothing_whole(office: Office, desk: Desk) -> None:
    desk.backfill("running")
    browser = office.browser(office.hire("owner"))
    asked: list[str] = []
    event.listen(office.installation.deps.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for page in ("syncs", "onboarding", "backfill", "standing"):
        assert browser.get(f"{desk.path}/{page}").status_code == 200
    document = "attributes: {PRENOM: {from: first_name, type: text}}"
    checked = browser.post(f"{desk.path}/mapping/check", document=document, seen="x")
    assert "1 contacts would be told again" in checked.text
    assert any("quiet AND state = 'gathering'" in one for one in asked) and any(
        "sent_version > 0" in one for one in asked
    )
    assert whole_counts(asked) == []


@pytest.mark.row("S5-205")
@pytest.mark.row("S5-194")
def test_what_changes_in_the_figures_raises_an_alert_that_the_page_shows(office: Office, quiet: ConnectedShop) -> None:
    office.hire("read-only")
    today = office.installation.now.date()
    sent = {
        "shop_id": quiet.id, "flow": "welcome", "version": 1, "step": "hello", "message": "hello", "channel": "email",
        "orders": 0, "revenue": Decimal(0), "sent": 500, "delivered": 490, "unsubscribed": 1, "complained": 0,
    }  # fmt: skip
    put(office, figure_days, *({**sent, "day": today - n * DAY, "opened": 160, "clicked": 30} for n in range(43)))
    assert shown(office, quiet) == []
    worse = {"opened": 60, "clicked": 4, "unsubscribed": 12, "complained": 12}
    with office.transaction() as connection:
        lately = figure_days.c.day.in_([today - 2 * DAY, today - 3 * DAY])
        connection.execute(update(figure_days).where(lately).values(**worse))
    said = shown(office, quiet)
    assert [title for title, _ in said] == [
        "Emails reported as spam",
        "More unsubscribes",
        "Fewer opens",
        "Fewer clicks",
    ]
    numbers = (
        "24 of the 3430 emails",
        "24 people unsubscribed from the 980 emails",
        "12.2 % were opened",
        "0.82 % were clicked",
    )
    assert all(number in sentence for number, (_, sentence) in zip(numbers, said, strict=True))


def shown(office: Office, shop: ConnectedShop) -> list[tuple[str, str]]:
    """What stands on the page of alerts after one look."""
    deps, clock = shop.deps, shop.installation.clock
    with office.transaction() as connection:
        connection.execute(update(alert_looks).values(due_real=clock.machine() - timedelta(seconds=1)))
        current = connected.load(connection, shop.id)
    look_due(deps, current, by_day=analytics.by_day, backlog=backlog, mail=notify)
    page = office.browser("read-only@office.example").get(f"/admin/shops/{shop.id}/alerts").text
    found = re.findall(r'id="alert-\d+">\s*<p><strong>([^<]+)</strong>.*?</p>\s*<p>([^<]+)</p>', page)
    return [(words(title), words(sentence)) for title, sentence in found]
