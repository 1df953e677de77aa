"""Every shipped message, for people of whom anything may be missing: whole, or refused with the reason."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest

from flows.content.context import coupons_in
from flows.content.problems import ContentProblem
from flows.content.proof import proof
from flows.content.source import MessageSource, parse
from tests.content.mailbox import visible_text
from tests.content.random_people import somebody
from tests.content.samples import message

LIBRARY = Path(str(files("flows") / "library"))
# With their variants, of every channel.
MESSAGES = sorted(path for path in LIBRARY.glob("*/messages/*.liquid"))
COUPONS = sorted({name for path in MESSAGES for name in coupons_in(path.read_text("utf-8"))})
PEOPLE = 200

# What is left where something was to be filled in. Titles hold some of these on purpose, so they go first.
_ODD = re.compile(r"\{.?\{ (?:7\*7|contact\.EMAIL) \}\}|\[50 %\]|<b>\w+</b>")
_HOLES = (
    re.compile(r"\{\{|\{%|\}\}|%\}"),
    re.compile(r"\[[A-Z][A-Za-z]+\]"),
    re.compile(r"\b(?:None|null|undefined|nan|Liquid error)\b"),
    re.compile(r"\b(?:Hi|Hello|Dear|Hey) [,.!]|\bDear[,.!]"),
    re.compile(r"[a-z] [,.;:!?](?:\s|$)"),
    re.compile(r"\(\s*\)|\"\"|“”"),
    re.compile(r"(?<!\S)% |(?<![\d\s])%"),
)


def said(source: MessageSource, context: dict) -> list[str]:
    """Everything that somebody reads of it."""
    made = proof(source, context)
    shown = [made.title, made.text, *made.params.values()]
    return [*shown, made.preview, visible_text(made.html)] if made.html else shown


def holes(texts: list[str]) -> list[str]:
    found = []
    for text in texts:
        plain = re.sub(r"https?://\S+", "", _ODD.sub("something", text.replace("\u200c", "")))
        found += [
            f"{hole.pattern}: …{plain[max(0, at.start() - 30) : at.end() + 30]!r}"
            for hole in _HOLES
            for at in hole.finditer(plain)
        ]
    return found


def faults(path: Path, people: range) -> list[str]:
    """What is wrong with this message for these people; refusals have to say why."""
    source = parse(f"{path.parents[1].name}/{path.stem}", path.read_text("utf-8"))
    found = []
    for number in people:
        try:
            texts = said(source, somebody(Random(f"{path.stem}:{number}"), COUPONS))
        except ContentProblem as problem:
            if problem.code not in ("missing_value", "too_large") or not problem.sentence or not problem.where:
                found.append(f"{number}: {problem.code}: {problem.sentence}")
            continue
        found += [f"{number}: {hole}" for hole in holes(texts)]
    return found


@pytest.mark.row("S5-080")
@pytest.mark.row("S5-083")
def test_the_messages_are_whole_for_a_few() -> None:
    assert MESSAGES
    assert [f"{path.relative_to(LIBRARY)} {fault}" for path in MESSAGES for fault in faults(path, range(2))] == []


@pytest.mark.long
@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parents[1].name}/{path.stem}")
def test_the_messages_are_whole_for_everybody(path: Path) -> None:
    assert faults(path, range(PEOPLE)) == []


@pytest.mark.parametrize(
    "body",
    [
        'Hi {{ person.nickname | default: "" }}, welcome.',
        "Dear [FirstName], welcome.",
        "Take {{ coupon.nothing.percent | default: '' }}% off",
        'Your level is {{ loyalty.nothing | default: "None" }}',
        'Come back {{ person.nickname | default: "" }}.',
    ],
)
def test_a_hole_is_found(body: str) -> None:
    """The controls."""
    context = {**somebody(Random(1)), "coupon": {}}
    assert holes(said(message(f"<p>{body}</p>"), context))
