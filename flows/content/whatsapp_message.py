"""Fill one WhatsApp message for one person: what a template approved by Meta is filled with, or plain text.

Brevo does not tell what its templates say, so the body of a message with a template is how it reads there, with
``{{ params.NAME }}`` for what is filled in: staff see it, and a name that is misspelt is found before anybody gets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.content import plain_text
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

# Meta's limits: of a template with all that is filled in, and of a text.
MOST_OF_TEMPLATE, MOST_OF_TEXT = 1024, 4096

_PARAM = re.compile(r"\bparams\.([A-Za-z0-9_]+)")


@dataclass(frozen=True, slots=True)
class Written:
    """``text``: how it reads; ``params``: {name: what the template gets for it}, empty of plain text."""

    text: str
    params: Mapping[str, str]


def fill(source: MessageSource, context: Mapping[str, Any], shorten: Callable[[str], str]) -> Written:
    """The message for one person. Raises ContentProblem, ``too_large`` for more than Meta takes."""
    params = {
        name: plain_text.one_line(source, written, f"params.{name}", context, shorten)
        for name, written in source.params
    }
    # What a template itself says stays as it was approved.
    shorten = shorten if source.template is None else _as_it_is
    text = plain_text.body(source, {**context, "params": params}, shorten)
    most = MOST_OF_TEXT if source.template is None else MOST_OF_TEMPLATE
    if len(text) > most:
        sentence = f"The message has {len(text):,} characters for this person; WhatsApp takes at most {most:,}."
        raise ContentProblem("too_large", sentence, source.name)
    return Written(text, params)


def _as_it_is(address: str) -> str:
    return address


def misnamed(source: MessageSource) -> Iterable[str]:
    """What does not fit between the params of the message and its text, in sentences."""
    given, shown = {name for name, _ in source.params}, set(_PARAM.findall(source.body))
    for name in sorted(shown - given):
        yield f"The text shows params.{name}, but params does not say what that is: add {name} there."
    for name in sorted(given - shown):
        yield f"params has {name}, but the text shows it nowhere: write the text as the template reads at Brevo."
