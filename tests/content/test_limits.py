"""A message can ask for anything; it gets little time, little memory and nothing of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from flows.content.language import MAX_SECONDS as MAX_WORK
from flows.content.language import Work
from flows.content.problems import ContentProblem
from tests.content.bomb_shelter import HEADROOM
from tests.content.test_blocks import USED

MAX_SECONDS = 2.0

BOMBS = {
    "a long loop": "{% for i in (1..100000000) %}x{% endfor %}",
    "loops in loops": "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
    "a range walked backwards": "{% for i in (1..1000000000) reversed %}x{% endfor %}",
    "a range walked to its end": "{% for i in (1..99999999999) offset: 9999999999 limit: 1 %}x{% endfor %}",
    "a range beyond all numbers": "{% for i in (1..99999999999999999999999999) %}x{% endfor %}",
    "a range as a list": "{{ (1..1000000000) | join: 'x' }}",
    "a doubling text": "{% assign a = 'xxxxxxxx' %}" + "{% assign a = a | append: a %}" * 60 + "{{ a }}",
    "a replaced text": "{% assign a = 'xxxxxxxx' %}" + "{% assign a = a | replace: 'x', a %}" * 20 + "{{ a }}",
    "a text replaced by itself": "{% assign a = '" + "x" * 19_000 + "' %}{{ a | replace: 'x', a }}",
    "a list joined by a text": "{{ (1..2000) | join: '" + "x" * 19_000 + "' }}",
    "three loops, one after the other": "{% for i in (1..2000) %}{% endfor %}" * 3,
    "a squared number": "{% assign a = 99999999 %}" + "{% assign a = a | times: a %}" * 60 + "{{ a }}",
    "a long product": "{{ 9" + " | times: 99999999999" * 2_500 + " }}",
    "a huge exponent": "{{ '1e999999999' | round }}",
    "many loops": "{% for i in (1..2000) %}{% endfor %}" * 1_200,
    "a loop of nothing": "{% for i in (1..2000) %}" + "{% if true %}{% endif %}" * 2_400 + "{% endfor %}",
    "nested choices": "{% if true %}" * 2_000 + "x" + "{% endif %}" * 2_000,
    "a long condition": "{% if " + " and ".join(["true"] * 6_000) + " %}x{% endif %}",
    "nested brackets": "{{ a" + "[a" * 10_000 + " }}",
    "a long file": "x" * 70_000,
    "a long mail": "{% for i in (1..2000) %}" + "x" * 2_000 + "{% endfor %}",
    "many blocks": "{% for i in (1..2000) %}\n{% render 'cart_items' %}\n{% endfor %}",
    "many stars": "{% for i in (1..2000) %}\n{% render 'rating', url: shop.url %}\n{% endfor %}",
    "many shelves": "{% for i in (1..2000) %}\n{% render 'products', list: products.new %}\n{% endfor %}",
    "a doubling phrase": "{% assign a = 'xxxxxxxx' %}"
    + "{% assign a = 'points_to_next' | phrase: a, a %}" * 60
    + "{{ a }}",
    "nested elements": "<b>" * 15_000,
    "nested lists": "<ul><li>" * 7_000,
}
UNBALANCED = {
    "a loop that opens": "{% for i in (1..2000) %}<b><i><u>{% endfor %}",
    "a loop that opens inside": "<p>{% for i in (1..2000) %}<b>{% endfor %}</p>",
    "a loop over sections": "<p>a</p>\n{% for i in (1..2000) %}\n<p>b {% endfor %}</p>",
    "a loop that is left": "<p>{% for i in (1..2000) %}<b>{% continue %}</b>{% endfor %}</p>",
}
FORBIDDEN = {
    "attributes of objects": ("{{ person.__class__.__mro__ }}", "missing_value"),
    "formatting": ("{{ '%s' | format_map: person }}", "not_allowed"),
    "attr": ("{{ person | attr: '__class__' }}", "not_allowed"),
    "no escaping": ("{{ person.first_name | safe }}", "not_allowed"),
    "raw": ("{% raw %}<script>{{ x }}</script>{% endraw %}", "not_allowed"),
    "other files": ("{% include '/etc/passwd' %}", "not_allowed"),
    "other blocks": ("{% render '../../../etc/passwd' %}", "not_allowed"),
    "a block by variable": ("{% assign x = 'button' %}\n{% render x %}", "not_allowed"),
    "many tags in one": ("{% liquid\n echo 'x' %}", "not_allowed"),
    "the clock": ("{{ now }}", "missing_value"),
    "the clock as a date": ("{{ 'now' | date }}", "bad_value"),
    "a whole family": ("{{ person }}", "bad_value"),
    "a list": ("{{ checkout.items }}", "bad_value"),
    "division by nothing": ("{{ 1 | divided_by: 0 }}", "bad_value"),
    "endless money": ("{{ '1e400000' | money }}", "bad_value"),
    "an endless number": ("{{ '1e999999999' | number }}", "bad_value"),
    "endless stars": ("{{ '1e30' | stars }}", "bad_value"),
    "the stars of a list": ("{{ reviews | stars }}", "bad_value"),
    "an address that grows": (
        "{% assign u = shop.url %}" + "{% assign u = u | with_query: 'a', u %}" * 40 + "{{ u | link }}",
        "unsafe_link",
    ),
    "a script as an address": ("{{ 'javascript:x' | with_query: 'a', 'b' }}", "unsafe_link"),
    "words that are not ours": ("{{ '__class__' | phrase }}", "bad_value"),
    "too few words": ("{{ 'points_to_next' | phrase: 'Gold' }}", "bad_value"),
    "an open output": ("{{ person.first_name", "syntax"),
    "an open choice": ("{% if person %}", "syntax"),
}
# Facts that are larger than any: what the message says, how the example is blown up, what becomes of it.
EVERY_BLOCK = "\n".join(USED.values())
ITEMS = "{% for item in checkout.items %}{{ item.title }}{% endfor %}"
SWOLLEN = {
    "texts of a megabyte": (EVERY_BLOCK, {"letters": 1_000_000}, "too_large"),
    "a name of a megabyte": ("<p>{{ person.first_name }}</p>", {"letters": 1_000_000}, "too_large"),
    "a name in capitals": ("<p>{{ person.first_name | upcase }}</p>", {"letters": 1_000_000}, "too_large"),
    "a cart of 100,000 lines": (EVERY_BLOCK, {"members": 100_000}, "too_large"),
    "all lines of a long cart": (f"<p>{ITEMS}</p>", {"members": 100_000}, "too_large"),
    "a name of many levels": ("<p>{{ person.first_name }}</p>", {"deep": 200}, "bad_value"),
}


def shelter(bodies: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.content.bomb_shelter"],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str, float]]:
    bodies: dict[str, Any] = BOMBS | UNBALANCED | {name: body for name, (body, _) in FORBIDDEN.items()}
    bodies |= {name: [body, how] for name, (body, how, _) in SWOLLEN.items()}
    ended = shelter(bodies | {"alive": "<p>Hello</p>"})
    assert ended.returncode == 0, f"the process ended with {ended.returncode}: {ended.stderr[-2000:]}"
    return json.loads(ended.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_time(name: str, outcomes: dict[str, tuple[str, float]]) -> None:
    code, seconds = outcomes[name]
    assert code == "too_large"
    assert seconds < MAX_SECONDS


@pytest.mark.parametrize("name", UNBALANCED)
def test_what_repeats_must_be_whole(name: str, outcomes: dict[str, tuple[str, float]]) -> None:
    assert outcomes[name][0] in ("syntax", "not_allowed")


@pytest.mark.parametrize("name", FORBIDDEN)
def test_there_is_no_way_to_the_machine(name: str, outcomes: dict[str, tuple[str, float]]) -> None:
    assert outcomes[name][0] == FORBIDDEN[name][1]


@pytest.mark.parametrize("name", SWOLLEN)
def test_facts_of_any_size_end_in_time(name: str, outcomes: dict[str, tuple[str, float]]) -> None:
    code, seconds = outcomes[name]
    assert code == SWOLLEN[name][2]
    assert seconds < MAX_SECONDS


def test_a_process_that_stood_still_drops_no_message() -> None:
    """Work is limited, not the time on the wall: the machine may be busy, or asleep."""
    began = Work()
    time.sleep(MAX_WORK + 0.1)
    began.turn()
    with pytest.raises(ContentProblem, match="filled within"):
        while time.thread_time() < began.until + 0.5:
            began.turns = 0
            began.turn()


def test_the_process_still_works(outcomes: dict[str, tuple[str, float]]) -> None:
    assert outcomes["alive"][0] == "rendered"


@pytest.mark.long
def test_the_shelter_bites() -> None:
    """The control: a plain engine given two of the bombs dies in the same shelter."""
    code = (
        "import resource, sys, liquid\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({HEADROOM * 2}, {HEADROOM * 2}))\n"
        "liquid.Environment().from_string(sys.stdin.read()).render()\n"
    )
    for name in ("a range as a list", "a range walked backwards"):
        ended = subprocess.run(
            [sys.executable, "-c", code], input=BOMBS[name], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode != 0, name
