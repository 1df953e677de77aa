"""One message for one person: what it says, what it refuses, how it is built."""

from __future__ import annotations

import pytest

from flows.content.problems import ContentProblem
from flows.content.render import render
from tests.content.mailbox import elements, visible_text
from tests.content.samples import CART_BODY, facts, item, message


def refused(source, context) -> ContentProblem:
    with pytest.raises(ContentProblem) as caught:
        render(source, context)
    return caught.value


@pytest.mark.row("S5-054", "S5-057", "S5-058", "S5-059", "S5-248")
def test_a_cart_message_says_what_is_in_the_cart() -> None:
    rendered = render(message(subject="{{ person.first_name }}, your cart", preview="Still here"), facts())
    assert rendered.subject == "Ada, your cart"
    assert rendered.preview == "Still here"
    for words in ("Hi Ada,", "Linen apron", "Moss green", "Stoneware mug", "Quantity: 2", "€37.00", "€86.00"):
        assert words in visible_text(rendered.html)
    for words in ("Hi Ada,", "Linen apron, Moss green x 1: €49.00", "Stoneware mug x 2: €37.00", "Total: €86.00"):
        assert words in rendered.text
    assert facts()["checkout"]["recovery_url"] in rendered.links
    assert f"Back to my cart: {facts()['checkout']['recovery_url']}" in rendered.text


@pytest.mark.row("S5-056")
def test_the_preview_is_in_the_page_and_not_to_be_seen() -> None:
    html = render(message(preview="Still here"), facts()).html
    before, after = html.split("Still here", 1)
    assert before.rstrip().endswith(">") and "display:none" in before[before.rindex("<div") :]
    assert after.startswith("<")


def test_every_marketing_message_ends_with_a_way_out_and_a_sender() -> None:
    rendered = render(message("<p>Hello</p>"), facts())
    assert "https://connector.example/u/token" in rendered.links
    assert "Unsubscribe: https://connector.example/u/token" in rendered.text
    for part in (visible_text(rendered.html), rendered.text):
        assert "Storgatan 1, 111 22 Stockholm, Sweden" in part
        assert "because you signed up for news from Fern & Fjord" in part


def test_a_transactional_message_has_no_way_out_of_marketing() -> None:
    rendered = render(message("<p>Your order is on its way.</p>", purpose="transactional"), facts())
    assert rendered.links == ()
    assert "nsubscribe" not in rendered.html + rendered.text
    assert "Storgatan 1" in rendered.text


def test_without_an_address_to_unsubscribe_nothing_leaves() -> None:
    context = facts()
    context["links"] = {}
    problem = refused(message(), context)
    assert problem.code == "missing_value"
    assert "links.unsubscribe" in problem.sentence


@pytest.mark.parametrize("name", [None, "", "   ", "absent"])
def test_a_missing_value_without_default_stops_the_message(name: str | None) -> None:
    context = facts(person={"first_name": name})
    if name == "absent":
        del context["person"]["first_name"]
    problem = refused(message("<p>Hello</p>\n<p>Hi {{ person.first_name }},</p>"), context)
    assert problem.code == "missing_value"
    assert "person.first_name" in problem.sentence
    assert problem.where == "sample, line 2"
    with_default = message('<p>Hi {{ person.first_name | default: "there" }},</p>')
    assert "Hi there," in render(with_default, context).text


def test_a_missing_value_is_found_in_subject_preview_loops_and_blocks() -> None:
    no_name = facts(person={"first_name": None})
    assert refused(message(subject="{{ person.first_name }}"), no_name).where == "sample, subject"
    assert refused(message(preview="{{ person.first_name }}"), no_name).where == "sample, preview"
    assert refused(message("<p>{% for size in person.shoe_sizes %}x{% endfor %}</p>"), facts()).code == "missing_value"
    assert refused(message(), facts() | {"checkout": {}}).code == "missing_value"
    assert refused(message(), facts(total=None)).code == "missing_value"
    assert refused(message(), facts(recovery_url=None)).code == "missing_value"


@pytest.mark.row("S5-055")
def test_the_fallback_subject_stands_in_for_a_missing_value() -> None:
    source = message(subject="{{ person.first_name }}, your cart", subject_fallback="Your cart")
    assert render(source, facts()).subject == "Ada, your cart"
    assert render(source, facts(person={"first_name": None})).subject == "Your cart"


@pytest.mark.row("S1-30", "S3-13", "S5-167", "S5-245")
def test_a_person_is_called_by_what_is_known_of_them() -> None:
    body = """<p>Hi {{ person.first_name }} {{ person.last_name }},</p>
<p>we have {{ person.email }}, {{ person.phone | default: "no number" }} and {{ person.city | default: "no town" }}.</p>
"""
    text = render(message(body), facts()).text
    assert "Hi Ada Berg," in text and "ada@mail.example, +46701740605 and Uppsala." in text
    unknown = facts(person={"phone": None, "city": ""})
    assert "ada@mail.example, no number and no town." in render(message(body), unknown).text


