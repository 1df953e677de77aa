"""Fill one text message for one person: plain text with short links, no longer than somebody wants to pay for.

How to stop them is Brevo's to fill in: ``[STOP_CODE]``, which marketing must have, becomes the number to write to
(Brevo's reference, POST /transactionalSMS/send).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flows.content import plain_text
from flows.content.problems import ContentProblem
from flows.content.segments import Length, length
from flows.content.source import MessageSource

STOP_CODE = "[STOP_CODE]"
STOP_TEXT = f"STOP {STOP_CODE}"
"""What is added to marketing that says nothing of stopping, unless the shop has another text."""
MOST_SEGMENTS = 6
"""A text that comes to more is not sent: somebody's data is longer than anybody has thought of."""

# What Brevo puts in its place where it is documented, for counting: five digits (36180).
_STOP_NUMBER = "00000"


def fill(
    source: MessageSource,
    context: Mapping[str, Any],
    shorten: Callable[[str], str],
    *,
    stop_text: str = STOP_TEXT,
    prefix: str = "",
) -> str:
    """The text as Brevo is to be told it. ``context`` is as ``flows.content.context`` lists it; ``shorten(address)``:
    the address that is to stand in its place; ``prefix``: the name that Brevo puts before it, for counting.

    Raises ContentProblem, ``too_large`` for more than MOST_SEGMENTS.
    """
    # Before what says how to stop: somebody's data stops nothing.
    text = plain_text.body(source, context, shorten)
    if source.purpose != "marketing":
        text = text.replace(STOP_CODE, STOP_CODE.strip("[]"))
    elif STOP_CODE not in text:
        text = f"{text}\n{stop_text}"
    segments = as_billed(text, prefix).segments
    if segments > MOST_SEGMENTS:
        sentence = f"The text is billed as {segments} messages for this person; at most {MOST_SEGMENTS} are sent."
        raise ContentProblem("too_large", sentence, source.name)
    return text


def as_billed(text: str, prefix: str = "") -> Length:
    """What a finished text comes to, with the name before it and the number in the place of ``[STOP_CODE]``."""
    return length(arriving(text, prefix))


def arriving(text: str, prefix: str = "") -> str:
    """The text as it arrives, as far as its length goes."""
    shown = text.replace(STOP_CODE, _STOP_NUMBER)
    return f"{prefix}: {shown}" if prefix else shown
