"""The HTML that merchants write: what is kept, what is refused, and how it reads as text."""

from __future__ import annotations

import re

import pytest

from flows.content.merchant_html import clean
from flows.content.problems import ContentProblem
from flows.content.render import render
from tests.content.mailbox import elements
from tests.content.samples import facts, message


def test_liquid_comes_through_the_cleaning_unchanged() -> None:
    body = '<p>{% if checkout.total > 5 and person.first_name != "<b>" %}A & {{ "x" | append: "}" }}{% endif %}</p>'
    assert "A &amp; " in clean(body, "here").html
    assert '{% if checkout.total > 5 and person.first_name != "<b>" %}' in clean(body, "here").html
    assert '{{ "x" | append: "}" }}' in clean(body, "here").html


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<p onclick=alert(1) style='position:fixed'>x</p>",
        "<svg><script>alert(1)</script></svg>",
        "<iframe src=https://evil.example></iframe>",
        "<style>*{display:none}</style>",
        "<mj-include path='/etc/passwd' />",
        "</mj-text><mj-raw><script>alert(1)</script></mj-raw>",
        "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
        "<form action=https://evil.example><input name=a></form>",
        "{% if true %}<script>alert(1)</script>{% endif %}",
        "{{ '<script>alert(1)</script>' }}",
        "{% assign x = '<script>alert(1)</script>' %}{{ x }}",
        "{% assign x = '<scr' | append: 'ipt>alert(1)</script>' %}{{ x }}",
    ],
)
def test_active_content_never_reaches_the_mail(html: str) -> None:
    found = elements(render(message(f"<p>Hello</p>\n{html}\n<p>World</p>"), facts()).html)
    names = {name for name, _ in found}
    assert not names & {"script", "img", "svg", "iframe", "math", "form", "input", "mj-include", "mj-raw"}
    assert not [1 for _, attributes in found for name in attributes if name.startswith("on")]
    assert "position:fixed" not in "".join(attributes.get("style") or "" for _, attributes in found)


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://x.example/ y">x</a>',
        '<a href="page.html">x</a>',
        "<a href=\"{{ 'javascript:alert(1)' }}\">x</a>",
    ],
)
def test_links_that_lead_nowhere_good_are_refused(html: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        render(message(html), facts())
    assert caught.value.code == "unsafe_link"


def test_a_script_written_as_a_link_is_no_link() -> None:
    rendered = render(message('<p><a href="javascript:alert(1)">click</a></p>'), facts())
    assert "click" in rendered.text
    assert "javascript" not in rendered.html + rendered.text


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<a href="java{{ person.first_name }}script:x">x</a>', "not_allowed"),
        ('<a {% if true %}href="https://x.example"{% endif %}>x</a>', "not_allowed"),
        ("<p>see {% render 'cart_items' %} here</p>", "not_allowed"),
        ("<p>{% nothing %}</p>", "not_allowed"),
        ("<!-- {{ person.first_name }} -->", "not_allowed"),
        ("<p>{<script></script>{ person.email }}</p>", "syntax"),
        ("<p>&#123;{ person.email }}</p>", "syntax"),
        ("<p>{<b></b>{ person.email }}</p>", "syntax"),
        ("<p>{% if person %}</p><p>{% endif %}</p>", "syntax"),
        ("<p>{% if person %}<b>{% else %}</b>{% endif %}</p>", "syntax"),
        ("<p>{% endif %}</p>", "syntax"),
    ],
)
def test_liquid_in_the_wrong_place_is_refused_with_its_line(html: str, code: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        render(message(f"<p>One</p>\n{{% assign x = 1 %}}\n{html}\n", body_line=5), facts())
    assert caught.value.code == code
    assert caught.value.where == "sample, line 7"


def test_choices_inside_a_paragraph_and_between_sections() -> None:
    body = """<p>{% if person.first_name %}<b>{{ person.first_name }}</b>{% else %}you{% endif %}</p>
{% if shop.offers.cart %}
<p>With code</p>
{% else %}
<p>Without code</p>
{% endif %}
"""
    assert render(message(body), facts()).text.split()[:3] == ["Ada", "With", "code"]
    without = render(message(body), facts(person={"first_name": None}, shop={"offers": {}})).text
    assert without.split()[:3] == ["you", "Without", "code"]


def test_the_text_alternative_is_laid_out() -> None:
    html = """<h1>Title</h1><p>One &amp; two<br>three <a href="https://x.example/a">here</a></p>
<ul><li>first</li><li>second</li></ul><p>End</p>"""
    assert clean(html, "here").text == (
        "Title\n\nOne & two\nthree here (https://x.example/a)\n\n- first\n- second\n\nEnd\n"
    )


@pytest.mark.row("S3-11")
def test_every_element_carries_its_look() -> None:
    html = clean("<h1>a</h1><p>b</p><ul><li>c</li></ul>", "here").html
    assert re.findall(r"<(\w+) style=", html) == ["h1", "p", "ul", "li"]
