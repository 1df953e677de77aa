"""Fill one message for one person.

The order is part of the safety (see also ``braces``): the merchant's HTML is cleaned, Liquid puts the facts
in, MJML makes an email of it, and last of all what still looks like Brevo's template language is broken.
MJML writes all styles into the elements and the text sections bring theirs, so no inlining step follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any

from liquid import BoundTemplate
from mjml import mjml2html

from flows.content.braces import part_in_html, part_in_text
from flows.content.compose import compose
from flows.content.context import prepared
from flows.content.problems import ContentProblem
from flows.content.source import MAX_SOURCE, MessageSource
from flows.content.template import filled, parsed

_HREF = re.compile(r"<a\b[^>]*?\shref=\"([^\"]*)\"", re.IGNORECASE)
_EMPTY_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished message. ``links``: the addresses that its HTML links to, in order, each once."""

    subject: str
    preview: str
    html: str
    text: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    subject: BoundTemplate
    subject_fallback: BoundTemplate
    preview: BoundTemplate
    html: BoundTemplate
    text: BoundTemplate


def render(source: MessageSource, context: Mapping[str, Any]) -> Rendered:
    """The message for one person. ``context`` is as ``flows.content.context`` lists it.

    Raises ContentProblem; its codes are listed there. Templates are compiled once per process and message.
    """
    compiled = _compiled(source)
    facts = prepared(source, context)
    subject = _one_line(_subject(source, compiled, facts))
    if not subject:
        raise ContentProblem("missing_value", "The subject is empty for this person.", f"{source.name}, subject")
    preview = _one_line(filled(compiled.preview, facts, source, "preview"))
    facts["preview"] = preview
    html = part_in_html(_as_html(filled(compiled.html, facts, source, "body"), source))
    text = _EMPTY_LINES.sub("\n\n", filled(compiled.text, facts, source, "body")).strip() + "\n"
    return Rendered(
        subject=part_in_text(subject),
        preview=part_in_text(preview),
        html=html,
        text=part_in_text(text),
        links=tuple(dict.fromkeys(unescape(address) for address in _HREF.findall(html))),
    )


def compiles(source: MessageSource) -> None:
    """Raises ContentProblem when the message cannot be compiled, whoever it is for."""
    _compiled(source)


@lru_cache(maxsize=512)
def _compiled(source: MessageSource) -> _Compiled:
    for part in (source.subject, source.subject_fallback, source.preview, source.body):
        if len(part) > MAX_SOURCE:
            raise ContentProblem("too_large", f"A message has at most {MAX_SOURCE:,} characters.", source.name)
    templates = compose(source)
    return _Compiled(
        subject=parsed("txt", source.subject, source, "subject"),
        subject_fallback=parsed("txt", source.subject_fallback, source, "subject_fallback"),
        preview=parsed("txt", source.preview, source, "preview"),
        html=parsed("mjml", templates.html, source, "body"),
        text=parsed("txt", templates.text, source, "body"),
    )


def _subject(source: MessageSource, compiled: _Compiled, facts: Mapping[str, Any]) -> str:
    try:
        return filled(compiled.subject, facts, source, "subject")
    except ContentProblem as problem:
        if problem.code != "missing_value" or not source.subject_fallback:
            raise
        return filled(compiled.subject_fallback, facts, source, "subject_fallback")


def _as_html(mjml: str, source: MessageSource) -> str:
    try:
        # No fonts of others and no includes: a message loads nothing but its pictures.
        return mjml2html(mjml, fonts={})
    except ValueError as error:
        raise ContentProblem("layout", f"The message is no valid email ({error}).", source.name) from error


def _one_line(text: str) -> str:
    return " ".join(text.split())
