"""Trying a draft on a real person in the browser and by the API: what is said and to whom; nothing comes of it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from connector.admin import dry_runs, reasons
from connector.admin.dry_runs import said_of
from connector.models.flow import runs
from connector.models.flow_draft import flow_drafts
from connector.models.person import consents
from connector.models.shop import shops
from tests.admin.office import Browser, Desk, Office, staffed
from tests.admin.programs import program
from tests.admin.routes import state

FLOW = """flow: greeting-1
name: Greeting
trigger: {on: order_placed}
reentry: always
steps:
  - when: {all: [{event.total: {gte: 50}}, {person.email: {starts_with: ann}}]}
    then: [{split: {name: tone, shares: {warm: 50, cool: 50}, arms: {warm: [{wait: 1d}], cool: [{wait: 1d}]}}}]
  - email: hello
  - wait: 2h
  - email: hello
"""
HELLO = """---
subject: "Dear {{ person.last_name | default: 'you' }}"
preview: "Order {{ event.order_name | default: '' }}"
purpose: marketing
deadline: 5d
---
<p>{{ person.first_name | default: "Friend" }}, you wrote from {{ person.email }}. <a href="https://shop.example/x">There</a></p>
"""


@pytest.fixture
def desk(office: Office) -> Desk:
    """A shop in Stockholm whose person may enter and be written to."""
    (desk, _) = office.desks
    files = {"flow.yaml": FLOW, "messages/hello.liquid": HELLO}
    desk.shop.change(flow_drafts, {"files": files}, flow=desk.flow)
    desk.shop.change(runs, {"state": "done"}, flow=desk.flow)
    desk.shop.change(consents, {"level": "confirmed_opt_in"}, person_id=desk.person)
    with office.transaction() as connection:
        connection.execute(update(shops).where(shops.c.id == desk.shop.id).values(timezone="Europe/Stockholm"))
    return desk


def read(answer: TestResponse, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def play(browser: Browser, desk: Desk, **fields: Any) -> TestResponse:
    return browser.post(f"{desk.path}/drafts/{desk.flow}/dry-run", person=desk.person, **fields)


def frames(answer: TestResponse) -> list[str]:
    found = re.findall(r'<iframe [^>]*sandbox[^>]* src="([^"]+)"', answer.text)
    return [html.unescape(one) for one in found]


@pytest.mark.row("S2-34")
def test_a_draft_is_tried_on_a_person_and_nothing_comes_of_it(office: Office, desk: Desk) -> None:
    editor = office.browser(staffed(office)["editor"])
    path = f"{desk.path}/drafts/{desk.flow}/dry-run"
    before = state(office)
    assert "Try it on a person" in editor.get(path.removesuffix("/dry-run")).text
    both = read(editor.get(f"{path}?q=ann"))
    assert "Whom to try it on" in both and "Ann Bell" in both and "Ann Cole" in both
    assert "Nobody was found" in read(editor.get(f"{path}?q=nobody"))
    page = editor.get(f"{path}?q=ann.bell1@example.com")
    assert "Tried on Ann Bell" in read(page) and "order placed (starts the flow)" in read(page)
    assert "total: '86.00'" in html.unescape(page.text) and "What happens" in read(page)
    assert "Facts of “login”" in read(editor.get(f"{path}?person={desk.person}&event=login"))
    high = play(editor, desk, event="order_placed", facts="total: '60.00'\norder_name: '#7'", at="2026-11-03T09:00")
    told = read(high)
    assert "Ann Bell would enter the flow. Supposed was: order placed, on Tue 2026-11-03 09:00" in told
    # Nine in Stockholm is eight in London; a day later it is nine again.
    assert "Tue 2026-11-03 09:00 If the trigger's total is" in told and "Wed 2026-11-04 09:00 Email: hello" in told
    assert "yes the trigger's total is at least 50 (it is 60.00)" in told and "event.total" not in told
    assert "They go this way: Yes." in told and re.search(r"They go this way: (warm|cool), 50 %\.", told)
    assert "Wed 2026-11-04 11:00 Email: hello" in told and told.count("would be sent") == 2
    assert "The flow is over for them on Wed 2026-11-04 11:00: they came to the end." in told
    first, second = frames(high)
    framed = editor.get(first)
    assert "Ann, you wrote from ann.bell1@example.com." in read(framed) and "href=" not in framed.text
    policy = framed.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and " sandbox" in policy and editor.get(second).status_code == 200
    low = read(play(editor, desk, event="order_placed", facts="total: '40.00'"))
    assert "They go this way: No, or it cannot be told." in low and "Subject Dear Bell" in low
    assert {name for name, digest in state(office).items() if digest != before[name]} == set()


def test_what_keeps_somebody_out_and_what_cannot_be_tried_is_said(office: Office, desk: Desk) -> None:
    editor = office.browser(staffed(office)["editor"])
    other = read(play(editor, desk, event="login"))
    assert "would not enter the flow" in other and "Step by step" not in other
    once = {"flow.yaml": FLOW.replace("always", "never"), "messages/hello.liquid": HELLO}
    desk.shop.change(flow_drafts, {"files": once}, flow=desk.flow)
    page = read(play(editor, desk, facts="total: '60.00'"))
    assert "Whether they enter " + reasons.SENTENCES["entered_before"] in page and "Step by step" not in page
    for fields, said in (
        ({"facts": "total: [1"}, "The facts cannot be read."),
        ({"facts": "- 1"}, "Write a name and a value on each line"),
        ({"event": "nothing_like_it"}, "There is no event “nothing_like_it”"),
        ({"at": "2020-01-01T09:00"}, "from now to a year from now"),
        ({"at": "soon"}, "at:"),
        ({"facts": "note: " + "x" * 9000}, "longer than 8000 bytes"),
    ):
        assert said in read(play(editor, desk, **fields), 422), fields
    assert "<b>7</b>" not in play(editor, desk, facts="total: <b>7</b>\norder_name: <b>7</b>").text
    theirs = office.desks[1]
    assert editor.post(f"{desk.path}/drafts/{desk.flow}/dry-run", person=theirs.person).status_code == 404
    assert editor.get(f"{desk.path}/drafts/{desk.flow}/dry-run?person={theirs.person}").status_code == 404
    desk.shop.change(flow_drafts, {"files": {"flow.yaml": "flow: [", "messages/hello.liquid": HELLO}}, flow=desk.flow)
    page = read(play(editor, desk), 422)
    assert "The draft cannot be tried before it can be read. flow.yaml" in page


def test_a_frame_shows_the_trial_that_it_belongs_to_and_no_other(office: Office, desk: Desk) -> None:
    owner = office.browser(office.hire("owner"))
    (first, _) = frames(play(owner, desk, facts="total: '60.00'"))
    theirs = office.desks[1]
    # Sealed for this shop and this flow.
    moved = first.replace(desk.path, theirs.path).replace(desk.flow, theirs.flow)
    assert owner.get(first).status_code == 200 and owner.get(moved).status_code == 404
    assert owner.get(first.replace("trial=", "trial=x")).status_code == 404
    assert owner.get(f"{first}9").status_code == 404
    files = {"flow.yaml": FLOW, "messages/hello.liquid": HELLO.replace("you wrote", "you write")}
    desk.shop.change(flow_drafts, {"files": files}, flow=desk.flow)
    assert "play it once more" in read(owner.get(first), 422)


def test_support_sees_people_masked_and_the_api_says_the_same(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    emails = staffed(office)
    support = office.browser(emails["support"])
    path, facts = f"drafts/{desk.flow}/dry-run", {"total": "60.00", "order_name": "#7"}
    asked = {"person": desk.person, "facts": facts}

    def everything(browser: Browser) -> str:
        page = play(browser, desk, facts="total: '60.00'\norder_name: '#7'")
        searched = browser.get(f"{desk.path}/{path}?q=ann.bell1@example.com")
        return "".join([page.text, searched.text, *(browser.get(one).text for one in frames(page))])

    whole = ("ann.bell1@example.com", "Ann Bell", "Dear Bell", "Ann, you")
    unmasked = everything(office.browser(emails["editor"]))
    assert all(value in unmasked for value in whole)
    shown = everything(support)
    assert not any(value in shown for value in whole) and "A••• B•••" in shown and "Dear B•••" in shown
    mine = program(office, desk, "support").post(path, asked)
    assert mine.status_code == 200 and not any(value in mine.text for value in whole), mine.text
    editors = program(office, desk, "editor").post(path, asked).json
    assert (editors["entered"], editors["person"], editors["begins"]) == (True, "Ann Bell", "order placed")
    mails = [line["mail"] for line in editors["lines"] if line["mail"]]
    assert [one["verdict"] for one in mails] == ["sent", "sent"] and "Ann, you wrote" in mails[0]["html"]
    assert editors["lines"][1]["asked"][0]["answer"] == "yes" and editors["zone"] == "Europe/Stockholm"
    strange = {"person": desk.person, "event": "order_placed", "facts": {"order_id": "x", "items": 5, "total": {}}}
    assert program(office, desk, "editor").post(path, strange).status_code in (200, 422)
    assert program(office, desk, "read-only").post(path, asked).status_code == 403
    assert {line.act for line in office.lines(desk.shop.id)} == {"api_key.create"}
    # The control: without the masks of the words the addresses are there.
    monkeypatch.setattr(dry_runs._Telling, "_text", lambda self, said: said)
    assert "ann.bell1@example.com" in program(office, desk, "support").post(path, asked).text


def test_what_an_action_came_to_is_said_in_words() -> None:
    code = {"code": "BACK-1", "percent": 10, "amount": None, "minimum": "", "ends_at": "2026-11-30T07:29:59.9+00:00"}
    assert said_of(code, lambda at: f"{at:%d %B %H:%M}") == "code BACK-1, percent 10, ends at 30 November 07:29"
    assert said_of({"tags": ["vip", "2026"], "on": "2026-11-30"}, str) == "tags vip, 2026, on 2026-11-30"
    assert said_of({}, str) == ""
