"""Settings that are lists: lines that are added and taken away without script, and conditions as fields of a form."""

from __future__ import annotations

import html
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from connector.admin.sections import asking, rows, sections
from connector.admin.sections.section import read
from connector.admin.sections.segments import SHIPPED_WORDS
from connector.deps import Deps
from connector.models.flow import flow_versions, flows
from connector.models.sync import sync_state
from connector.shops import ShopSettingsSchema
from flows.core import segments
from flows.core.conditions import from_data
from flows.core.operators import OPERATORS
from sync import attributes, profile_pass
from tests.admin.office import Office, staffed
from tests.admin.test_settings import bare, filled, now, save
from tests.content.mailbox import visible_text

CONDITIONS = [
    *segments.SHIPPED.values(),
    *({one.field: {name: one.example}} for name, one in OPERATORS.items()),
    {"person.city": "5"}, {"person.city": "true"}, {"person.city": "a, b"}, {"person.city": 'say "hi"'},
    {"person.tags": {"in": ["a, b", "c", '"d"', 5, True]}}, {"person.total_spent": {"between": ["20 EUR", "50 EUR"]}},
    {"person.total_spent": -1.5}, {"person.city": " x "}, {"person.city": "x", "person.country": {"gt": 1, "lt": 5}},
    {"not": {"person.city": "x"}}, {"person.email": {"exists": False}},
]  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_condition_in_fields_means_the_same(condition: Any) -> None:
    assert from_data(asking.read(*asking.shown(condition))) == from_data(condition)


def test_every_segment_that_ships_is_said_in_words() -> None:
    assert set(SHIPPED_WORDS) == set(segments.SHIPPED)


def test_what_nobody_could_read_again_stays_one_text() -> None:
    """The control: what is more than one comparison is not cut down to one."""
    deep = [one for one in CONDITIONS if asking.shown(one)[1] == asking.WRITTEN]
    assert {"not": {"person.city": "x"}} in deep and segments.SHIPPED["unread"] in deep and len(deep) < 12


def line(name: str, field: str, way: str, value: str = "", joined: str = "all") -> dict[str, str]:
    return {"name": name, "joined": joined, "field": field, "way": way, "value": value}


@pytest.mark.parametrize(
    ("lines", "setting"),
    [
        ([line("vip", "person.total_spent", "gte", "900")], {"vip": {"person.total_spent": {"gte": 900}}}),
        ([line("near", "person.country", "in", "FR, BE")], {"near": {"person.country": {"in": ["FR", "BE"]}}}),
        (
            [line("a", "person.city", "known"), line("b", "person.phone", "unknown"),
             line("a", "person.country", "eq", "FR")],
            {"a": {"all": [{"person.city": {"exists": True}}, {"person.country": {"eq": "FR"}}]},
             "b": {"person.phone": {"exists": False}}},
        ),
        (
            [line("a", "person.city", "known", joined="any"), line("a", "person.country", "eq", "FR", "any")],
            {"a": {"any": [{"person.city": {"exists": True}}, {"person.country": {"eq": "FR"}}]}},
        ),
        ([line("men", "", "off")], {"men": None}),
        ([line("x", "", "written", '{"not": {"person.city": "Kiel"}}')], {"x": {"not": {"person.city": "Kiel"}}}),
        ([], {}),
    ],
)  # fmt: skip
def test_lines_become_segments(lines: list[dict[str, str]], setting: dict[str, Any]) -> None:
    section = sections()["segments"]
    found = read(section, bare(segments={"old": {"person.city": "x"}}), {"segments": orjson.dumps(lines).decode()})
    assert (found.errors, found.settings) == ({}, {"segments": setting})


def test_lines_of_a_form_are_gathered_in_their_order_without_what_is_empty_or_ticked() -> None:
    columns = sections()["segments"].fields[0].kind.columns
    written = {10: line("b", "", "known"), 2: line("a", "x", "eq", "1"), 3: line("", "", "eq"), 4: line("c", "y", "eq")}
    form = {f"segments.{n}.{name}": text for n, one in written.items() for name, text in one.items()}
    told = orjson.loads(rows.gathered({**form, "segments.4.gone": "yes"}, "segments", columns))
    assert [one["name"] for one in told] == ["a", "b"]
    for name in ("segments.x.name", "segments.1.other", "segments.1.name.more", "other.1.name", "segments.99999.name"):
        assert not rows.is_field("segments", columns, name)


