"""Texts for staff that flows write: a task, a notification. Liquid as in messages, but nothing that is missing stops
them: it is said to be so (``flows.content.language.NOT_KNOWN``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from liquid import BoundTemplate

from flows.content.language import MessageLanguage, problem_of
from flows.content.problems import ContentProblem
from flows.content.template import FAILURES

ROOTS = ("coupon", "event", "person", "shop")
"""What such a text may name."""


def fill(text: str, facts: Mapping[str, Any]) -> str:
    """The text with what is known. ``facts``: by ROOTS. Raises ContentProblem, but for no missing value."""
    if "{" not in text:
        return text
    try:
        return _parsed(text).render({root: facts.get(root) or {} for root in ROOTS}).strip()
    except FAILURES as error:
        raise problem_of(error) from error


def problem(text: str) -> str | None:
    """What is wrong with the text as it is written, in a sentence; None when it can be read."""
    try:
        named = _parsed(text).analyze().globals
    except ContentProblem as found:
        return found.sentence
    except FAILURES as error:
        return problem_of(error).sentence
    unknown = sorted(name for name in named if name not in ROOTS)
    if unknown:
        return f"{unknown[0]} is not known here: a text for staff may name {', '.join(ROOTS)}."
    return None


@cache
def _language() -> MessageLanguage:
    return MessageLanguage({}, for_html=False, for_staff=True)


@lru_cache(maxsize=512)
def _parsed(text: str) -> BoundTemplate:
    return _language().from_string(text)
