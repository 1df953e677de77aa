"""What is not known of everybody has something that stands in its place: names always, other facts where it matters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.problems import ContentProblem

# The two names that are missing for a good part of all subscribers.
_RARE = ("first_name", "last_name")
# What most shops do not know of most people: who lacks it does not get the message.
_OPTIONAL = ("person.city", "person.phone", "person.last_order", "tracking.estimated_at", "product.compare_at_price")
_CHOSEN = re.compile(r"\bprofile\.[A-Za-z0-9_]+")


def look(subject: Subject) -> Iterator[Finding]:
    context, written = subject.context, subject.liquid
    person = {**(context.get("person") or {}), **dict.fromkeys(_RARE)}
    if any(name in written for name in _RARE):
        try:
            subject.fill({**context, "person": person})
        except ContentProblem as problem:
            yield Finding("missing_fallback", problem.sentence, problem.where)
    for path in (*_OPTIONAL, *sorted(set(_CHOSEN.findall(written)))):
        lacks = _without(subject, path) if path in written else None
        if lacks is not None:
            sentence = f"Whoever has no {path} does not get this message. {lacks.sentence}"
            yield Finding("may_be_missing", sentence, lacks.where, blocking=False)


def _without(subject: Subject, path: str) -> ContentProblem | None:
    root, _, name = path.partition(".")
    facts: Mapping[str, Any] = subject.context.get(root) or {}
    try:
        subject.fill({**subject.context, root: {**facts, name: None}})
    except ContentProblem as problem:
        return problem if problem.code == "missing_value" else None
    return None


MISSING_FALLBACK = MessageLint("missing_fallback", __doc__, look, blocks=True)
