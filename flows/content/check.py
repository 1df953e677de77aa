"""What is wrong with a message, found before anybody gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.content.lints import LINTS, Finding, Subject
from flows.content.lints.whatsapp_params import WHATSAPP_PARAMS
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

__all__ = ["Finding", "blocking", "problems"]


def problems(source: MessageSource, example_context: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with ``source`` for a shop like the one in ``example_context``.

    Codes: those of ContentProblem, and those of the lints (docs/lints.md).
    """
    return _found(source, example_context, every=True)


def blocking(source: MessageSource, example_context: Mapping[str, Any]) -> list[Finding]:
    """What of it stops a publication; nothing else is looked for."""
    return [found for found in _found(source, example_context, every=False) if found.blocking]


def _found(source: MessageSource, context: Mapping[str, Any], *, every: bool) -> list[Finding]:
    subject = Subject(source, context)
    try:
        # A template that is filled with other names than it shows cannot be filled at all.
        if source.channel == "whatsapp" and (misnamed := list(WHATSAPP_PARAMS.look(subject))):
            return misnamed
        if source.channel == "email":
            _ = subject.email
        else:
            _ = subject.text
        return [
            finding
            for lint in LINTS.values()
            if source.channel in lint.channels and (every or lint.blocks)
            for finding in lint.look(subject)
        ]
    except ContentProblem as problem:
        return [Finding(problem.code, problem.sentence, problem.where)]
