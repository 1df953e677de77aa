"""What staff did is said in words: every act that the product notes has its sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from connector.admin import act_words
from tests.architecture.project import PROJECT

_NOTES = {"note", "record", "_note", "_audit", "_change", "_tell_all"}
_WHOLE = re.compile(r"[a-z_]+\.[a-z_]+")


def noted(source: str) -> Iterator[str]:
    """The acts that a module notes: written out, or ``kind.`` in one place and the verb where it is asked for."""
    tree = ast.parse(source)
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and _name(one.func) in _NOTES]
    named = {
        target.id: one.value.value
        for one in ast.walk(tree)
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    kinds = {
        found
        for call in calls
        for keyword in call.keywords
        if keyword.arg == "act" and isinstance(keyword.value, ast.JoinedStr)
        for found in _kind(keyword.value, named)
    }
    for call in calls:
        given = [*call.args, *(one.value for one in call.keywords if one.arg == "act")]
        ways = [way for one in given for way in ([one.body, one.orelse] if isinstance(one, ast.IfExp) else [one])]
        for text in (way.value for way in ways if isinstance(way, ast.Constant)):
            if isinstance(text, str) and _WHOLE.fullmatch(text):
                yield text
            elif isinstance(text, str) and _name(call.func) == "_note" and re.fullmatch(r"[a-z_]+", text):
                yield from (f"{kind}.{text}" for kind in kinds)


def _kind(text: ast.JoinedStr, named: dict[str, str]) -> Iterator[str]:
    first = text.values[0]
    if isinstance(first, ast.Constant):
        yield str(first.value).rstrip(".")
    elif isinstance(first, ast.FormattedValue) and isinstance(first.value, ast.Name) and first.value.id in named:
        yield named[first.value.id]


def _name(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def test_every_act_is_said_in_words() -> None:
    found: dict[str, str] = {}
    for part in ("connector", "sync", "flows", "webhooks"):
        for file in sorted((PROJECT / part).rglob("*.py")):
            source = file.read_text()
            if re.search(r"\b(audit|endpoints)\.(note|record)\(", source):
                found |= dict.fromkeys(noted(source), file.name)
    # Those of one of each way of writing it down: that the look finds them at all.
    assert {"flow.carry_over", "task.assign", "flow_draft.upload", "webhook.rotate", "staff.invite"} <= set(found)
    assert {act: where for act, where in found.items() if act not in act_words.WORDS} == {}
    for act, said in act_words.WORDS.items():
        assert not re.search(r"[_.`]", said) and said[0].isupper(), act


def test_an_act_that_is_noted_without_words_is_found() -> None:
    """The control."""
    source = 'def _note(act): audit.note(scope, act=f"task.{act}")\n_note("lose")\naudit.note(act="flow.forget")\n'
    assert set(noted(source)) == {"task.lose", "flow.forget"}
    assert act_words.did("flow.forget_all") == "flow forget all"
