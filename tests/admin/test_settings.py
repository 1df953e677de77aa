"""The shop's settings in the admin: each part a form, saved for itself, and nobody's change is overwritten."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import insert
from werkzeug.test import TestResponse

from connector import shops
from connector.admin.access import Visitor
from connector.admin.acts import settings as acts
from connector.admin.revision import Outdated
from connector.admin.sections import sections
from connector.admin.sections.section import defaults, document, read
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.models.outbox import send_ledger
from connector.shops import Shop
from tests.admin.office import Browser, Desk, Office, staffed
from tests.content.mailbox import visible_text

# Settings that other pages change, or that nobody changes by hand.
ELSEWHERE = {
    "contact_mapping": "the mapping", "event_mapping": "the mapping",
}  # fmt: skip


def now(office: Office, desk: Desk) -> Shop:
    with office.transaction() as connection:
        return shops.load(connection, desk.shop.id)


def filled(page: str) -> dict[str, Any]:
    """The form of a part as a browser would send it."""
    form = page.split('<section class="card" aria-labelledby="form">')[1].split("</form>")[0]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if given.get("type") != "checkbox" or " checked" in tag:
            found.setdefault(given["name"], []).append(html.unescape(given.get("value", "")))
    for name, text in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = [html.unescape(text)]
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.findall(r'value="([^"]*)" selected', options) or re.findall(r'value="([^"]*)"', options)
        found[name] = chosen[:1]
    found.pop("csrf_token")
    return found


def save(browser: Browser, desk: Desk, key: str, **changed: str) -> TestResponse:
    """The part as its page shows it, with these fields entered."""
    fields = {**filled(browser.get(f"{desk.path}/settings/{key}").text), **{name: [v] for name, v in changed.items()}}
    address = f"{desk.path}/settings/{key}{'/owners' if sections()[key].owners else ''}"
    return browser.post(address, **fields)


def test_every_setting_of_a_shop_has_a_field_or_a_page_of_its_own() -> None:
    owned = [key for one in sections().values() for key in one.keys]
    assert len(owned) == len(set(owned))
    assert set(owned) | set(ELSEWHERE) == set(defaults())
    for one in sections().values():
        assert {field.path.partition(".")[0] for field in one.fields} <= set(one.keys), one.key


def test_saving_a_part_as_it_is_shown_changes_nothing(office: Office) -> None:
    """Of every part: what its form shows is what holds, so that nobody changes what they did not touch."""
    (mine, _) = office.desks
    mine.shop.set(
        caps={"all": {"count": 5, "days": 7}, "sms": {"count": 1, "per": "day"}},
        quiet_hours={"start": "21:00", "end": "08:00"},
        offers={"cart": {"code": "BACK10", "percent": 10}, "welcome": {"percent": 5}},
        message_costs={"sms": {"FR": "0.045", "default": "0.06"}},
        loyalty={"source": "tags", "tiers": [{"name": "Very good", "points": 500}], "first_word_is_news": True},
        signals={
            "high_value_order": {"amounts": ["99.50", "250"]}, "birthday": {"metafield": "facts.birth_date"},
            "scores": {"lead": {"points": [{"on": "login", "points": 2}], "reached": [5], "days": 30}},
            "replenishment_due": {
                "kinds": {"tea-tin": {"cycle_days": 50, "first_reminder_day": 40}},
                "products": [{"sku": "TEA-1", "kind": "tea-tin", "per_piece": True}, {"variant": 7, "cycle_days": 90}],
            },
        },
        double_opt_in={"reminder_days": None, "template_id": 3}, soft_opt_in=["FR", "GB"],
        notify=["a@shop.example", "b@shop.example"], brand={"colour": "#1f3d36"}, address="1 Street\n2 Town",
        segments={
            "vip": {"person.loyalty.tier": "Gold"}, "men": None, "deep": {"not": {"all": [{"person.city": "Kiel"}]}},
            "either": {"any": [{"person.country": {"in": ["FR", "BE"]}}, {"person.tags": {"contains": "a, b"}}]},
        },
        lists={"newsletter": 12, "imports": 15}, attribute_prefix="", brevo_key_names=["Connector"],
        catalogue_signals={"buyers": ["price_dropped", "low_stock"]}, complaint_brake={"percent": 0.25},
    )  # fmt: skip
    owner, before = office.browser(staffed(office)["owner"]), now(office, mine).settings
    for key in sections():
        answer = save(owner, mine, key)
        assert answer.status_code == 303 and "note=nothing_changed" in answer.location, (key, answer.text)
    assert now(office, mine).settings == before and office.lines(mine.shop.id) == []


@pytest.mark.parametrize(
    ("key", "entered", "setting", "value"),
    [
        ("limits", {"marketing_cap.count": "2", "caps.sms.count": "1"}, "caps", {"sms": {"count": 1, "per": "day"}}),
        ("limits", {"caps.all.count": "4", "caps.all.days": "10"}, "caps", {"all": {"count": 4, "days": 10}}),
        ("hours", {"quiet_hours.start": "22:00", "quiet_hours.end": "07:30"}, "quiet_hours",
         {"start": "22:00", "end": "07:30"}),
        ("brake", {"complaint_brake.percent": "0,2"}, "complaint_brake", {"percent": 0.2}),
        ("consent", {"country": "DE", "soft_opt_in": "fr, gb"}, "soft_opt_in", ["FR", "GB"]),
        ("consent", {"double_opt_in.reminder_days": ""}, "double_opt_in", {"reminder_days": None}),
        ("offers", {"offers.cart.percent": "10"}, "offers", {"cart": {"percent": 10}}),
        ("costs", {"message_costs.sms": "FR 0,045\r\ndefault 0.06"}, "message_costs",
         {"sms": {"FR": "0.045", "default": "0.06"}}),
        ("loyalty", {"loyalty.source": "api", "loyalty.tiers": "Gold 500\nVery good 900"}, "loyalty",
         {"tiers": [{"name": "Gold", "points": 500}, {"name": "Very good", "points": 900}]}),
        ("signals", {"signals.milestone_order.orders": "3, 7"}, "signals", {"milestone_order": {"orders": [3, 7]}}),
        ("notify", {"notify": "a@shop.example\nb@shop.example"}, "notify", ["a@shop.example", "b@shop.example"]),
        ("reviews", {"reviews.due_days": "5"}, "reviews", {"due_days": 5}),
        ("account", {"attribute_prefix": "tea_"}, "attribute_prefix", "TEA_"),
        ("account", {"attribute_prefix": "none", "lists.sms": "13"}, "lists", {"sms": 13}),
    ],
)  # fmt: skip
def test_what_is_entered_becomes_the_setting(key: str, entered: dict[str, str], setting: str, value: Any) -> None:
    section, shop = sections()[key], bare()
    shown = {field.path: field.shown(shop.settings) for field in section.fields}
    found = read(section, shop, {**shown, **entered})
    assert found.errors == {}
    assert _within(value, found.settings[setting]), found.settings[setting]


def bare(**settings: Any) -> Shop:
    """A shop of no database."""
    return Shop(1, "tea.example", "Tea", "active", "", "", "UTC", "EUR", b"", settings)


def _within(value: Any, found: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(found, dict) and all(_within(one, found.get(name, "absent")) for name, one in value.items())
    return bool(value == found)


def _lines(path: str, *lines: dict[str, str]) -> dict[str, str]:
    """A table of lines as its text; ``path``: below the signals, "" for the segments."""
    return {f"signals.{path}" if path else "segments": orjson.dumps(lines).decode()}


@pytest.mark.parametrize(
    ("key", "entered", "field", "words"),
    [
        ("limits", {"marketing_cap.count": "many"}, "marketing_cap.count", "Write a whole number"),
        ("limits", {"marketing_cap.days": "31"}, "marketing_cap.days", "30"),
        ("hours", {"quiet_hours.start": "22:00"}, "quiet_hours.end", "needed"),
        ("hours", {"quiet_hours.start": "late", "quiet_hours.end": "08:00"}, "quiet_hours.start", "HH:MM"),
        ("consent", {"country": "Germany"}, "country", "as it has to be"),
        ("brand", {"brand.colour": "green"}, "brand.colour", "#rrggbb"),
        ("brand", {"logo_url": "javascript:alert(1)"}, "logo_url", "https://"),
        ("offers", {"offers.cart.expires_days": "3"}, "offers.cart.code", "An offer has a code"),
        ("costs", {"message_costs.sms": "France"}, "message_costs.sms", "FR 0.045"),
        ("notify", {"notify": "nobody"}, "notify", "email"),
        ("account", {"attribute_prefix": "9"}, "attribute_prefix", "capital letters"),
        ("account", {"lists.newsletter": "7", "lists.imports": "7"}, "lists.imports", "emptied"),
        # Of a table the line is said, and its column.
        ("signals", _lines("scores.lead.points", {"on": "page_viewed", "points": "many"}), "signals.scores.lead.points",
         "Line 1: Write a whole number"),
        ("signals", _lines("scores.lead.points", {"on": "a", "points": "1"}, {"on": "b", "points": "5000"}),
         "signals.scores.lead.points", "Line 2: Points: Must be"),
        ("signals", _lines("scores.lead.points", {"on": "a", "points": "1", "field": "person.email", "way": "eq",
         "value": "x"}), "signals.scores.lead.points", "Points can only depend on the event"),
        ("signals", _lines("replenishment_due.products", {"which": "tag", "named": "tea", "kind": "tea-tin"}),
         "signals.replenishment_due.products", "Line 1: Of the kind: Name one of"),
        ("signals", _lines("replenishment_due.products", {"which": "variant", "named": "tea", "kind": "coffee-1lb"}),
         "signals.replenishment_due.products", "Line 1: Say which products"),
        ("signals", _lines("replenishment_due.kinds", {"name": "tea", "cycle_days": "5", "first_reminder_day": "9"}),
         "signals.replenishment_due.kinds", "tea: Remind on day: The first reminder comes after"),
        ("segments", _lines("", {"name": "rich", "joined": "all", "field": "event.total", "way": "gt", "value": "5"}),
         "segments", "rich: A segment can ask for"),
        ("segments", _lines("", {"name": "rich", "joined": "all", "field": "person.total_spent", "way": "gt",
         "value": "much"}), "segments", "rich: person.total_spent: gt needs a number"),
        ("segments", _lines("", {"name": "rich", "joined": "all", "field": "", "way": "known"}), "segments",
         "Line 1: Name what is asked for"),
        ("segments", _lines("", {"name": "a", "joined": "all", "field": "person.city", "way": "known"},
         {"name": "a", "joined": "any", "field": "person.country", "way": "known"}), "segments", "Say the same of all"),
        ("segments", _lines("", {"name": "a", "joined": "all", "way": "written", "value": "{not"}), "segments", "JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field(key: str, entered: dict[str, str], field: str, words: str) -> None:
    section, shop = sections()[key], bare()
    shown = {one.path: one.shown(shop.settings) for one in section.fields}
    found = read(section, shop, {**shown, **entered})
    assert field in found.errors and words in found.errors[field], found.errors


def test_a_part_is_saved_with_its_line_and_wrong_fields_keep_what_was_entered(office: Office) -> None:
    (mine, theirs), emails = office.desks, staffed(office)
    editor = office.browser(emails["editor"])
    wrong = save(editor, mine, "limits", **{"marketing_cap.count": "<b>many", "caps.sms.count": "2"})
    assert wrong.status_code == 422 and "Nothing was saved" in wrong.text
    assert 'value="&lt;b&gt;many"' in wrong.text and "Write a whole number" in wrong.text
    assert re.search(r'name="caps.sms.count"[^>]*value="2"', wrong.text)
    answer = save(editor, mine, "limits", **{"marketing_cap.count": "2", "caps.sms.count": "2"})
    assert answer.status_code == 303 and "holds from now on" in editor.get(answer.location).text
    held = now(office, mine)
    assert held.settings["marketing_cap"] == {"count": 2, "days": 7}
    assert held.settings["caps"] == {"sms": {"count": 2, "per": "day"}}
    (line,) = office.lines(mine.shop.id)
    assert (line.act, line.object_id) == ("settings.change", "limits")
    assert line.detail == {"changed": ["marketing_cap.count", "caps.sms.count"]}
    assert "at most 2 marketing messages" in visible_text(editor.get(f"{mine.path}/settings").text)
    # A part that a form does not have, a field that it does not have, and parts that are for owners.
    assert editor.get(f"{mine.path}/settings/nothing").status_code == 404
    assert editor.post(f"{mine.path}/settings/limits", seen="x", plan="extended").status_code == 422
    assert save(editor, mine, "notify", notify="me@elsewhere.example").status_code == 403
    assert editor.post(f"{mine.path}/settings/notify", seen="x", notify="me@elsewhere.example").status_code == 404
    assert now(office, theirs).settings["marketing_cap"]["count"] == 3


def test_the_second_of_two_is_told_and_nothing_is_overwritten(office: Office) -> None:
    (mine, _), emails = office.desks, staffed(office)
    one, other = office.browser(emails["editor"]), office.browser(emails["owner"])
    form = filled(other.get(f"{mine.path}/settings/limits").text)
    assert save(one, mine, "limits", **{"marketing_cap.count": "2"}).status_code == 303
    late = other.post(f"{mine.path}/settings/limits", **{**form, "marketing_cap.days": ["9"]})
    assert late.status_code == 409 and "Somebody else has changed this" in late.text and "Now: " in late.text
    assert now(office, mine).settings["marketing_cap"] == {"count": 2, "days": 7}
    # Another part is another document, and whoever has been told may save.
    assert save(other, mine, "hours", **{"quiet_hours.start": "22:00", "quiet_hours.end": "07:00"}).status_code == 303
    told = other.post(f"{mine.path}/settings/limits", **filled(late.text))
    assert told.status_code == 303 and now(office, mine).settings["marketing_cap"] == {"count": 3, "days": 9}
    # What leads to more than a setting is held against the same.
    form = filled(other.get(f"{mine.path}/settings/signals").text)
    assert save(one, mine, "signals", **{"signals.birthday.at": "08:00"}).status_code == 303
    assert other.post(
        f"{mine.path}/settings/signals", **{**form, "signals.birthday.at": ["07:00"]}
    ).status_code == 409  # fmt: skip
    assert now(office, mine).settings["signals"]["birthday"]["at"] == "08:00"
    assert [line.act for line in office.lines(mine.shop.id)][:1] == ["signals.choose"]


def test_a_preview_says_whom_a_limit_would_hold_and_saves_nothing(office: Office) -> None:
    (mine, theirs) = office.desks
    editor, at = office.browser(staffed(office)["editor"]), office.installation.now
    rows = [
        {"shop_id": shop.shop.id, "outbox_id": 100 * who + n, "person_id": who, "run_id": UUID(int=1), "flow": "f",
         "channel": "email", "purpose": "marketing", "cap": "count", "counted_at": at - timedelta(days=n)}
        for shop, who, many in ((mine, 1, 1), (mine, 2, 2), (mine, 3, 3), (theirs, 4, 3)) for n in range(many)
    ]  # fmt: skip
    with office.transaction() as connection:
        connection.execute(insert(send_ledger), rows)
    path = f"{mine.path}/settings/limits"
    said = "Of the last 3 people who were sent marketing, {} would get nothing more"
    assert said.format(1) in visible_text(editor.get(path).text)
    form = {**filled(editor.get(path).text), "marketing_cap.count": ["2"]}
    tried = editor.post(f"{path}/preview", **form)
    assert tried.status_code == 200 and said.format(2) in visible_text(tried.text)
    assert now(office, mine).settings["marketing_cap"]["count"] == 3
    # What was previewed is saved from the same page.
    assert editor.post(path, **filled(tried.text)).status_code == 303
    assert now(office, mine).settings["marketing_cap"]["count"] == 2


def test_the_head_of_an_email_and_what_countries_ask_for_are_shown(office: Office) -> None:
    (mine, _) = office.desks
    mine.shop.set(brand={"name": "Tea <i>Time", "colour": "#fff5aa"}, country="DE", soft_opt_in=["FR"])
    reader = office.browser(staffed(office)["read-only"])
    brand = reader.get(f"{mine.path}/settings/brand").text
    assert "Tea &lt;i&gt;Time" in brand and "too faint to be read" in brand and 'fill="#fff5aa"' not in brand
    assert "There is no postal address" in brand and "Your role only reads this." in brand and ">Save<" not in brand
    rules = visible_text(reader.get(f"{mine.path}/settings/consent").text)
    assert re.search(r"DE\s*a confirmed yes", rules) and "or they bought and could object" in rules
    assert rules.index("DE") < rules.index("FR")


def test_settings_that_the_form_does_not_show_stay() -> None:
    shop = bare(signals={"milestone_order": {"orders": [5]}}, complaint_brake={"on": False})
    section = sections()["brake"]
    assert document(section, shop) == {"complaint_brake": {"on": False}}
    shown = {one.path: one.shown(shop.settings) for one in section.fields}
    assert read(section, shop, shown).settings["complaint_brake"]["on"] is False


def test_only_an_address_that_brevo_lets_send_becomes_the_sender(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine, _), emails = office.desks, staffed(office)
    senders = [
        {"email": "Tea@shop.example", "name": "Tea", "active": True},
        {"email": "old@shop.example", "name": "Old", "active": False},
    ]
    monkeypatch.setattr(Deps, "brevo", lambda self, shop: SimpleNamespace(senders=lambda: senders))
    owner, path = office.browser(emails["owner"]), f"{mine.path}/settings"
    brand = owner.get(f"{path}/brand").text
    seen = re.search(r'action="[^"]*/settings/sender".*?name="seen" value="(\w+)"', brand, re.S)
    assert seen
    refused = owner.post(f"{path}/sender", seen=seen[1], email="old@shop.example")
    assert refused.status_code == 422 and "choose one of: Tea@shop.example" in refused.text
    assert owner.post(f"{path}/sender", seen=seen[1], email="tea@shop.example").status_code == 303
    held = now(office, mine)
    assert (held.sender_email, held.sender_name) == ("Tea@shop.example", "Tea")
    assert owner.post(f"{path}/sender", seen=seen[1], email="tea@shop.example", name="T").status_code == 409
    assert office.browser(emails["editor"]).post(f"{path}/sender", seen=seen[1], email="x@y.example").status_code == 403
    assert [line.act for line in office.lines(mine.shop.id)] == ["settings.sender"]


def test_programs_change_settings_by_the_same_rules(office: Office) -> None:
    (mine, _) = office.desks
    deps, shop = office.installation.deps, now(office, mine)
    visitor = Visitor("api-key:1", "Robot", "owner", frozenset({mine.shop.id}))
    (view,) = [one for one in acts.VIEWS if one.name == "setting"]
    told = view.read(deps, shop, visitor, {"section": "limits"})
    assert told["settings"]["marketing_cap"] == told["defaults"]["marketing_cap"] == {"count": 3, "days": 7}
    given = {"section": "limits", "seen": told["seen"]}
    for wrong in ({"plan": "extended"}, {"marketing_cap": {"count": 0}}, {"caps": {"\x00": {}}}, {"caps": "none"}):
        with pytest.raises(InvalidInput):
            acts.SAVE.do(deps, shop, visitor, {**given, "settings": wrong})
    done = acts.SAVE.do(deps, shop, visitor, {**given, "settings": {"marketing_cap": {"count": 1, "days": 2}}})
    assert done["changed"] == ["marketing_cap.count", "marketing_cap.days"]
    with pytest.raises(Outdated):
        acts.SAVE.do(deps, shop, visitor, {**given, "settings": {"marketing_cap": {"count": 5, "days": 2}}})
    with pytest.raises(LookupError):
        acts.SAVE_OF_OWNERS.do(deps, shop, visitor, {**given, "settings": {}})
    assert now(office, mine).settings["marketing_cap"] == {"count": 1, "days": 2}
