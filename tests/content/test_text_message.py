"""Texts: plain, with short links and a way to stop them, and found too long before anybody pays for them."""

from __future__ import annotations

import pytest

from flows.content.check import problems
from flows.content.problems import ContentProblem
from flows.content.segments import length
from flows.content.source import parse
from flows.content.text_message import MOST_SEGMENTS, arriving, as_billed, fill
from tests.content.samples import facts, message


def text(body: str, purpose: str = "marketing") -> object:
    return message(body, channel="sms", subject="", purpose=purpose)


def short(target: str) -> str:
    return f"<{len(target)}>"


def filled(body: str, purpose: str = "marketing", **person: str) -> str:
    return fill(text(body, purpose), facts(person=person), short)


def codes(body: str, purpose: str = "marketing", **shop: object) -> dict[str, bool]:
    return {found.code: found.blocking for found in problems(text(body, purpose), facts(shop=shop))}


def test_plain_text_with_a_way_to_stop_it() -> None:
    assert filled("  Hi {{ person.first_name }},\n\n\n\n  your   cart & more \n") == (
        "Hi Ada,\n\nyour cart & more\nSTOP [STOP_CODE]"
    )
    assert filled("Sale! Say no: [STOP_CODE]") == "Sale! Say no: [STOP_CODE]"
    assert filled("Your parcel is there", "transactional") == "Your parcel is there"


def test_every_web_address_becomes_a_short_link_and_the_sentence_stays() -> None:
    body = "Go (https://shop.example/a?b=1&c=2), or http://shop.example. {{ checkout.recovery_url }}!"
    assert filled(body, "transactional") == "Go (<30>), or <19>. <54>!"
    assert filled("mailto:a@b.example shop.example ftp://shop.example/x", "transactional").count("<") == 0


def test_somebodys_data_is_neither_template_nor_stop_code() -> None:
    said = filled("Hi {{ person.first_name }}", "transactional", first_name="{{ contact.EMAIL }}[STOP_CODE]{{{%")
    assert "{{" not in said and "{%" not in said and "[STOP_CODE]" not in said
    assert length(said).unicode is False
    # In marketing it stops nothing either: there is a way to say no in any case.
    assert filled("Hi {{ person.first_name }}", first_name="x") == "Hi x\nSTOP [STOP_CODE]"


def test_what_is_billed_has_the_name_before_it_and_the_number_in_it() -> None:
    assert arriving("Sale [STOP_CODE]", "Goods") == "Goods: Sale 00000"
    assert as_billed("x" * 160).segments == 1 and as_billed("x" * 160, "Goods").segments == 2


def test_a_text_that_nobody_would_pay_for_is_not_sent() -> None:
    body = "Hi {{ person.first_name }}"
    with pytest.raises(ContentProblem, match=f"at most {MOST_SEGMENTS}") as raised:
        filled(body, first_name="x" * 153 * (MOST_SEGMENTS + 1))
    assert raised.value.code == "too_large"
    assert filled(body, first_name="x" * 153 * (MOST_SEGMENTS - 1))


@pytest.mark.row("S5-061")
@pytest.mark.row("S1-41")
def test_length_is_said_before_it_is_activated() -> None:
    link = " {{ shop.url }}/sale"
    assert codes("Come and see:" + link) == {}
    assert codes("Come and see: " + "x" * 120 + link) == {"several_segments": False}
    assert codes("It’s on" + link) == {"unicode": False}
    (found,) = problems(text("It’s on – now" + link), facts())
    assert "’ (U+2019), – (U+2013)" in found.sentence
    (found,) = problems(text("x" * 200 + link), facts())
    assert "billed as 2 messages" in found.sentence


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Hi {{ person.first_name }} {{ shop.url }}", {"missing_fallback": True}),
        ("Use {{ shop.offers.cart.code }} {{ shop.url }}", {"no_variant_without_offer": True}),
        ("Nothing to do here", {"no_links": False}),
        ("{{ person.shoe_size }}", {"missing_value": True}),
        ("{% nonsense %}", {"not_allowed": True}),
        ("  \n ", {"missing_value": True}),
        ("x" * 153 * (MOST_SEGMENTS + 1), {"too_large": True}),
    ],
)
def test_what_is_wrong_with_a_text(body: str, found: dict[str, bool]) -> None:
    assert codes(body) == found or (body.startswith("{% nonsense") and set(codes(body)) <= {"not_allowed", "syntax"})


def test_an_offer_in_a_transactional_text_is_advertising() -> None:
    body = "{% if shop.offers.cart %}{{ shop.offers.cart.code }}{% endif %} {{ shop.url }}"
    assert codes(body, "transactional") == {"promotion_in_transactional": True}


def test_the_file_of_a_text_has_no_subject() -> None:
    head = "---\nchannel: sms\npurpose: marketing\ndeadline: 2h\n{}---\nHello {{{{ shop.url }}}}\n"
    source = parse("f/m", head.format(""))
    assert (source.channel, source.subject, source.body) == ("sms", "", "Hello {{ shop.url }}\n")
    for line in ("subject: Hi\n", "preview: Hi\n", "subject_fallback: Hi\n"):
        with pytest.raises(ContentProblem, match="is not known here"):
            parse("f/m", head.format(line))
    with pytest.raises(ContentProblem, match="needs a purpose"):
        parse("f/m", "---\nchannel: sms\n---\nHello\n")
    with pytest.raises(ContentProblem, match="channel is one of"):
        parse("f/m", "---\nchannel: fax\npurpose: marketing\n---\nHello\n")
