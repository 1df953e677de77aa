"""Fill one message for one person.

The order is part of the safety (see also ``braces``): the merchant's HTML is cleaned, Liquid puts the facts
in, MJML makes an email of it, and last of all what still looks like Brevo's template language is broken.
MJML writes all styles into the elements and the text sections bring theirs, so no inlining step follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape
from typing import Any

from liquid import BoundTemplate
from liquid.exceptions import LiquidError
from mjml import mjml2html

from flows.content.braces import part_in_html, part_in_text
from flows.content.compose import blocks, compose
from flows.content.context import prepared
from flows.content.language import MessageLanguage, problem_of
from flows.content.merchant_html import LIQUID
from flows.content.problems import ContentProblem
from flows.content.source import MAX_SOURCE, MessageSource

_HREF = re.compile(r"<a\b[^>]*?\shref=\"([^\"]*)\"", re.IGNORECASE)
_EMPTY_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
_FAILURES = (LiquidError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError)


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
    preview = _one_line(_filled(compiled.preview, facts, source, "preview"))
    facts["preview"] = preview
    html = part_in_html(_as_html(_filled(compiled.html, facts, source, "body"), source))
    text = _EMPTY_LINES.sub("\n\n", _filled(compiled.text, facts, source, "body")).strip() + "\n"
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


@cache
def _language(kind: str) -> MessageLanguage:
    return MessageLanguage(blocks(kind), for_html=kind == "mjml")


@lru_cache(maxsize=512)
def _compiled(source: MessageSource) -> _Compiled:
    for part in (source.subject, source.subject_fallback, source.preview, source.body):
        if len(part) > MAX_SOURCE:
            raise ContentProblem("too_large", f"A message has at most {MAX_SOURCE:,} characters.", source.name)
    templates = compose(source)
    return _Compiled(
        subject=_parsed("txt", source.subject, source, "subject"),
        subject_fallback=_parsed("txt", source.subject_fallback, source, "subject_fallback"),
        preview=_parsed("txt", source.preview, source, "preview"),
        html=_parsed("mjml", templates.html, source, "body"),
        text=_parsed("txt", templates.text, source, "body"),
    )


def _parsed(kind: str, text: str, source: MessageSource, part: str) -> BoundTemplate:
    try:
        return _language(kind).from_string(text, name=source.name)
    except _FAILURES as error:
        raise _placed(problem_of(error), error, source, part) from error


def _filled(template: BoundTemplate, facts: Mapping[str, Any], source: MessageSource, part: str) -> str:
    try:
        return template.render(facts)
    except ContentProblem as problem:
        raise _placed(problem, problem, source, part) from None
    except _FAILURES as error:
        raise _placed(problem_of(error), error, source, part) from error


def _subject(source: MessageSource, compiled: _Compiled, facts: Mapping[str, Any]) -> str:
    try:
        return _filled(compiled.subject, facts, source, "subject")
    except ContentProblem as problem:
        if problem.code != "missing_value" or not source.subject_fallback:
            raise
        return _filled(compiled.subject_fallback, facts, source, "subject_fallback")


def _as_html(mjml: str, source: MessageSource) -> str:
    try:
        # No fonts of others and no includes: a message loads nothing but its pictures.
        return mjml2html(mjml, fonts={})
    except ValueError as error:
        raise ContentProblem("layout", f"The message is no valid email ({error}).", source.name) from error


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _placed(problem: ContentProblem, error: Exception, source: MessageSource, part: str) -> ContentProblem:
    """The problem with its place: the part of the message, and the line of the file where that can be told."""
    where = f"{source.name}, {part}"
    liquid = problem.liquid or _liquid_of(error)
    # A piece that is written twice, or that stands in a block, has no one line.
    if part == "body" and liquid and source.body.count(liquid) == 1:
        above = source.body[: source.body.index(liquid)].count("\n")
        where = f"{source.name}, line {source.body_line + above}"
    return ContentProblem(problem.code, problem.sentence, where, liquid)


def _liquid_of(error: Exception) -> str:
    """The tag or output that the engine stumbled over; its errors know a position in the whole template."""
    token = getattr(error, "token", None)
    if token is None or token.start_index < 0:
        return ""
    for found in LIQUID.finditer(token.source):
        if found.start() <= token.start_index < found.end():
            return found[0]
    return ""
