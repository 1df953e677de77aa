"""The search syntax of lists and webhook filters."""

from __future__ import annotations

import pytest

from sandbox.store.search import BadSearch, compile_search

FIELDS = {
    "name": lambda r: r["name"],
    "at": lambda r: r["at"],
    "tag": lambda r: r["tags"],
    "test": lambda r: r["test"],
    "default": lambda r: [r["name"]],
}
RECORD = {"name": "Ada Lovelace", "at": 1_790_000_000.0, "tags": ["vip", "eu"], "test": False}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ('name:"ada lovelace"', True),
        ("name:ada*", True),
        ("name:ada", False),
        ("lovelace", True),
        ("byron", False),
        ("tag:vip tag:eu", True),
        ("tag:vip AND tag:us", False),
        ("tag:us OR tag:eu", True),
        ("tag:us OR tag:eu AND test:true", False),
        ("(tag:us OR tag:eu) AND test:false", True),
        ("NOT tag:vip", False),
        ("-tag:us", True),
        ("at:>=2026-09-21T14:13:20Z", True),
        ("at:>2026-09-21T14:13:20Z", False),
        ("at:<2026-09-22", True),
        ("at:>'2026-09-21T15:13:20+02:00'", True),
        ("tag:*", True),
        ("unknown:x", True),
        ("unknown:x AND tag:us", False),
    ],
)
def test_a_search_finds_what_it_says(text: str, found: bool) -> None:
    assert compile_search(text, FIELDS).matches(RECORD) is found


def test_unknown_fields_and_bare_words_are_named() -> None:
    search = compile_search("colour:red word tag:vip", FIELDS)
    assert (search.ignored, search.bare_words) == (("colour",), ("word",))


@pytest.mark.parametrize("text", ["(tag:vip", "tag:vip)", "tag:vip AND", "OR"])
def test_broken_searches_are_refused(text: str) -> None:
    with pytest.raises(BadSearch):
        compile_search(text, FIELDS)
