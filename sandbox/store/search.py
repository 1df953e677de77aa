"""The search syntax of `query:` arguments and webhook filters: `field:value`, comparisons, AND, OR, NOT,
brackets.

A term with a field that the list does not know is ignored and reported, as the platform does: such a search
finds more than was asked for.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Test = Callable[[Any], bool]
Field = Callable[[Any], Any]

_ORDERED: Mapping[str, Callable[[float, float], bool]] = {
    "": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])
        |(?P<word>AND|OR|NOT)(?=[\s(]|$)
        |(?P<minus>-)?(?P<field>[a-zA-Z_][\w.]*):(?P<op>>=|<=|>|<)?(?P<value>"[^"]*"|'[^']*'|[^\s()]+)
        |(?P<bare>"[^"]*"|'[^']*'|[^\s()]+))""",
    re.VERBOSE,
)


class BadSearch(ValueError):
    """The text is no search."""


@dataclass(frozen=True)
class Search:
    """A search made ready: its test, the unknown fields it ignored, the words that named no field."""

    matches: Test
    ignored: tuple[str, ...] = ()
    bare_words: tuple[str, ...] = ()


def compile_search(text: str | None, fields: Mapping[str, Field]) -> Search:
    """Make `text` ready. Raises BadSearch.

    `fields` maps a name to what it is in a record: a string, a number, a float time, a bool, a list, or None;
    the name `default` is the list of strings that a bare word is looked for in.
    """
    if not text or not text.strip():
        return Search(lambda record: True)
    parser = _Parser(text, fields)
    test = parser.any_of()
    if parser.peek() is not None:
        raise BadSearch(f"unexpected {parser.peek()!r} in {text!r}")
    return Search(test or (lambda record: True), tuple(parser.ignored), tuple(parser.bare_words))


class _Parser:
    """`any_of` is OR, `all_of` is AND (also where terms just follow each other); None is an ignored term."""

    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self._fields = fields
        self._tokens = list(_TOKEN.finditer(text.strip()))
        self._at = 0
        self.ignored: list[str] = []
        self.bare_words: list[str] = []

    def peek(self) -> str | None:
        if self._at >= len(self._tokens):
            return None
        return self._tokens[self._at].group().strip()

    def any_of(self) -> Test | None:
        tests = [self.all_of()]
        while self.peek() == "OR":
            self._at += 1
            tests.append(self.all_of())
        kept = [test for test in tests if test]
        return (lambda record: any(test(record) for test in kept)) if kept else None

    def all_of(self) -> Test | None:
        tests = [self.term()]
        while self.peek() not in (None, "OR", ")"):
            if self.peek() == "AND":
                self._at += 1
            tests.append(self.term())
        kept = [test for test in tests if test]
        return (lambda record: all(test(record) for test in kept)) if kept else None

    def term(self) -> Test | None:
        if self._at >= len(self._tokens):
            raise BadSearch("the search ends too early")
        token = self._tokens[self._at]
        self._at += 1
        if token["word"] == "NOT":
            return _negated(self.term())
        if token["word"] or token["bracket"] == ")":
            raise BadSearch(f"unexpected {token.group().strip()!r}")
        if token["bracket"]:
            inner = self.any_of()
            if self.peek() != ")":
                raise BadSearch("a bracket is not closed")
            self._at += 1
            return inner
        if token["bare"]:
            return self._bare(token["bare"].strip("\"'"))
        test = self._field(token["field"], token["op"] or "", token["value"].strip("\"'"))
        return _negated(test) if token["minus"] else test

    def _bare(self, word: str) -> Test | None:
        self.bare_words.append(word)
        default = self._fields.get("default")
        if default is None or word == "*":
            return None
        wanted = word.casefold()
        return lambda record: any(wanted in text.casefold() for text in default(record) if text)

    def _field(self, name: str, op: str, wanted: str) -> Test | None:
        if name not in self._fields:
            self.ignored.append(name)
            return None
        read, compare = self._fields[name], _comparison(op, wanted)
        return lambda record: compare(read(record))


def _negated(test: Test | None) -> Test | None:
    return (lambda record: not test(record)) if test else None


def _comparison(op: str, wanted: str) -> Test:
    """A test of a field's value. What is asked for is read once, for lists have hundreds of thousands of records."""
    number, text = _number(wanted), wanted.casefold()
    ordered = _ORDERED[op]

    def compare(value: Any) -> bool:
        if isinstance(value, (list, tuple, set)):
            return any(compare(item) for item in value)
        if wanted == "*":
            return value is not None
        if value is None:
            return False
        if isinstance(value, bool):
            return str(value).lower() == text
        if isinstance(value, (int, float)):
            return number is not None and ordered(value, number)
        if op:
            written = _number(str(value))
            return written is not None and number is not None and ordered(written, number)
        found = str(value).casefold()
        return found.startswith(text[:-1]) if text.endswith("*") else found == text

    return compare


def _number(text: str) -> float | None:
    """A number, or an ISO date or time (UTC where it says nothing) as unix seconds."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
