"""Why somebody is in a flow or is not: rule by rule, without the names that fields and events have in files."""

from __future__ import annotations

import re

import pytest

from connector.admin import flow_words
from tests.admin.office import Office
from tests.content.mailbox import visible_text

FLOW = """flow: regulars
name: Regulars
trigger: {on: order_placed, where: {event.total: {gte: 50}}}
audience: {all: [{person.orders_count: {gte: 5}}, {person.last_order_at: {before: 30d ago}}]}
steps:
  - email: hello
"""
HELLO = "---\nsubject: Hello\npurpose: marketing\ndeadline: 5d\n---\n<p>Hello</p>\n"
# A name as files have it: event.total, order_placed, 30d.
_CODE = re.compile(r"\b(?:person|event)\.[a-z]\w*|\b[a-z]+_[a-z_]+\b|\b\d+[dhw]\b")


def test_fields_events_and_lengths_of_time_are_said_as_people_call_them() -> None:
    said = flow_words.clause(
        "order_placed happens and event.total is at least 50 (event.total_tax is not known)",
        ["event.total", "event.total_tax"],
        ["order_placed"],
    )
    assert said == "order placed happens and the trigger's total is at least 50 (the trigger's total tax is not known)"
    assert flow_words.clause("person.x is before 30d ago", ["person.x"]) == "their x is before 30 days ago"
    assert flow_words.clause("person.x is within the last 2w", ["person.x"]) == "their x is within the last 2 weeks"
    # The control: what somebody has written is left as it is.
    untouched = "person.y is “my event.total@x.example 3d \\1”"
    assert flow_words.clause(untouched, ["event.totals", "person.x"]) == untouched


@pytest.mark.row("S2-23")
def test_why_somebody_is_kept_out_is_said_without_codes(office: Office) -> None:
    (desk, _) = office.desks
    desk.shop.publish(FLOW, hello=HELLO)
    browser = office.browser(office.hire("owner"))
    page = browser.get(f"{desk.path}/people/{desk.person}/flows/regulars")
    assert page.status_code == 200
    said = " ".join(visible_text(re.sub(r"<nav.*?</nav>", "", page.text, flags=re.DOTALL).replace("<", " <")).split())
    main = said.partition("They would not enter.")[2]
    assert "their orders count is at least 5 (it is 1)" in main
    assert "their last order at is before 30 days ago" in main and "the trigger's total is at least 50" in main
    assert _CODE.findall(main) == []
