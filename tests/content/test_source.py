"""Reading message files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.content.problems import ContentProblem
from flows.content.source import MAX_SOURCE, parse

FILE = """---
subject: >-
  Hello {{ person.first_name | default: "friend" }}
preview: "A: b"
purpose: transactional
deadline: 2d
note: For us.
---
<p>Body</p>

---
<p>More</p>
"""


def test_everything_is_read() -> None:
    source = parse("flow/hello", FILE)
    assert source.subject == 'Hello {{ person.first_name | default: "friend" }}'
    assert (source.preview, source.purpose, source.channel) == ("A: b", "transactional", "email")
    assert (source.deadline, source.note) == (timedelta(days=2), "For us.")
    assert source.body == "<p>Body</p>\n\n---\n<p>More</p>\n"
    assert FILE.split("\n")[source.body_line - 1] == "<p>Body</p>"
    assert parse("flow/hello", "\ufeff" + FILE.replace("\n", "\r\n")) == source


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("<p>Hello</p>", 1, "starts with a line ---"),
        ("---\nsubject: a\n", 1, "starts with a line ---"),
        ("---\nsubject: a: b\n---\n", 2, "quotes"),
        ("---\npurpose: marketing\nsubject: {{ a }}\n---\n", 3, "quotes"),
        ("---\n- a\n---\n", 2, "list of names"),
        ("---\nsubject: a\n---\n", 2, "purpose"),
        ("---\npurpose: marketing\n---\n", 2, "subject"),
        ("---\nsubject: a\npurpose: spam\n---\n", 2, "marketing, transactional"),
        ("---\nsubject: a\npurpose: marketing\nchannel: fax\n---\n", 2, "email"),
        ("---\nsubject: a\npurpose: marketing\ndeadline: soon\n---\n", 2, "24h"),
        ("---\nsubject: 5\npurpose: marketing\n---\n", 2, "subject"),
        ("---\nsubject: a\npurpose: marketing\nsubjct: b\n---\n", 2, "subjct"),
        ("---\nsubject: a\npurpose: marketing\ndeadline: 9999999999w\n---\n", 2, "deadline"),
        ("---\nsubject: a\npurpose: [marketing]\n---\n", 2, "marketing"),
        ("---\n? [a]\n: b\n---\n", 2, ""),
    ],
)
def test_a_broken_head_is_explained(text: str, line: int, words: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        parse("flow/hello", text)
    assert caught.value.code == "front_matter"
    assert caught.value.where == f"flow/hello, line {line}"
    assert words in caught.value.sentence


def test_a_file_has_a_largest_size() -> None:
    with pytest.raises(ContentProblem) as caught:
        parse("flow/hello", FILE + "x" * MAX_SOURCE)
    assert caught.value.code == "too_large"
