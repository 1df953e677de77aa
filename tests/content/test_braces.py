"""Nothing that a shopper or a merchant wrote is evaluated by Brevo, and all of it can be read."""

from __future__ import annotations

import css_inline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.content.braces import part_in_html, part_in_text
from flows.content.language import MessageLanguage
from flows.content.render import render
from tests.content.mailbox import EVALUATED, evaluate, visible_text, without_gaps
from tests.content.samples import facts, item, message

PLACEHOLDERS = [
    "{{ contact.EMAIL }}",
    "{% if contact.EMAIL %}",
    "{# note #}",
    "{{7*7}}{% if %}",
    "{{{ x }}}",
    "{{{{{{",
    "{%%{{##",
    "{",
    "{ {{",
    "{{ unsubscribe }}",
    "{%- raw -%}",
]
EVERYWHERE = """<h1>{{ person.first_name }} {{ person.last_name }}</h1>
<p>{{ person.first_name }}{{ person.last_name }} <a href="{{ checkout.recovery_url }}">{{ shop.name }}</a></p>
{% render 'cart_items' %}
{% render 'offer', offer: shop.offers.cart %}
{% render 'button', label: person.first_name, url: checkout.recovery_url %}
"""


def in_every_field(text: str) -> dict:
    context = facts(
        person={"first_name": text, "last_name": text, "locale": text},
        shop={
            "name": text,
            "address": text,
            "logo_url": f"https://cdn.shop.example/{text}",
            "offers": {"cart": {"code": text, "percent": text, "expires_days": text}},
        },
        items=[item(text, variant_title=text, quantity=text, url=text, image_url=f"https://cdn.example/?{text}")],
        recovery_url="https://shop.example/recover?key={{contact.EMAIL}}&{%if%}={#x#}",
    )
    context["links"] = {"unsubscribe": "https://connector.example/u/{{token}}"}
    return context


def leaks(rendered) -> bool:
    parts = (rendered.subject, rendered.preview, rendered.html, rendered.text)
    return any(EVALUATED in evaluate(part) for part in parts)


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_braces_in_every_field_arrive_as_text(text: str) -> None:
    source = message(
        EVERYWHERE, subject="{{ person.first_name }}{{ shop.name }}", preview="{{ person.last_name }}{{ shop.name }}"
    )
    rendered = render(source, in_every_field(text))
    assert not leaks(rendered)
    assert text in visible_text(evaluate(rendered.html))
    assert text in without_gaps(evaluate(rendered.text))
    assert without_gaps(evaluate(rendered.subject)) == f"{text}{text}"
    assert without_gaps(evaluate(rendered.preview)) == f"{text}{text}"


def test_the_evaluator_bites() -> None:
    """The control of this file: without the last step the very same message is evaluated."""
    html = "<p>{{ contact.EMAIL }}</p>"
    assert EVALUATED in evaluate(html)
    assert EVALUATED not in evaluate(part_in_html(html))
    assert EVALUATED not in evaluate(part_in_text(html))


def test_parting_values_one_by_one_is_not_enough() -> None:
    """Wrong order 1: the braces of each value are parted before it is filled in."""
    values = ("{", "{ contact.EMAIL }}")
    page = MessageLanguage({}, for_html=True).from_string("<p>{{ a }}{{ b }}</p>")
    wrong = page.render(a=part_in_html(values[0]), b=part_in_html(values[1]))
    assert EVALUATED in evaluate(wrong)
    right = render(
        message("<p>{{ person.first_name }}{{ person.last_name }}</p>"),
        facts(person={"first_name": values[0], "last_name": values[1]}),
    )
    assert not leaks(right)
    assert "{{ contact.EMAIL }}" in visible_text(right.html)


def test_parting_before_another_parser_is_not_enough() -> None:
    """Wrong order 2: a step that reads and writes HTML runs behind the last step and undoes it."""
    page = "<html><head></head><body><p>{{ contact.EMAIL }}</p></body></html>"
    wrong = css_inline.inline(part_in_html(page))
    assert EVALUATED in evaluate(wrong)
    assert EVALUATED not in evaluate(part_in_html(css_inline.inline(page)))


def test_data_is_never_rendered_twice() -> None:
    """Wrong order 3: what was filled in is read as Liquid again."""
    title = "{{ 7 | times: 7 }}"
    language = MessageLanguage({}, for_html=True)
    once = language.from_string("<p>{{ title }}</p>").render(title=title)
    assert language.from_string(once).render() == "<p>49</p>"
    rendered = render(message(), facts(items=[item(title)]))
    assert title in visible_text(rendered.html)
    assert title in without_gaps(rendered.text)
    assert "49" not in without_gaps(rendered.text).replace("49.00", "")


def test_style_sheets_keep_their_meaning() -> None:
    html = "<style>a{#b}@media{{c}}</style><p title='{{'>{{</p><style>{%</style>"
    parted = part_in_html(html)
    assert EVALUATED not in evaluate(parted)
    assert "&#123;" not in parted.split("</style>")[0]
    assert visible_text(parted) == "{{"


words = st.text(
    st.one_of(st.sampled_from("{}%#|'\"<>&;/\\ \n\t-"), st.characters(exclude_categories=["Cs", "Cc", "Cf"])),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip())


def squeezed(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=150, deadline=None)
@given(titles=st.lists(words, min_size=1, max_size=4), name=words)
def test_any_title_arrives_as_it_was_written(titles: list[str], name: str) -> None:
    source = message(subject="{{ person.first_name }}{{ checkout.items[0].title }}")
    rendered = render(source, facts(person={"first_name": name}, items=[item(title) for title in titles]))
    assert not leaks(rendered)
    seen, text = squeezed(visible_text(evaluate(rendered.html))), squeezed(without_gaps(evaluate(rendered.text)))
    for title in titles:
        assert squeezed(title) in seen
        assert squeezed(title) in text
    assert squeezed(without_gaps(rendered.subject)) == squeezed(name + titles[0])
