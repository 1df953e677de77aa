"""One part of a message as a Liquid template: parsing it, filling it, and saying where it went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from flows.content.compose import blocks
from flows.content.language import MessageLanguage, problem_of
from flows.content.merchant_html import LIQUID
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

FAILURES = (LiquidError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError)


def parsed(kind: str, text: str, source: MessageSource, part: str) -> BoundTemplate:
    """``kind``: mjml or txt; ``part``: what problems call it. Raises ContentProblem."""
    try:
        return _language(kind).from_string(text, name=source.name)
    except FAILURES as error:
        raise _placed(problem_of(error), error, source, part) from error


def filled(template: BoundTemplate, facts: Mapping[str, Any], source: MessageSource, part: str) -> str:
    """The text for one person; ``facts`` are ``flows.content.context.prepared``. Raises ContentProblem."""
    try:
        return template.render(facts)
    except ContentProblem as problem:
        raise _placed(problem, problem, source, part) from None
    except FAILURES as error:
        raise _placed(problem_of(error), error, source, part) from error


@cache
def _language(kind: str) -> MessageLanguage:
    return MessageLanguage(blocks(kind), for_html=kind == "mjml")


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
