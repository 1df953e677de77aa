"""The pages of flows: the list, one flow with its figures, who is inside, to whom it went, who bought, its messages.

Figures are written as they would be counted; ``tests/engine/test_flow_figures.py`` plays people through flows to them.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import Connection, insert, update

from connector.admin.message_looks import LOOKS
from connector.models.analytics import attributions, figure_days, figure_totals, step_counts
from connector.models.flow import flow_versions, flows, runs
from connector.models.outbox import outbox
from connector.models.person import persons
from tests.admin.office import Desk, Office
from tests.admin.programs import program
from tests.content.mailbox import elements, visible_text

DAY = timedelta(days=1)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)


def rows(page: str) -> list[str]:
    """The rows of all tables, as somebody reads them."""
    return [read(row) for row in _ROW.findall(page)]


def read(page: str) -> str:
    # Cells stand beside one another.
    return " ".join(visible_text(page.replace("</", " </")).split())


def count(connection: Connection, desk: Desk, flow: str, message: str = "", days_ago: int = 0, **counts: Any) -> None:
    """As if so much had been counted for one day."""
    about = {
        "shop_id": desk.shop.id, "flow": flow, "version": 1, "step": f"email-{message}" if message else "",
        "message": message, "channel": "email" if message else "", **counts,
    }  # fmt: skip
    day = (desk.shop.installation.now - days_ago * DAY).date()
    connection.execute(insert(figure_days).values(day=day, **about))
    if not days_ago:
        connection.execute(insert(figure_totals).values(**about))


def another_flow(connection: Connection, desk: Desk, name: str, status: str) -> None:
    mine = {"shop_id": desk.shop.id, "version": 1}
    found = connection.execute(
        flow_versions.select().where(flow_versions.c.shop_id == desk.shop.id, flow_versions.c.flow == desk.flow)
    ).one()
    definition = {**found.definition, "flow": name, "name": name.title()}
    made = {**mine, "flow": name, "definition": definition, "messages": found.messages, "digest": name}
    connection.execute(insert(flow_versions).values(published_at=found.published_at, **made))
    connection.execute(insert(flows).values(flow=name, status=status, mode="native", **mine))


@pytest.mark.row("S1-01", "S1-02", "S1-03", "S1-04", "S1-05", "S1-06", "S1-07", "S3-01", "S5-257")
def test_the_list_has_each_flow_with_its_status_trigger_and_figures_and_is_sorted(office: Office) -> None:
    (desk, _) = office.desks
    browser = office.browser(office.hire("owner"))
    with office.transaction() as connection:
        another_flow(connection, desk, "farewell", "paused")
        count(connection, desk, desk.flow, "hello", sent=40, delivered=39, opened=20, clicked=7, orders=3, revenue=60)
        count(connection, desk, desk.flow, entered=40, converted=3, inside=12)
        count(connection, desk, "farewell", "hello", sent=5, delivered=5, opened=5, clicked=1, revenue=900)
        count(connection, desk, "farewell", "hello", days_ago=40, sent=1000, delivered=1000)
    page = browser.get(f"{desk.path}/flows").text
    assert rows(page)[1:3] == [
        "Farewell paused Signed up for emails 0 5 5 1 0 900.00 EUR",
        "Greeting active Signed up for emails 12 40 20 7 3 60.00 EUR",
    ]
    # In one step from every page of the shop.
    assert f'href="{desk.path}/flows"' in browser.get(f"{desk.path}/audit").text

    def names(**asked: Any) -> list[str]:
        return [row.split()[0] for row in rows(browser.get(f"{desk.path}/flows", query_string=asked).text)[1:3]]

    assert names(sort="-sent") == names(sort="revenue") == names(sort="-name") == ["Greeting", "Farewell"]
    assert names(sort="name") == names(sort="-revenue") == names(sort="-sent", days=90) == ["Farewell", "Greeting"]
    assert 'aria-sort="descending"' in browser.get(f"{desk.path}/flows?sort=-sent").text
    assert browser.get(f"{desk.path}/flows?sort=secret").status_code == 422
    assert names(status="paused")[0] == "Farewell" and "Greeting" not in names(status="paused")
    assert "No flow is archived" in read(browser.get(f"{desk.path}/flows?status=archived").text)
    # What guides claim of flows stands beside what these flows have brought, and is called a claim.
    (claimed,) = [row for row in rows(page) if row.startswith("Revenue per email")]
    assert (
        claimed == "Revenue per email All flows together 21.33 EUR 320 % more than without automation the guide's claim"
    )


@pytest.mark.row("S5-260", "S5-257", "S1-45")
def test_a_flows_page_has_its_map_with_counts_and_its_figures_beside_past_and_claims(office: Office) -> None:
    (desk, _) = office.desks
    browser = office.browser(office.hire("read-only"))
    with office.transaction() as connection:
        figures = {"delivered": 40, "clicked": 4, "unsubscribed": 1, "bounced": 2, "orders": 3}
        count(connection, desk, desk.flow, "hello", sent=50, opened=20, revenue=60, **figures)
        count(
            connection, desk, desk.flow, entered=60, completed=30, converted=3, conversion_seconds=3 * 7200, inside=12
        )
        count(connection, desk, desk.flow, "hello", days_ago=35, sent=25, delivered=20, opened=15, revenue=30)
        for step, what, people in (
            ("email-hello", "reached", 60), ("email-hello", "inside", 2), ("email-hello", "ended:exit:unsubscribed", 6),
            ("wait", "reached", 52), ("wait", "inside", 10), ("wait", "ended:goal", 3), ("", "ended:completed", 30),
        ):  # fmt: skip
            at = {"shop_id": desk.shop.id, "flow": desk.flow, "version": 1, "step": step}
            connection.execute(insert(step_counts).values(what=what, people=people, **at))
    text = browser.get(f"{desk.path}/flows/{desk.flow}").text
    page = read(text)
    assert "Email hello The first one 2 here now 60 came here 10.0 % dropped off" in page
    assert "Wait Wait 3 days 10 here now 52 came here How they left at Wait 3 days 3 reached the goal" in page
    found = rows(text)
    assert "hello Email 50 recipients of hello 50.0 % 10.0 % 2.5 % 4.0 % 0.0 % 3 7.5 % 60.00 EUR 1.20 EUR" in found
    # Now, as many days before, and what has changed.
    assert "Sent 50 25 +100 %" in found and "Open rate 50.0 % 75.0 % -33 %" in found
    assert "Conversion rate 5.0 % – –" in found and "Time to conversion 2 h – –" in found
    # The guide's number beside the shop's own, marked as a claim, and the flow's own.
    claims = [row for row in found if "25-40 %" in row]
    about, remark = "Automated emails beside those sent by hand", "15-20 % when sent by hand the guide's claim"
    assert claims == [f"Open rate {about} 50.0 % 25-40 % {remark}"]
    assert "Open rate 50.0 % 50 % written in the flow" in found
    assert "Target 5 % Here 5.0 % reached the goal: 3 of 60 people On average after 2 h" in page
    assert "It ends at once on unsubscribed." in page and "Pause" not in page
    assert browser.get(f"{desk.path}/flows/{desk.flow}?version=2").status_code == 404
    # Programs are told the same of the message, and nothing that is counted of the whole flow only.
    one = program(office, desk, "read-only").get(f"flows/{desk.flow}").json["messages"][0]["figures"]
    assert (one["order_rate"], one["bounce_rate"], one["orders"]) == (0.075, 0.04, 3)
    assert {"converted", "entered", "conversion_rate"} & set(one) == set()
    assert browser.get(f"{desk.path}/flows/nothing").status_code == 404


def test_who_is_inside_is_shown_page_by_page_with_where_they_stand(office: Office) -> None:
    (desk, _) = office.desks
    now = desk.shop.installation.now
    with office.transaction() as connection:
        made = connection.scalars(
            insert(persons).returning(persons.c.id),
            [
                {
                    "shop_id": desk.shop.id, "seed": uuid5(NAMESPACE_URL, f"p{n}"), "first_name": "Dora", "tags": [],
                    "last_name": f"Dale{n}", "orders_count": 0, "total_spent": 0, "version": 1, "created_at": now,
                }
                for n in range(60)
            ],
        ).all()  # fmt: skip
        waiting = {"since": now.isoformat(), "trigger": {}, "at": "wait", "visit": 2}
        position = {**waiting, "waiting": {"due_at": (now + 3 * DAY).isoformat()}}
        connection.execute(
            insert(runs),
            [
                {
                    "shop_id": desk.shop.id, "id": uuid5(NAMESPACE_URL, f"r{person}{key}"), "flow": desk.flow,
                    "version": 1, "person_id": person, "key": key, "state": "live", "position": position,
                    "entered_at": now, "anchor_at": now,
                }
                for person in made
                # One of them is in it twice, at the end of the first page.
                for key in (("", "other") if person == made[-50] else ("",))
            ],
        )  # fmt: skip
    browser = office.browser(office.hire("owner"))
    first = browser.get(f"{desk.path}/flows/{desk.flow}/people").text
    assert rows(first)[1].startswith(
        "Dora Dale59 Wait 3 days 2026-11-05 09:00 2026-11-02 09:00 1 Take out Dora Dale59 They leave"
    )
    (more,) = [str(it["href"]) for name, it in elements(first) if it.get("rel") == "next"]
    second = browser.get(more).text
    shown = [row.split(" Wait ")[0] for page in (first, second) for row in rows(page)[1:]]
    # Each run once, in spite of the page's end between two of one person; with the one who was there before.
    assert len(shown) == 62 and shown.count("Dora Dale10") == 2 and len(set(shown)) == 61
    masked = office.browser(office.hire("support")).get(f"{desk.path}/flows/{desk.flow}/people").text
    assert "Dale59" not in masked and "D••• D•••" in masked
    assert browser.get(f"{desk.path}/flows/{desk.flow}/people?after=nonsense").status_code == 422


@pytest.mark.row("S3-14", "S3-15", "S3-16", "S3-17")
def test_recipients_and_buyers_are_named_with_what_came_of_it(office: Office) -> None:
    (desk, _) = office.desks
    now, shop_id = desk.shop.installation.now, desk.shop.id
    with office.transaction() as connection:
        count(connection, desk, desk.flow, "hello", sent=1, delivered=1, opened=1, clicked=1, orders=1, revenue=15)
        common = {
            "shop_id": shop_id, "run_id": uuid5(NAMESPACE_URL, "x"), "flow": desk.flow, "version": 1,
            "person_id": desk.person, "step": "email-hello", "channel": "email", "message": "hello",
            "purpose": "marketing", "priority": 1, "created_at": now, "due_at": now, "deadline": now, "deferrals": 0,
            "attempts": 1,
        }  # fmt: skip
        sent = connection.scalar(
            insert(outbox).returning(outbox.c.id).values(
                key="sent", state="sent", sent_at=now, opened_at=now + DAY, clicked_at=now + DAY, **common
            )
        )  # fmt: skip
        connection.execute(insert(outbox).values(key="not", state="skipped", reason="shop_cap", **common))
        owed = {
            "flow": desk.flow, "version": 1, "step": "email-hello", "message": "hello", "channel": "email",
            "touch": "clicked", "touched_at": now + DAY, "placed_at": now + DAY, "currency": "EUR",
        }  # fmt: skip
        values = {"amount": Decimal(20), "refunded": Decimal(5), "revenue": Decimal(15), "outbox_id": sent}
        connection.execute(
            insert(attributions).values(shop_id=shop_id, order_id=9001, person_id=desk.person, **owed, **values)
        )
    owner, support = office.browser(office.hire("owner")), office.browser(office.hire("support"))
    base = f"{desk.path}/flows/{desk.flow}"
    skipped, arrived = rows(owner.get(f"{base}/recipients").text)[1:]
    assert arrived == "Ann Bell hello Email Sent 2026-11-02 09:00 2026-11-03 09:00 2026-11-03 09:00 bought"
    # Why it did not go to somebody, in a sentence.
    assert skipped.startswith("Ann Bell hello Email Not sent ") and "cap" in skipped and "_" not in skipped
    assert len(rows(owner.get(f"{base}/recipients?message=hello").text)) == 3
    assert "Nothing was sent" in read(owner.get(f"{base}/recipients?message=other").text)
    (bought,) = rows(owner.get(f"{base}/buyers").text)[1:]
    assert bought == ("#1001 Ann Bell 20.00 EUR 5.00 EUR 15.00 EUR hello, followed 2026-11-03 09:00 2026-11-03 09:00")
    for part in ("recipients", "buyers"):
        assert "Bell" not in read(support.get(f"{base}/{part}").text), part


def test_a_message_is_shown_as_it_arrives_and_can_do_nothing(office: Office) -> None:
    (desk, _) = office.desks
    owner, support = office.browser(office.hire("owner")), office.browser(office.hire("support"))
    path = f"{desk.path}/flows/{desk.flow}/messages/hello"
    page = owner.get(path, query_string={"who": "bell", "look": "phone-night"}).text
    (frame,) = [it for name, it in elements(page) if name == "iframe"]
    assert frame["sandbox"] in ("", None) and frame["title"] and "Hello there" in read(page)
    alone = owner.get(str(frame["src"]))
    assert "Hello Ann." in read(alone.text)
    policy = alone.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "script-src" not in policy and "default-src 'none'" in policy
    # By each way of looking at it; with invented facts when nobody is named.
    for look in LOOKS:
        assert "Hello Ada." in read(owner.get(f"{path}/look?look={look}").text)
    # Whoever does not see whole addresses does not see whole messages to somebody either.
    assert support.get(path).status_code == 200
    for asked in ({"who": "bell"}, {"person": desk.person}):
        for where in (path, f"{path}/look"):
            assert support.get(where, query_string=asked).status_code == 422
    for wrong in (f"{path}?variant=other", f"{desk.path}/flows/{desk.flow}/messages/none"):
        assert owner.get(wrong).status_code == 404, wrong
    assert "It would not be sent: There is no person 999" in read(owner.get(f"{path}?person=999").text)


def test_a_flow_is_paused_and_archived_and_people_are_taken_out(office: Office) -> None:
    (desk, _) = office.desks
    browser, base = office.browser(office.hire("editor")), f"{desk.path}/flows/{desk.flow}"

    def press(act: str, **fields: Any) -> str:
        answer = browser.post(f"{base}/{act}", **fields)
        assert answer.status_code == 303, answer.text
        return read(browser.get(answer.headers["Location"]).text)

    assert "The flow is paused" in press("pause")
    # Twice is refused, with what it is.
    assert browser.post(f"{base}/pause").status_code == 422
    assert "The flow is active" in press("resume")
    assert "being taken out" in press(f"people/{desk.person}/remove", next="person")
    desk.shop.installation.settle("flows")
    assert desk.shop.one(runs, flow=desk.flow).outcome == "removed"
    # Back to where the button was: the person's page, or that of the flow.
    again = press(f"people/{desk.person}/remove", next="flow")
    assert "not in the flow any more" in again and "Nobody is in this flow now" in again
    assert browser.post(f"{base}/people/999999/remove").status_code == 404
    with office.transaction() as connection:
        connection.execute(update(runs).where(runs.c.flow == desk.flow).values(state="live", outcome=None))
    assert "The flow is archived" in press("archive", inside="exit")
    acts = [line.act for line in office.lines(desk.shop.id)]
    assert sorted(acts) == ["flow.archive", "flow.empty", "flow.pause", "flow.remove", "flow.resume"]
