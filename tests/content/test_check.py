"""What is found before a message is activated."""

from __future__ import annotations

import pytest

from flows.content.check import blocking, problems
from tests.content.samples import facts, message

FINE = message(preview="Still here")


def codes(source, context=None) -> dict[str, bool]:
    return {found.code: found.blocking for found in problems(source, context or facts())}


def test_a_good_message_has_no_problems() -> None:
    assert problems(FINE, facts()) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<p>Hi {{ person.first_name }}</p>", "missing_fallback"),
        ("<p>Use {{ shop.offers.cart.code }}</p>", "no_variant_without_offer"),
        ("<p>{{ person.shoe_size }}</p>", "missing_value"),
        ("<p>{{ person.first_name | nonsense }}</p>", "not_allowed"),
        ("<p>{% if %}</p>", "syntax"),
        ("{% render 'cart_items', rows: 150 %}", "clipped"),
        ("<p>Hello [First Name]</p>", "placeholder"),
    ],
)
def test_what_stops_an_activation(body: str, code: str) -> None:
    context = facts(items=facts()["checkout"]["items"] * 75)
    link = "\n{% render 'button', label: \"Go\", url: shop.url %}"
    found = codes(message(body + link, preview="x"), context)
    assert {code for code, blocking in found.items() if blocking} == {code}
    assert {one.code for one in blocking(message(body + link, preview="x"), context)} == {code}


def test_an_offer_makes_a_message_marketing() -> None:
    body = "<p>Thank you</p>\n{% render 'offer', offer: shop.offers.cart %}\n" + (
        "{% render 'button', label: \"Go\", url: shop.url %}"
    )
    source = message(body, preview="x", purpose="transactional")
    assert codes(source) == {"promotion_in_transactional": True}
    assert codes(message(body, preview="x", purpose="marketing")) == {}


def test_a_marketing_message_without_its_footer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with a layout that has no footer, the check says so; it reads the result, not the source."""
    from flows.content import compose, render

    layouts = {
        name: compose._layout(name).replace("links.unsubscribe", "shop.url")
        for name in ("shop.mjml.liquid", "shop.txt.liquid")
    }
    monkeypatch.setattr(compose, "_layout", layouts.__getitem__)
    render._compiled.cache_clear()
    try:
        assert codes(FINE) == {"no_unsubscribe": True}
    finally:
        render._compiled.cache_clear()


def test_what_is_worth_saying_but_stops_nothing() -> None:
    assert codes(FINE, facts(shop={"address": " "})) == {"no_address": False}
    assert codes(message("<p>Hello</p>")) == {"no_links": False, "no_preview": False, "same_for_everybody": False}


def test_a_finding_names_its_place() -> None:
    (found,) = problems(message("<p>Hello</p>\n<p>{{ person.first_name | nonsense }}</p>", body_line=7), facts())
    assert found.where == "sample, line 8"
    assert "nonsense" in found.sentence
