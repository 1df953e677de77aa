from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.content.check import Finding
from flows.core.model import FlowVersion
from flows.core.problems import DefinitionError
from flows.core.validate import load
from flows.definition_files import compile_texts, format_text, parse, read_folder, to_text
from tests.core.examples import MESSAGES
from tests.core.test_histories import FLOWS

LIBRARY = Path(__file__).parents[2] / "flows" / "library"
MESSAGE = "---\nsubject: Hello\npurpose: marketing\ndeadline: 6h\n---\n<p>Hello</p>\n"
FLOW = """\
flow: hello
name: Hello
trigger: {on: newsletter_subscribed}
steps:
  - email: hi
  - wait: {until: 10:30}
  - email: hi
"""


def said(text: str, texts: dict[str, str] | None = None, **more: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        compile_texts(text, {"hi": MESSAGE} if texts is None else texts, **more)
    return [str(problem) for problem in caught.value.problems]


def test_words_that_other_yaml_takes_for_something_else() -> None:
    data, _ = parse("on: yes\nat: 10:30\nday: 2026-11-01\nn: 3\nx: 1.5\nno: true\ne: ~\nz: 012\n")
    assert data == {
        "on": "yes",
        "at": "10:30",
        "day": "2026-11-01",
        "n": 3,
        "x": 1.5,
        "no": True,
        "e": None,
        "z": "012",
    }


def test_every_entry_has_its_line() -> None:
    _, lines = parse(FLOW)
    assert lines[("trigger", "on")] == 3 and lines[("steps",)] == 4
    assert lines[("steps", 1)] == 6 and lines[("steps", 1, "wait", "until")] == 6


def test_a_flow_and_its_messages_are_read_together() -> None:
    read = compile_texts(FLOW, {"hi": MESSAGE, "unused": MESSAGE})
    assert set(read.texts) == {"hi"}
    assert read.flow.messages["hi"].purpose == "marketing"
    assert read.flow.messages["hi"].deadline.total_seconds() == 6 * 3600


def test_problems_name_file_and_line() -> None:
    broken = FLOW.replace("wait: {until: 10:30}", "wait: soon").replace("name: Hello", "name: 3")
    assert said(broken, file="hello/flow.yaml") == [
        "hello/flow.yaml:2: “name” must be a text. Put it in quotes.",
        "hello/flow.yaml:6: “soon” is no length of time; write for example 90m, 3h, 2d or 1w.",
    ]


def test_problems_of_conditions_point_at_the_field() -> None:
    text = FLOW + (
        "  - when:\n      all:\n        - person.city: Paris\n        - person.contry: FR\n"
        "    then:\n      - email: hi\n"
    )
    assert said(text) == ["flow.yaml:11: “person.contry” is no field. Did you mean “person.country”?"]


def test_problems_of_messages_are_told_with_those_of_the_flow() -> None:
    found = said(FLOW.replace("name: Hello\n", ""), {"hi": "---\nsubject: x\n---\n"}, file="hello/flow.yaml")
    assert found == [
        "hello/flow.yaml:1: “name” is missing. Add it.",
        "hello/messages/hi.liquid:2: The message needs a purpose.",
    ]


def test_a_check_of_messages_stops_what_blocks_and_nothing_else() -> None:
    def check(source: Any) -> list[Finding]:
        return [
            Finding("no_unsubscribe", "It has no link to unsubscribe.", "hi, line 6"),
            Finding("no_preview", "It has no preview.", "hi", blocking=False),
        ]

    assert said(FLOW, check=check) == ["messages/hi.liquid:6: It has no link to unsubscribe."]
    assert compile_texts(FLOW, {"hi": MESSAGE}).flow.flow == "hello"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "flow.yaml:1: The YAML cannot be read"),
        ("a: 1\na: 2\n", "flow.yaml:2: “a” is written twice"),
        ("a: &x [1]\nb: *x\n", "anchors (& and *) are not used here"),
        ("a: !!python/object/apply:os.system [x]\n", "cannot be used here"),
        ("a: !!timestamp 2026-01-01\n", "cannot be used here"),
        ("a: !!int x\n", "“x” cannot be read"),
        ("? [a, b]\n: c\n", "A name must be one word"),
        ("a: 1\n---\nb: 2\n", "The YAML cannot be read"),
        ("\x00", "characters that YAML does not allow"),
        ("- " * 5_000, "nested too deep"),
        ("[" * 100_000, "nested too deep"),
        ("x" * 200_001, "longer than 200000 characters"),
        ("", "group of named entries"),
        ("just a text", "group of named entries"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_else_happens(text: str, part: str) -> None:
    assert any(part in line for line in said(text))


def test_a_canonical_file_is_written_as_it_is() -> None:
    written = format_text(
        "steps: [{email: hi, note: first}, {wait: 3h}]\ntrigger: {on: newsletter_subscribed}\n"
        "audience: {person.orders_count: {eq: 0}}\nname: 'Hello'\nflow: hello\n# a remark\n"
    )
    assert written == (
        "flow: hello\n"
        "name: Hello\n"
        "trigger: {on: newsletter_subscribed}\n"
        "audience: {person.orders_count: 0}\n"
        "steps:\n"
        "  - email: hi\n"
        "    note: first\n"
        "  - wait: 3h\n"
    )
    assert format_text(written) == written


@settings(max_examples=40, deadline=None)
@given(FLOWS)
def test_formatting_is_a_fixed_point_and_keeps_the_meaning(any_flow: FlowVersion) -> None:
    data = {name: value for name, value in any_flow.definition.items() if name != "messages"}
    text = to_text(data)
    assert format_text(text) == text
    again, lines = parse(text)
    assert again == data
    assert load(again, lines, messages=MESSAGES) == any_flow


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(_texts, st.lists(_texts, max_size=3))
def test_any_text_survives_formatting(name: str, words: list[str]) -> None:
    data = {"name": name, "note": "\n".join(words), "tags": words, "other": {"1": name, "on": name}}
    text = to_text(data)
    assert parse(text)[0] == data
    assert format_text(text) == text


@pytest.mark.parametrize("name", sorted(path.parent.name for path in LIBRARY.glob("*/flow.yaml")))
def test_the_library_compiles_and_formatting_keeps_its_meaning(name: str) -> None:
    read = read_folder(LIBRARY / name)
    text = (LIBRARY / name / "flow.yaml").read_text(encoding="utf-8")
    assert compile_texts(format_text(text), read.texts, f"{name}/flow.yaml").flow == read.flow
    assert read.flow.flow == name
