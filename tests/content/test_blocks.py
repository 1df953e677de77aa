"""The blocks that messages may use: what each says, and what it leaves out when little is known."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connector.contrast import LEAST, ratio
from flows.content import wording
from flows.content.compose import blocks
from flows.content.context import bare, example, prepared
from flows.content.problems import ContentProblem
from flows.content.render import Rendered, render
from tests.content.mailbox import elements, visible_text
from tests.content.samples import facts, item, message

# How each is used, by its name.
USED = {
    "button": "{% render 'button', label: \"Go\", url: shop.url %}",
    "cart_items": "{% render 'cart_items' %}",
    "divider": "{% render 'divider' %}",
    "offer": "{% render 'offer', offer: coupon.mine %}",
    "order_items": "{% render 'order_items' %}",
    "points": "{% render 'points' %}",
    "product": "{% render 'product', product: product %}",
    "products": "{% render 'products', list: products.bestsellers, rows: 3, heading: \"Often chosen\" %}",
    "rating": "{% render 'rating', url: product.url %}",
    "reviews": "{% render 'reviews', list: reviews, rows: 2, heading: \"In their words\" %}",
    "tracking": "{% render 'tracking' %}",
}
# Parts of others.
INNER = {"lines", "price"}


def shown(block: str, context: dict[str, Any] | None = None, **fields: Any) -> Rendered:
    return render(message(USED[block], **fields), context or example())


def added(block: str, context: dict[str, Any]) -> str:
    """What the block adds to the text of a message without it."""
    body, empty = f"<p>Before.</p>\n{USED[block]}\n<p>After.</p>", "<p>Before.</p>\n<p>After.</p>"
    with_it, without = (render(message(one), context).text for one in (body, empty))
    return with_it.split("Before.")[1].split("After.")[0].strip() if with_it != without else ""


def test_every_block_is_tried_here() -> None:
    assert set(blocks("mjml")) == set(blocks("txt")) == {*USED, *INNER}


SAID = {
    "button": ["Go"],
    "cart_items": ["Linen apron", "Moss green", "Quantity: 2", "€37.00", "Total", "€86.00"],
    "divider": [],
    "offer": ["Your code", "MINE-7YQK4MTR9X", "10% off"],
    "order_items": ["Linen apron", "Quantity: 2", "Total", "€86.00"],
    "points": ["Your points: 1,240", "Your level: Silver", "Points still to go for Gold: 260", "Free shipping"],
    "product": ["Linen apron", "Moss green", "€49.00", "€59.00"],
    "products": ["Often chosen", "Linen apron", "Oak serving board", "€64.00", "€72.00"],
    "rating": ["★"],
    "reviews": ["In their words", "★★★★☆", "The right size for my morning tea.", "Jo", "Stoneware mug"],
    "tracking": ["PostNord", "Tracking number: 373500482910223344SE", "Expected on May 3, 2026", "Track my parcel"],
}


@pytest.mark.row("S5-060")
@pytest.mark.parametrize("block", USED)
def test_what_a_block_says(block: str) -> None:
    rendered = shown(block)
    for words in SAID[block]:
        assert words in visible_text(rendered.html), words
    for words in set(SAID[block]) - {"Quantity: 2", "★"}:
        assert words in rendered.text, words


@pytest.mark.parametrize("block", ["points", "product", "products", "reviews", "tracking", "offer"])
def test_of_what_nobody_knows_a_block_says_nothing(block: str) -> None:
    context = {**bare(), "product": None, "coupon": {}}
    assert added(block, context) == ""
    # The control: of what is known it does.
    assert added(block, example())


def test_a_product_of_which_little_is_known_is_its_name() -> None:
    assert added("product", bare()) == "Linen apron\nhttps://shop.example/products/apron"


def test_a_block_that_needs_a_cart_stops_the_message_without_one() -> None:
    for block in ("cart_items", "order_items"):
        context = {**example(checkout=False), "order": None}
        with pytest.raises(ContentProblem) as caught:
            shown(block, context)
        assert caught.value.code == "missing_value"


@pytest.mark.row("S3-20")
def test_single_products_are_promoted_with_a_discount() -> None:
    rendered = render(message(f"{USED['product']}\n{USED['offer']}"), example())
    for part in (visible_text(rendered.html), rendered.text):
        for words in ("Linen apron", "€59.00", "€49.00", "10% off", "MINE-7YQK4MTR9X"):
            assert words in part


def test_what_is_sold_out_says_so() -> None:
    context = facts(items=[item("Mug", sold_out=True), item("Bowl")])
    rendered = render(message(USED["cart_items"]), context)
    assert rendered.text.count("Sold out at the moment") == 1 and "Mug x 1: €18.50 (Sold out" in rendered.text
    assert visible_text(rendered.html).count("Sold out at the moment") == 1
    gone = {**example(), "product": {**example()["product"], "sold_out": True}}
    assert "Linen apron, Moss green, Sold out at the moment" in shown("product", gone).text
    assert "€49.00" not in shown("product", gone).text


def test_a_total_that_only_the_checkout_knows_is_not_shown() -> None:
    rendered = render(message(USED["cart_items"]), facts(total_changed=True))
    assert "€86.00" not in rendered.text + rendered.html
    assert "Prices have changed" in rendered.text and "Prices have changed" in visible_text(rendered.html)


def test_prices_that_could_not_be_read_again_say_of_when_they_are() -> None:
    context = {**example(), "prices": {"as_of": "2026-05-01T10:00:00+00:00"}}
    for part in (shown("product", context).text, visible_text(shown("product", context).html)):
        assert "Prices and availability as of May 1, 2026." in part
    assert "as of" not in shown("product").text


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_rows_of_products_are_whole(count: int) -> None:
    rendered = render(message("{% render 'products', list: products.similar, rows: " + str(count) + " %}"), example())
    found = elements(rendered.html)
    cells = [each for tag, each in found if tag == "td" and "width:50%" in (each.get("style") or "")]
    assert len(cells) == count + count % 2
    pictures = [each for tag, each in found if tag == "img"]
    assert len(pictures) == count and all(each.get("alt") for each in pictures)


def test_stars_are_five_links_that_a_thumb_finds() -> None:
    rendered = shown("rating")
    page = example()["product"]["url"]
    assert [link for link in rendered.links if "rating=" in link] == [f"{page}?rating={n}" for n in range(1, 6)]
    stars = [each for tag, each in elements(rendered.html) if tag == "a" and "rating=" in (each.get("href") or "")]
    assert all("min-width:44px" in each["style"] and "display:inline-block" in each["style"] for each in stars)
    asked = render(message("{% render 'rating', url: shop.url %}"), facts(shop={"url": "https://s.example/?a=1#b"}))
    assert "https://s.example/?a=1&rating=5#b" in asked.links


# --- languages


@pytest.mark.parametrize("code", wording.languages())
def test_every_language_says_everything(code: str) -> None:
    known, english = wording.languages()[code], wording.languages()[wording.FALLBACK]
    assert known.keys() == english.keys()
    for name, phrase in known.items():
        forms = [phrase] if isinstance(phrase, str) else list(phrase.values())
        model = english[name]
        places = (model if isinstance(model, str) else model["other"]).count("{}")
        assert all(one.count("{}") == places for one in forms), name
        assert isinstance(phrase, str) or "other" in phrase, name


def test_blocks_speak_the_language_of_the_message() -> None:
    rendered = shown("cart_items", facts(person={"locale": "de-DE"}), locale="de-AT")
    for words in ("Menge: 2", "Summe"):
        assert words in visible_text(rendered.html)
    assert "Abmelden: https://connector.example/u/token" in rendered.text
    assert 'lang="de-AT"' in rendered.html
    # The control, and what nobody has written the words of: English.
    for locale in ("en", "ja"):
        assert "Quantity: 2" in visible_text(shown("cart_items", locale=locale).html)


def test_plurals_are_those_of_the_language() -> None:
    assert wording.say("stars", "pl", ["3"], 3) == "3 gwiazdki" and wording.say("stars", "pl", ["5"], 5) == "5 gwiazdek"
    assert wording.say("enter_code_within", "en", ["1"], 1).endswith("within 1 day.")


def test_a_phrase_takes_values_as_they_are() -> None:
    assert wording.say("points_to_next", "en", ["{}", "{} {{ x }}"]) == "Points still to go for {}: {} {{ x }}"
    with pytest.raises(ContentProblem, match="no words"):
        render(message('<p>{{ "nonsense" | phrase }}</p>'), example())
    with pytest.raises(ContentProblem, match="no words"):
        render(message('<p>{{ "quantity" | phrase }}</p>'), example())


# --- the brand


def test_a_brand_is_in_every_message() -> None:
    look = {"name": "Fjord", "colour": "#aa3344", "ground": "#101820"}
    html = shown("button", facts(shop={"brand": look})).html
    assert "#aa3344" in html and "background-color:#101820" in html and "Fjord" in visible_text(html)
    plain = shown("button", facts(shop={"brand": None})).html
    assert "#1f3d36" in plain and "Fern & Fjord" in visible_text(plain)


@pytest.mark.parametrize("colour", ["#ffff00", "#ffffff", "#000000", "#777777", "#1f3d36"])
def test_a_brand_of_any_colour_can_be_read(colour: str) -> None:
    look = prepared(message(), facts(shop={"brand": {"colour": colour, "ground": colour}}))["shop"]["brand"]
    pairs = [("act", "on_act"), ("night", "on_night"), ("ground", "on_ground"), ("ground", "ink_on_ground")]
    assert all(ratio(look[one], look[other]) >= LEAST for one, other in pairs)
    assert ratio(look["act"], "#ffffff") >= LEAST and ratio(look["night"], "#22221f") >= LEAST


@pytest.mark.parametrize("colour", ["red", "#12345", '#123456" onload="x', "{{ 7 }}", None, 5])
def test_what_is_no_colour_paints_nothing(colour: object) -> None:
    html = shown("button", facts(shop={"brand": {"colour": colour, "ground": colour}})).html
    assert "#1f3d36" in html and "onload" not in html


# --- hostile data


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table></mj-table><mj-raw><b>x</b></mj-raw>",
    "{{ contact.EMAIL }}",
    "{% if 1 %}{# x #}",
    "\u0000\ud800\u202e",
)


def poisoned(value: Any, text: str) -> Any:
    """The same facts with this text in the place of every text, but for addresses, amounts and dates."""
    if isinstance(value, dict):
        kept = ("url", "price", "total", "currency", "_at", "locale", "timezone")
        return {k: one if k.endswith(kept) else poisoned(one, text) for k, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, text) for one in value]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_the_store_tells_is_text(text: str) -> None:
    context = {**poisoned(example(), text), "links": example()["links"]}
    context["coupon"] = {"mine": {"code": text, "percent": 10}}
    for block in USED:
        rendered = shown(block, context)
        found = elements(rendered.html)
        assert not {name for name, _ in found} & {"script", "b", "svg"}, block
        assert not [name for _, attributes in found for name in attributes if name.startswith("on")], block
        for part in (rendered.html, rendered.text, rendered.subject):
            # What Brevo would read as its own language is broken.
            assert not re.search(r"\{[{%#]", re.sub(r"<style.*?</style>", "", part, flags=re.DOTALL)), block


def test_addresses_that_are_none_are_left_out_or_refused() -> None:
    bad = "javascript:alert(1)"
    for block, root in (("tracking", "tracking"), ("product", "product")):
        context = {**example(), root: {**example()[root], "url": bad, "image_url": bad}}
        assert bad not in shown(block, context).html
    with pytest.raises(ContentProblem, match="web address"):
        shown("rating", {**example(), "product": {**example()["product"], "url": bad}})
