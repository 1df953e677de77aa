"""Whatever stands in the facts: a message is filled soon and in little memory, and text stays text."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from zlib import crc32

import pytest

from flows.content import render as rendering
from flows.content.context import example
from flows.content.problems import ContentProblem
from flows.content.proof import Proof, proof
from flows.content.source import MessageSource
from tests.content.mailbox import EVALUATED, elements, evaluate, visible_text, without_gaps
from tests.content.samples import message
from tests.content.test_blocks import USED

Place = tuple[str | int, ...]
MAX_SECONDS = 2.0

# What is a word to the message: it is printed as it is. The rest are amounts, moments, addresses and codes.
_WORDS = re.compile(
    r"(?:title|name|city|company|tier|reward|text|author|size|favourite_colour|category|plan|query|why|code|sku|address"
    r"|answers\.style|variant_title|next_tier|product_title|phone|country|estimated)\Z"
)
_NO_WORDS = ("estimated_at", "order_name")

HOSTILE = (
    "{{ 7*7 }}",
    "{{ 7 | times: 7 }}",
    "{{ contact.EMAIL }}{% if contact.EMAIL %}",
    "{%- render 'button' -%}",
    "<script>alert(1)</script>",
    "</mj-text><mj-raw><b onclick=x>",
    "]]><!-- &lt;b&gt; -->",
    "javascript:alert(1)",
    '"><img src=x onerror=y>',
)
ODD = (*HOSTILE, "", " ", "x" * 300_000, "1e999999999", "NaN", "-1", "9999-99-99", "\x00\ud800\u202e", "{" * 3000)
NO_TEXT: tuple[Any, ...] = (None, 10**400, -1.5, float("inf"), True, [], [[[]]], {}, {"a": {"b": 1}}, b"x", object())


def places(facts: Any, here: Place = ()) -> Iterator[Place]:
    """Where there is a value, in mappings and in the first member of lists."""
    if isinstance(facts, Mapping):
        for name in facts:
            yield from places(facts[name], (*here, name))
    elif isinstance(facts, list) and facts:
        yield from places(facts[0], (*here, 0))
    elif not isinstance(facts, list):
        yield here


def changed(value: Any, *where: Place) -> dict[str, Any]:
    """The example with this value in these places."""
    facts = deepcopy(example())
    facts["coupon"] = {"mine": facts["coupon"]["mine"]}
    for place in where:
        inner: Any = facts
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = value
    return facts


KNOWN = [place for place in places(changed(None)) if place[0] != "links"]
WORDS = [
    place
    for place in KNOWN
    if isinstance(place[-1], str)
    and _WORDS.search(place[-1])
    and place[-1] not in _NO_WORDS
    and "last_order" not in place
]


def written(place: Place) -> str:
    """As Liquid names it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)[1:]


EVERY_PLACE = "<p>" + " | ".join(f"{{{{ {written(place)} | default: 'nothing' }}}}" for place in KNOWN) + "</p>"
EVERY_BLOCK = "\n".join(USED.values())
EVERYTHING = message(
    f"{EVERY_PLACE}\n{EVERY_BLOCK}\n<p>{{{{ loyalty.points | number }}}} {{{{ reviews[0].rating | stars }}}}</p>",
    subject="{{ person.first_name }} {{ product.title }}",
    preview="{{ reviews[0].text }}",
)
TEXTS = [
    MessageSource(name="text", subject="", body="Hi {{ person.first_name }}{{ product.title }}", channel="sms"),
    MessageSource(
        name="whatsapp",
        subject="",
        body="Hi {{ params.NAME }}, {{ product.title }}",
        channel="whatsapp",
        template=7,
        params=(("NAME", "{{ person.first_name }}{{ loyalty.tier }}"),),
    ),
    MessageSource(
        name="push",
        subject="",
        body="{{ person.first_name }}",
        channel="push",
        title="{{ product.title }}",
        url="{{ product.url }}",
    ),
]


def parts(made: Proof) -> list[str]:
    return [made.title, made.preview, made.html, made.text, *made.params.values()]


def faults(made: Proof) -> list[str]:
    """What is not as it has to be, whatever the facts were."""
    found = [part[:80] for part in parts(made) if EVALUATED in evaluate(part)]
    for tag, attributes in elements(made.html):
        if tag in ("script", "iframe", "object", "form") or tag.startswith("mj-"):
            found.append(tag)
        found += [f"{tag} {name}" for name in attributes if name.startswith("on")]
        address = attributes.get("href") or attributes.get("src") or "https:"
        if address.split(":")[0] not in ("https", "http", "mailto", "tel"):
            found.append(address[:80])
    return found


def outcome(source: MessageSource, facts: Mapping[str, Any]) -> Proof | str:
    """The message, or why it is refused. Anything else is an error, and so is one that takes too long."""
    began = time.thread_time()
    try:
        made: Proof | str = proof(source, facts)
    except ContentProblem as problem:
        assert problem.code in ("missing_value", "bad_value", "unsafe_link", "too_large"), problem
        assert problem.sentence and problem.where
        made = problem.code
    assert time.thread_time() - began < MAX_SECONDS
    return made


def test_every_root_is_asked() -> None:
    assert {place[0] for place in KNOWN} == set(example()) - {"links"}
    assert len(WORDS) > 40
    assert isinstance(outcome(EVERYTHING, changed(None)), Proof)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_are_words_everywhere(text: str) -> None:
    facts = changed(text, *WORDS)
    made = outcome(EVERYTHING, facts)
    assert isinstance(made, Proof), made
    assert faults(made) == []
    seen = "".join(visible_text(evaluate(made.html)).split())
    wanted = "".join(text.split())
    # Each place prints it, and the blocks print some of them again.
    assert seen.count(wanted) > len(WORDS)
    assert "".join(without_gaps(evaluate(made.text)).split()).count(wanted) > len(WORDS)
    assert without_gaps(made.title) == f"{text} {text}"
    for source in TEXTS:
        made = outcome(source, facts)
        assert isinstance(made, Proof), made
        assert faults(made) == []
        # A brace is parted by a space there: an invisible character would make a text three times as dear.
        assert wanted in "".join(made.text.split())


@pytest.mark.parametrize("step", ["part_in_html", "part_in_text"])
def test_without_the_last_step_it_would_be_evaluated(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(rendering, step, lambda part: part)
    made = outcome(EVERYTHING, changed("{{ 7*7 }}", *WORDS))
    assert isinstance(made, Proof) and faults(made)


def test_what_runs_would_be_found() -> None:
    """The other control."""
    page = '<a href="javascript:x">x</a><p onclick="y"></p><script></script><mj-raw></mj-raw><img src="data:x">'
    assert len(faults(Proof("x", "email", "", html=page))) == 5


def odd(place: Place, value: Any) -> None:
    facts = changed(value, place)
    for source in (EVERYTHING, *TEXTS):
        made = outcome(source, facts)
        assert isinstance(made, str) or faults(made) == [], written(place)


def values(place: Place) -> tuple[Any, ...]:
    """What may stand there. Of the shop it is always a text: our own settings see to that."""
    return ODD if place[0] == "shop" else (*ODD, *NO_TEXT)


def test_one_odd_value_harms_nobody() -> None:
    for place in KNOWN[::5]:
        any_ = values(place)
        odd(place, any_[crc32(written(place).encode()) % len(any_)])


@pytest.mark.long
@pytest.mark.parametrize("root", sorted({str(place[0]) for place in KNOWN}))
def test_no_odd_value_harms_anybody(root: str) -> None:
    for place in KNOWN:
        if place[0] == root:
            for value in values(place):
                odd(place, value)
