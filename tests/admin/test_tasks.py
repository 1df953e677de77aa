"""Tasks in the admin: lists of them, and what is done with one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from connector.admin import revision
from connector.models.event import events
from connector.models.task import tasks
from connector.paging import SIZE
from flows.engine.tasks import to_do
from tests.admin.office import Desk, Office, staffed
from tests.admin.programs import program
from tests.content.mailbox import visible_text


def give(office: Office, desk: Desk, *rows: dict[str, object]) -> None:
    """More tasks of the desk's shop."""
    common = {
        "shop_id": desk.shop.id, "person_id": desk.person, "flow": "leads", "step": "call", "details": "",
        "state": "open", "made_at": office.installation.now, "assignee": None, "due_at": None,
        "closed_at": None, "closed_by": None,
    }  # fmt: skip
    with office.transaction() as connection:
        connection.execute(insert(tasks), [{**common, **row} for row in rows])


def test_a_task_is_found_given_away_done_and_opened_again(office: Office) -> None:
    (mine, theirs), emails = office.desks, staffed(office)
    support = office.browser(emails["support"])
    path = f"{mine.path}/tasks"
    page = visible_text(support.get(path).text)
    # Whom it is about is masked for support, in the title too.
    assert "Call a•••@e•••.com" in page and "ann@example.com" not in page and "Late" in page
    assert "Call ann@example.com" in office.browser(emails["editor"]).get(path).text
    task = f"{path}/{mine.task}"
    (seen,) = re.findall(rf'tasks/{mine.task}/assign.*?name="seen" value="(\w+)"', support.get(path).text, re.DOTALL)
    assert support.post(f"{task}/assign", assignee="stranger@elsewhere.example", seen=seen).status_code == 422
    given = support.post(f"{task}/assign", assignee=emails["support"], seen=seen)
    assert given.status_code == 303 and "given away" in support.get(given.location).text
    assert f"tasks/{mine.task}/" in support.get(f"{path}?show=mine").text
    assert f"tasks/{mine.task}/" not in support.get(f"{path}?show=anyones").text
    done = support.post(f"{task}/close?show=mine", outcome="done")
    assert done.location.endswith("show=mine&note=task_done")
    # Flows hear of it, once.
    assert [row.props["outcome"] for row in mine.shop.rows(events) if row.name == "task_done"] == ["done"]
    again = support.post(f"{task}/close", outcome="dropped")
    assert again.status_code == 422 and "done already" in again.text
    assert f"tasks/{mine.task}/reopen" in support.get(f"{path}?show=closed").text
    assert support.post(f"{task}/reopen").status_code == 303
    assert support.post(f"{task}/close", outcome="done").status_code == 303
    assert len([row for row in mine.shop.rows(events) if row.name == "task_done"]) == 1
    lines = office.lines(mine.shop.id)
    assert [line.act for line in reversed(lines)] == ["task.assign", "task.done", "task.reopen", "task.done"]
    assert {line.object_id for line in lines} == {str(mine.task)} and "@" not in str(lines)
    assert office.lines(theirs.shop.id) == []


def test_of_two_who_give_one_task_away_the_second_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine, _), emails = office.desks, staffed(office)
    editor = program(office, mine, "editor")

    def read() -> dict[str, Any]:
        (found,) = [one for one in editor.get("tasks").json["rows"] if one["id"] == mine.task]
        return dict(found)

    before = read()["seen"]
    assert editor.post(f"tasks/{mine.task}/assign", {}).status_code == 422, "of nothing seen"
    support = {"assignee": emails["support"], "seen": before}
    assert editor.post(f"tasks/{mine.task}/assign", support).status_code == 200
    late = {"assignee": emails["editor"], "seen": before}
    assert editor.post(f"tasks/{mine.task}/assign", late).status_code == 409
    browser = office.browser(emails["owner"])
    page = browser.post(f"{mine.path}/tasks/{mine.task}/assign", **late)
    assert page.status_code == 409 and "Somebody has changed this" in page.text
    assert read()["assignee"] == emails["support"] and read()["seen"] != before
    # The control: without the look the second takes it from the first.
    monkeypatch.setattr(revision, "check", lambda document, seen: None)
    assert editor.post(f"tasks/{mine.task}/assign", late).status_code == 200
    assert read()["assignee"] == emails["editor"]


def test_a_review_is_about_nobody_and_flows_hear_nothing_of_it(office: Office) -> None:
    (mine, _) = office.desks
    owner = office.browser(staffed(office)["owner"])
    review = mine.shop.one(tasks, review="monthly").id
    page = owner.get(f"{mine.path}/tasks?show=reviews").text
    assert "the calendar" in page and f"tasks/{mine.task}/" not in page
    assert owner.post(f"{mine.path}/tasks/{review}/close", outcome="done").status_code == 303
    assert [row for row in mine.shop.rows(events) if row.name == "task_done"] == []
    assert mine.shop.one(tasks, id=review).state == "done"


def test_what_is_due_first_comes_first_and_every_task_is_on_one_page(office: Office) -> None:
    (mine, theirs), now = office.desks, office.installation.now
    rows = [
        {"outbox_id": 100 + n, "title": f"T{n:03}", "due_at": now + timedelta(hours=n % 7) if n % 3 else None}
        for n in range(SIZE + 20)
    ]
    give(office, mine, *rows)
    give(office, theirs, {"outbox_id": 7, "title": "Of the other shop"})
    reader = office.browser(staffed(office)["read-only"])
    first = reader.get(f"{mine.path}/tasks").text
    link = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = reader.get(link).text
    shown = [visible_text(page) for page in (first, second)]
    assert [sum(f"T{n:03}" in page for page in shown) for n in range(len(rows))] == [1] * len(rows)
    assert 'rel="next"' not in second and "Of the other shop" not in first + second
    with office.transaction() as connection:
        found = to_do(connection, mine.shop.id, now, most=1000)
        late = to_do(connection, mine.shop.id, now, late=True, most=1000)
    dated = [one.due_at for one in found if one.due_at]
    assert dated == sorted(dated) and [one.due_at for one in found[len(dated) :]] == [None] * (len(found) - len(dated))
    assert {one.late for one in late} == {True} and len(late) == sum(one.late for one in found)
    # Whoever only reads has no button, and a cursor that is none of ours is refused in words.
    assert "It is done" not in first
    assert reader.get(f"{mine.path}/tasks?after=bm90aGluZw").status_code == 422
