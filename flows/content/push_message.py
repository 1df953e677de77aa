"""Fill one push message for one person: a title, a line or two, and the address that a tap on it opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.content import plain_text
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

LONGEST_TITLE, LONGEST_TEXT = 100, 300
"""Characters; browsers show fewer, and cut the rest off."""


@dataclass(frozen=True, slots=True)
class Written:
    title: str
    text: str
    url: str


def fill(source: MessageSource, context: Mapping[str, Any], shorten: Callable[[str], str]) -> Written:
    """The message for one person. ``shorten(address)``: the address that is to stand in its place. Raises
    ContentProblem, ``too_large`` for more than browsers take."""
    title = plain_text.one_line(source, source.title, "title", context, _as_it_is)
    url = plain_text.one_line(source, source.url, "url", context, shorten)
    text = plain_text.body(source, context, _as_it_is)
    for part, said, most in (("title", title, LONGEST_TITLE), ("text", text, LONGEST_TEXT)):
        if len(said) > most:
            sentence = f"The {part} has {len(said)} characters for this person; a push message has at most {most}."
            raise ContentProblem("too_large", sentence, source.name)
    return Written(title, text, url)


def _as_it_is(address: str) -> str:
    return address
