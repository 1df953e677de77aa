"""Arms of a split that differ in more than one thing: which of them made the difference nobody can tell.

Things are: the subject, the preview, the text, the button, the channel, the wait, the discount, the number of messages,
a condition. The same thing in several messages is one thing. A split with a winner is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

from flows.core.lints.lint import Lint, Remark, Subject, Texts, steps_in
from flows.core.steps import STEPS

_MESSAGES = frozenset({"email", "sms", "whatsapp", "push"})
_NAMES: Mapping[str, str] = {
    "subject": "the subject",
    "subject_fallback": "the subject",
    "preview": "the preview",
    "params": "the text",
    "template": "the text",
    "wait": "the wait",
    "coupon": "the discount",
    "when": "a condition",
    "cases": "a condition",
}
_BESIDES = frozenset({"id", "note"})
_BUTTON = "render 'button'"


def look(subject: Subject) -> Iterator[Remark]:
    for path, step in steps_in(subject.definition["steps"], ("steps",)):
        split = step.get("split")
        if not isinstance(split, Mapping) or split.get("winner") is not None:
            continue
        for one, other in combinations(split["arms"].items(), 2):
            found = sorted(things(one[1], other[1], subject.texts))
            if len(found) > 1:
                yield Remark(
                    (*path, "split", "arms"),
                    f"The arms “{one[0]}” and “{other[0]}” differ in {len(found)} things: {', '.join(found)}",
                    "Try one thing at a time, or nobody can tell which of them it was",
                )


def things(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], texts: Texts) -> set[str]:
    """In what two arms differ."""
    kinds, theirs = [_kind(step) for step in one], [_kind(step) for step in other]
    found: set[str] = set()
    for how, a, b, c, d in SequenceMatcher(None, kinds, theirs, autojunk=False).get_opcodes():
        if how == "equal" or (how == "replace" and b - a == d - c and _messages(kinds[a:b] + theirs[c:d])):
            for pair in zip(one[a:b], other[c:d], strict=True):
                found |= _of_step(*pair, texts)
        else:
            found |= _more({*kinds[a:b], *theirs[c:d]})
    return found


def _kind(step: Mapping[str, Any]) -> str:
    return next((name for name in STEPS if name in step), "")


def _messages(kinds: Iterable[str]) -> bool:
    return all(kind in _MESSAGES for kind in kinds)


def _more(kinds: set[str]) -> set[str]:
    """What only one arm has. A message that comes with its wait is one thing."""
    if kinds & _MESSAGES:
        return {"the number of messages", *(_named(kind) for kind in kinds - _MESSAGES - {"wait"})}
    return {_named(kind) for kind in kinds}


def _named(entry: str) -> str:
    return _NAMES.get(entry, f"“{entry}”")


def _of_step(one: Mapping[str, Any], other: Mapping[str, Any], texts: Texts) -> set[str]:
    kind, theirs = _kind(one), _kind(other)
    found = {"the channel"} if kind != theirs else set()
    if kind in _MESSAGES:
        found |= _of_message(texts.get(one[kind], {}), texts.get(other[theirs], {}), kind == theirs)
    for entry in {*one, *other} - _BESIDES - _MESSAGES:
        found |= _of_entry(entry, one.get(entry), other.get(entry), texts)
    return found


def _of_entry(entry: str, one: Any, other: Any, texts: Texts) -> set[str]:
    if one == other:
        return set()
    if entry in ("then", "else"):
        return things(one or [], other or [], texts)
    if entry == "split":
        arms = [found.get("arms", {}) if isinstance(found, Mapping) else {} for found in (one, other)]
        if set(arms[0]) == set(arms[1]):
            return set[str]().union(*(things(arms[0][arm], arms[1][arm], texts) for arm in arms[0]))
    return {_named(entry)}


def _of_message(one: Mapping[str, str], other: Mapping[str, str], same_channel: bool) -> set[str]:
    if not same_channel:
        # Another channel is written for in another way.
        return set()
    found = {_named(entry) for entry in {*one, *other} - {"body"} if one.get(entry, "") != other.get(entry, "")}
    bodies = [found.get("body", "").strip().splitlines() for found in (one, other)]
    if bodies[0] == bodies[1]:
        return found
    buttons, text = (
        [[line for line in body if (_BUTTON in line) is wanted] for body in bodies] for wanted in (True, False)
    )
    if text[0] != text[1]:
        found.add("the text")
    if buttons[0] != buttons[1] or text[0] == text[1]:
        # Other words on it, or another place for it.
        found.add("the button")
    return found


ONE_THING_AT_A_TIME = Lint("one_thing_at_a_time", __doc__, look)
