"""The body of a message that is plain text: filled for one person, on tidy lines, with short links."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate

from flows.content.context import prepared
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource
from flows.content.template import filled, parsed

_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
# Punctuation behind an address belongs to the sentence.
_AFTER_LINK = ".,;:!?)]}'»…"
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
# Brevo reads these as its template language. An invisible character would make a text UCS-2, so they get a space.
_OPENING = re.compile(r"\{(?=[{%#])")


def body(source: MessageSource, context: Mapping[str, Any], shorten: Callable[[str], str]) -> str:
    """The text for one person. ``context`` is as ``flows.content.context`` lists it; ``shorten(address)``: the address
    that is to stand in its place. Raises ContentProblem.
    """
    found = filled(_compiled(source, source.body, "body"), prepared(source, context), source, "body")
    lines = (_SPACES.sub(" ", line).strip() for line in found.splitlines())
    text = _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
    if not text:
        raise ContentProblem("missing_value", "The text is empty for this person.", source.name)
    return _finished(text, shorten)


def one_line(
    source: MessageSource, written: str, part: str, context: Mapping[str, Any], shorten: Callable[[str], str]
) -> str:
    """Another part of the message, ``written`` as Liquid, on one line; ``part``: what problems call it."""
    found = filled(_compiled(source, written, part), prepared(source, context), source, part)
    text = " ".join(found.split())
    if not text:
        raise ContentProblem("missing_value", "This is empty for this person.", f"{source.name}, {part}")
    return _finished(text, shorten)


def _finished(text: str, shorten: Callable[[str], str]) -> str:
    # First of all: what an address leads to stays as it is.
    return _OPENING.sub("{ ", _LINK.sub(lambda found: _shortened(found[0], shorten), text))


def _shortened(address: str, shorten: Callable[[str], str]) -> str:
    bare = address.rstrip(_AFTER_LINK)
    return shorten(bare) + address[len(bare) :]


@lru_cache(maxsize=1024)
def _compiled(source: MessageSource, written: str, part: str) -> BoundTemplate:
    return parsed("txt", written, source, part)
