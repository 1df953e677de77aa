"""The mapping as a merchant writes it: everything wrong with it is said with its line and what to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connector.event_mapping import ENTERED, LARGEST, LEFT, SHORTENED, bounded, defaults, flow_of, provider_events
from flows.core.vocabulary import EVENTS
from flows.engine.publish import library
from sync.mapping import contact, document, reference, sources
from sync.mapping.attribute import Attribute
from sync.mapping.problems import WrongMapping
from sync.profile_values import VALUES
from tests.architecture.project import PROJECT

AT = datetime(2026, 11, 1, tzinfo=UTC)


def wrong(text: str) -> list[str]:
    with pytest.raises(WrongMapping) as error:
        document.read(text)
    return [str(one) for one in error.value.problems]


def line(entry: str, part: str = "attributes") -> str:
    return f"{part}:\n  {entry}\n"


def test_what_is_shipped_is_right_in_both_parts() -> None:
    shipped = document.Mapped(contact.defaults(), defaults())
    assert [*document.problems(shipped)] == []
    assert document.read(document.EMPTY) == document.Mapped()


def test_every_problem_is_told_at_once_with_its_line() -> None:
    said = wrong(
        "attributes:\n  TIER: {from: metafield:loyalty.tier, type: text}\n  AGE: {from: shoe_size, type: float}\n"
        "events:\n  order_paid: {as: paid, properties: [total, colour]}\n"
    )
    assert [re.match(r"line (\d+)", one)[1] for one in said] == ["3", "5"]  # type: ignore[index]
    assert "`shoe_size`" in said[0] and "average_order_value" in said[0], "it says what there is"
    assert "`colour`, which order_paid does not have: it has order_id" in said[1]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("lower: {from: city, type: text}", "upper case"),
        ("X: {from: city}", "needs a `type`"),
        ("X: {from: city, type: id}", "transactional attributes only"),
        ("X: {from: city, type: text, colour: red}", "`colour`, which means nothing"),
        ("X: {from: metafield:loyalty, type: text}", "nothing that is known"),
        ("X: {from: consent.email.mood, type: text}", "nothing that is known"),
        ("EMAIL: {from: email, type: text}", "identifies contacts"),
        ("WHATSAPP: {from: phone, type: text}", "identifies contacts"),
        ("SMS: {from: phone, type: text}", "needs `when: sms_subscribed`"),
        ("X: {from: city, type: float, default: many}", "no number"),
        ("X: {from: city, type: text, transform: reverse}", "unknown `transform: reverse`"),
        ("X: {from: tags, type: text, transform: {join: 3}}", "takes a text"),
        ("X: {from: city, type: text, transform: {upper: 3}}", "takes nothing"),
        ("X: {from: tags, type: category}", "needs its `options`"),
        ("X: {from: tags, type: category, options: {A: 1, B: 1}}", "needs its `options`"),
        ("X: {from: tags, type: multiple-choice, options: {A: 1}}", "needs its `options`"),
        ("X: {from: city, type: text, options: [A]}", "only category and multiple-choice"),
        ("NOBODY: null", "is not shipped"),
    ],
)
def test_a_wrong_attribute(entry: str, words: str) -> None:
    (said,) = wrong(line(entry))
    assert words in said and said.startswith("line 2: attributes ")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("order_paid: {as: order paid}", "letters, digits"),
        ("order_paid: {}", "as: "),
        ("order_paid: {as: x, properties: {total: a b}}", "names at Brevo"),
        ("order_payed: {as: x}", "never happens here"),
        ("order_paid: {as: x, shape: order, properties: [total]}", "leave one out"),
        ("order_paid: {as: x, contact_properties: {last: {from: total, type: float}}}", "upper case"),
        ("order_paid: {as: x, contact_properties: {LAST: {from: colour, type: text}}}", "`colour`"),
    ],
)
def test_a_wrong_event(entry: str, words: str) -> None:
    (said,) = wrong(line(entry, "events"))
    assert words in said and said.startswith("line 2: events ")


@pytest.mark.parametrize(
    "text",
    [
        "- a", "attributes: [1]", "colours: {}", "attributes: {X: [", "a: &b 1\nc: *b", "x" * 200_000,
        line("X: {from: city, type: text}\n  X: {from: city, type: text}"), "attributes: {X: !!python/name:os.system }",
        "[" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_mapping_is_refused_and_nothing_falls_over(text: str) -> None:
    assert wrong(text)


def test_twenty_one_metafields_are_too_many() -> None:
    lines = "\n".join(f"  X{n}: {{from: metafield:custom.key_{n}, type: text}}" for n in range(21))
    assert "21 metafields" in wrong(f"attributes:\n{lines}\n")[0]
    assert document.read(f"attributes:\n{lines.rpartition(chr(10))[0]}\n")


def test_a_document_says_the_same_when_it_is_written_anew() -> None:
    mapped = document.read(
        "attributes:\n  A: {from: tagged:no, type: boolean, default: false}\n  TIMEZONE: null\n"
        "  B: {from: tags, type: category, options: {Gold: 1}, transform: [upper, {join: ': '}]}\n"
        "events:\n  order_paid: {as: paid, properties: {total: sum}}\n  first_order: null\n"
    )
    assert mapped.attributes["A"]["default"] is False
    assert document.read(document.written(mapped)) == mapped


def test_each_source_has_one_meaning() -> None:
    assert set(VALUES) & (set(sources.PERSON) | set(sources.CUSTOMER)) == set()
    for name in (*sources.PERSON, *sources.CUSTOMER, *VALUES, "consent.sms.accepted", "tagged:no", "tag_after:tier-"):
        assert sources.source(name), name


def test_every_value_can_be_mapped_to_its_own_type() -> None:
    for one in VALUES.values():
        (made,) = (line for line in contact.attributes({"X": {"from": one.name, "type": one.kind}}) if line.name == "X")
        assert made == Attribute("X", one.name, one.kind)


# --- what values become


def values(person: dict[str, Any], consents: dict[str, Any] | None = None, **entry: Any) -> Any:
    mapping = tuple(one for one in contact.attributes({"X": entry}) if one.name == "X")
    return contact.values(person, consents or {}, mapping)["X"]


def test_what_is_not_sent_says_why() -> None:
    assert values({"city": None}, **{"from": "city", "type": "text"}).reason == "nothing is known"
    assert "no number" in values({"city": "Lyon"}, **{"from": "city", "type": "float"}).reason
    consented = {"from": "city", "type": "text", "when": "email_subscribed"}
    assert values({"city": "Lyon"}, **consented).reason == "no consent to email"
    assert values({"city": "Lyon"}, {"email": {"state": "subscribed"}}, **consented) == "Lyon"


def test_a_default_stands_for_what_is_not_known_and_what_is_gone_is_cleared() -> None:
    entry = {"from": "metafield:loyalty.tier", "type": "text"}
    gone = {"metafield:loyalty.tier": contact.CLEARED}
    assert values(gone, **entry) == "" and values({}, **entry).reason == "nothing is known"
    assert values(gone, **entry, default="none") == values({}, **entry, default="none") == "none"


def test_tags_and_consent() -> None:
    person = {"tags": ["tier-gold", "vip"]}
    assert values(person, **{"from": "tag_after:tier-", "type": "text"}) == "gold"
    assert values(person, **{"from": "tagged:vip", "type": "boolean"}) is True
    assert values({"tags": []}, **{"from": "tagged:vip", "type": "boolean"}) is False
    agreed = {"sms": {"state": "subscribed"}}
    assert values(person, agreed, **{"from": "consent.sms.accepted", "type": "boolean"}) is True
    assert values(person, **{"from": "consent.sms.accepted", "type": "boolean"}) is False


# --- events


def told(overrides: dict[str, Any], event: str = "order_paid", **props: Any) -> Any:
    found = provider_events(event, props, overrides, left_to_brevo=(), shop="One", at=AT, prefix="TWO_")
    return next(found)


def test_properties_are_chosen_and_renamed_and_change_the_contact() -> None:
    entry = {
        "as": "paid",
        "properties": {"total": "sum", "order_name": "number"},
        "contact_properties": {"LAST_TOTAL": {"from": "total", "type": "float"}, "B": {"from": "name", "type": "date"}},
    }
    found = told({"order_paid": entry}, total="14.90", order_name="#1", currency="EUR", name="x")
    assert found.body == {
        "event_name": "paid",
        "event_properties": {"sum": "14.90", "number": "#1"},
        "contact_properties": {"TWO_LAST_TOTAL": 14.9},
    }
    assert found.dropped == {"TWO_B": "“x” is no date"}


def test_an_event_fits_into_what_brevo_takes_and_says_what_was_shortened() -> None:
    items = [{"title": f"Mug {n}", "price": "1.00", "note": "é" * 50} for n in range(2000)]
    found = told({}, "order_placed", order_id=1, items=items, discount_codes=["A"]).properties
    assert len(orjson.dumps(found)) <= LARGEST and len(orjson.dumps({"items": items})) > LARGEST
    kept = len(found["items"])
    assert kept > 100 and found["items"] == items[:kept] and found["discount_codes"] == ["A"]
    assert found[SHORTENED] == [f"items: {kept} of 2000"]


def test_lists_inside_a_shape_are_shortened_and_a_long_text_is_left_out() -> None:
    found = bounded({"id": 1, "data": {"items": ["x" * 100] * 100, "url": "u"}, "text": "y" * 3000}, 4000)
    assert found["id"] == 1 and found["data"]["url"] == "u" and "text" not in bounded({"text": "y" * 5000}, 4000)
    assert found[SHORTENED][0].startswith("data.items: ")
    small = {"a": [1]}
    assert bounded(small, 4000) == small


def test_events_that_are_mapped_are_ours() -> None:
    for name, entry in defaults().items():
        assert set(entry.get("events") or (name,)) <= set(EVENTS) or flow_of(name) in library()


def test_what_an_automation_is_told_is_mapped_by_the_name_of_its_flow() -> None:
    read = document.read("events:\n  my-own_entered: {as: mine}\n  cart-recovery_left: null\n").events
    said = {name: [*provider_events(name, {"flow": flow}, read, left_to_brevo=(), shop="S", at=AT)]
            for flow, name in (("my-own", ENTERED), ("cart-recovery", LEFT))}  # fmt: skip
    assert [told.name for told in said[ENTERED]] == ["mine"] and said[LEFT] == []
    with pytest.raises(WrongMapping, match="never happens"):
        document.read("events:\n  my own_entered: {as: mine}\n")


# --- the page


PAGE = PROJECT / "docs" / "mapping.md"


def test_the_page_says_what_the_registries_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(reference.parts_in(page)) == set(reference.PARTS)
    assert reference.refreshed(page) == page, "python -m sync.mapping.reference < docs/mapping.md prints it"
    # The control: a page that is behind is noticed.
    behind = page.replace("`rfm_score`", "`rfm`")
    assert behind != page and reference.refreshed(behind) != behind


def test_the_example_of_the_page_is_right() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert set(document.read(example).attributes) > {"LOYALTY_TIER", "RFM_SCORE"}