def test_a_browser_without_script_adds_and_removes_lines(office: Office) -> None:
    (mine, _), path = office.desks, "segments"
    editor = office.browser(staffed(office)["editor"])
    with office.transaction() as connection:
        asked = {"audience": {"segment.men": True}}
        row = connection.execute(select(flow_versions).where(flow_versions.c.shop_id == mine.shop.id)).first()
        assert row is not None
    mine.shop.change(flows, {"version": 2}, flow=mine.flow)
    with office.transaction() as connection:
        definition = {**row.definition, **asked}
        connection.execute(
            flow_versions.insert().values({**row._mapping, "version": 2, "definition": definition, "digest": "two"})
        )
    first = {"segments.1.name": "vip", "segments.1.field": "person.total_spent", "segments.1.way": "gte",
             "segments.1.value": "900", "segments.2.name": "men", "segments.2.way": "off"}  # fmt: skip
    assert save(editor, mine, path, **first).status_code == 303
    held = now(office, mine).settings["segments"]
    assert held == {"vip": {"person.total_spent": {"gte": 900}}, "men": None}
    page = editor.get(f"{mine.path}/settings/segments").text
    assert f"The flow {mine.flow} asks for the segment men" in visible_text(page) and 'list="offered-people"' in page
    # More empty lines, with what was entered and not saved yet.
    form = {**filled(page), "segments.3.name": ["<i>new"]}
    more = editor.post(f"{mine.path}/settings/segments/preview", **form, more_lines="yes")
    assert more.status_code == 200 and "segments.15.name" in more.text and "&lt;i&gt;new" in more.text
    assert "segments.15.name" not in page
    # One line is ticked, another is emptied.
    gone = {"segments.1.gone": "yes", "segments.2.name": "", "segments.2.field": "", "segments.2.value": ""}
    assert save(editor, mine, path, **gone).status_code == 303 and now(office, mine).settings["segments"] == {}
    wrong = save(editor, mine, path, **{"segments.1.name": "<b>", "segments.1.field": "event.x"})
    assert wrong.status_code == 422 and "Line 1: Say with what" in html.unescape(wrong.text)
    assert editor.post(f"{mine.path}/settings/segments", **{"segments.1.other": "x", "seen": "x"}).status_code == 422


def test_other_lists_and_another_prefix_have_everybody_told_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine, _), emails = office.desks, staffed(office)
    owner, there, made = office.browser(emails["owner"]), [{"id": 12, "name": "News"}], []
    account = SimpleNamespace(lists=lambda: there, await_turn=lambda *_: None)
    monkeypatch.setattr(Deps, "brevo", lambda self, shop: account)
    ensured = attributes.Ensured(("TEA_CITY",), ())
    monkeypatch.setattr(attributes, "ensure", lambda account, mapping: made.append(mapping) or ensured)
    refused = save(owner, mine, "account", contact_list="99")
    assert refused.status_code == 422 and "Brevo has no list 99" in refused.text
    assert office.browser(emails["editor"]).post(f"{mine.path}/settings/account/owners", seen="x").status_code == 403
    mine.shop.change(sync_state, {"sent_version": 1}, entity="contact", entity_id=mine.person)
    asked: list[Any] = []
    monkeypatch.setattr(profile_pass, "ask", lambda scope: asked.append(scope.shop.attribute_prefix))
    saved = save(owner, mine, "account", contact_list="12", attribute_prefix="tea_")
    assert saved.status_code == 200, saved.text
    assert "1 contacts are told again" in saved.text and "Created at Brevo: TEA_CITY" in saved.text
    held = now(office, mine)
    assert (held.settings["contact_list"], held.attribute_prefix, asked) == (12, "TEA_", ["TEA_"])
    assert any(one.name.startswith("TEA_") for one in made[0])
    # A name of a key changes nothing that anybody is told.
    assert save(owner, mine, "account", brevo_key_names="Connector").status_code == 303 and len(asked) == 1
    told = [(line.act, line.object_id, line.detail) for line in office.lines(mine.shop.id)]
    assert told[1] == ("settings.change", "account", {"changed": ["attribute_prefix", "contact_list"]})


def test_the_list_of_imports_is_no_other() -> None:
    for wrong in ({"lists": {"newsletter": 3, "imports": 3}}, {"lists": {"imports": 3}, "contact_list": 3}):
        assert ShopSettingsSchema().validate(wrong) == {
            "lists": {"imports": ["This list is emptied: it cannot be another one too."]}
        }
    assert ShopSettingsSchema().validate({"lists": {"newsletter": 3, "sms": 3, "imports": 4}}) == {}