def test_a_condition_may_ask_for_what_is_missing() -> None:
    body = "<p>Hi{% if person.first_name %} {{ person.first_name }}{% endif %}!</p>"
    assert "Hi Ada!" in render(message(body), facts()).text
    assert "Hi!" in render(message(body), facts(person={"first_name": ""})).text


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</mj-text></mj-column></mj-section><mj-raw><script>alert(1)</script></mj-raw>",
    "<mj-include path='/etc/passwd' />",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u0000\u0008\ud800<b>bold</b>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_names_and_titles_is_text(text: str) -> None:
    body = "<p>{{ person.first_name }}</p>\n{% render 'cart_items' %}\n" + (
        "{% render 'button', label: person.first_name, url: shop.url %}"
    )
    context = facts(person={"first_name": text}, shop={"name": text}, items=[item(text, variant_title=text)])
    rendered = render(message(body, preview="{{ person.first_name }}"), context)
    found = elements(rendered.html)
    assert not {name for name, _ in found} & {"script", "svg", "b", "object", "iframe"}
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    readable = "".join(letter for letter in text if letter.isprintable())
    assert readable in visible_text(rendered.html)
    assert readable in rendered.text


def test_the_check_for_markup_bites() -> None:
    """The control: unescaped, the same titles are found by what the test above looks for."""
    found = elements("".join(f"<p>{text}</p>" for text in HOSTILE))
    assert {"script", "svg", "b"} <= {name for name, _ in found}
    assert "onerror" in {name for _, attributes in found for name in attributes}


BAD_LINKS = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example",
    "/relative",
    "https://",
    "https://a b.example/",
    'https://x.example/"onclick="y',
]


@pytest.mark.parametrize("address", BAD_LINKS)
def test_only_web_addresses_are_linked(address: str) -> None:
    problem = refused(message(), facts(recovery_url=address))
    assert problem.code == "unsafe_link"
    written_in = message('<p><a href="{{ checkout.recovery_url }}">cart</a></p>')
    assert refused(written_in, facts(recovery_url=address)).code == "unsafe_link"
    # A product's page and picture are dropped instead: the cart is still worth a message.
    rendered = render(message(), facts(items=[item("Mug", url=address, image_url=address)]))
    assert "Mug" in rendered.text
    assert address not in {value for _, found in elements(rendered.html) for value in found.values()}


def test_links_keep_their_address() -> None:
    address = "https://shop.example/cart?a=1&b=%7Bx%7D&c=ü&d=it's#top"
    rendered = render(message('<p><a href="{{ checkout.recovery_url }}">cart</a></p>'), facts(recovery_url=address))
    assert address.replace("'", "%27") in rendered.links
    assert address.replace("'", "%27") in rendered.text


@pytest.mark.parametrize("title", ["قميص من الكتان", "חולצת פשתן", "🧣👩‍👩‍👧‍👦 Schal", "日本の急須", "a\u202eb", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯"])
def test_titles_of_every_script_survive(title: str) -> None:
    rendered = render(message(), facts(items=[item(title)]))
    assert title.replace("\u200c", "") in visible_text(rendered.html)
    assert title in rendered.text
    # The title's own direction stays inside its cell.
    assert any(found.get("dir") == "auto" for name, found in elements(rendered.html) if name == "div")


def test_two_hundred_items_stay_a_message() -> None:
    rendered = render(message(), facts(items=[item(f"Mug {number}") for number in range(200)]))
    assert "and 192 more in your cart" in rendered.text
    assert "and 192 more in your cart" in visible_text(rendered.html)
    assert len(rendered.html.encode()) < 60_000


def test_it_reads_without_pictures() -> None:
    html = render(message(), facts(shop={"logo_url": "https://cdn.shop.example/logo.png"})).html
    pictures = [found for name, found in elements(html) if name == "img"]
    assert len(pictures) == 3
    assert all(found.get("alt") for found in pictures)


def test_an_item_without_a_picture_takes_its_place() -> None:
    def cells(**fields: object) -> int:
        html = render(message(), facts(items=[item("Mug", **fields)])).html
        return sum("line" in (found.get("class") or "") for name, found in elements(html) if name == "td")

    assert (cells(), cells(image_url=None)) == (3, 2)
    assert 'class="line" colspan="2"' in render(message(), facts(items=[item(image_url=None)])).html


def test_money_and_dates_follow_the_persons_locale() -> None:
    body = "<p>{{ checkout.total | money }} {{ event.occurred_at | date }}</p>"
    german = facts(person={"locale": "de-DE"}, total="1234.5")
    assert "1.234,50\xa0€ 1. Mai 2026" in render(message(body), german).text
    japanese = facts(person={"locale": "en-US"}, total="1234", currency="JPY")
    assert "¥1,234 May 1, 2026" in render(message(body), japanese).text


@pytest.mark.row("S1-29")
def test_offers_are_shown_or_dropped_whole() -> None:
    source = message("{% render 'offer', offer: shop.offers.cart, valid_days: shop.offers.cart.expires_days %}")
    shown = render(source, facts())
    assert "CART10" in shown.text and "within 2 days" in visible_text(shown.html)
    for offers in ({}, {"cart": None}, {"cart": {"code": ""}}, None):
        dropped = render(source, facts(shop={"offers": offers}))
        assert "code" not in visible_text(dropped.html) + dropped.text


def test_a_template_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.content import render as module

    counted = []
    compose = module.compose
    monkeypatch.setattr(module, "compose", lambda source: counted.append(source.name) or compose(source))
    source = message(CART_BODY + "<p>Compiled once</p>")
    for _ in range(3):
        render(source, facts())
    assert counted == ["sample"]
    render(message(CART_BODY + "<p>Another</p>"), facts())
    assert len(counted) == 2


def test_the_place_of_a_problem_is_a_line_of_the_file() -> None:
    body = "<p>One</p>\n\n<p>{{ person.first_name | nonsense }}</p>\n"
    problem = refused(message(body, body_line=6), facts())
    assert (problem.code, problem.where) == ("not_allowed", "sample, line 8")
