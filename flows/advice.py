"""What the lints say of a flow as it was read, with the lines it is about."""

from __future__ import annotations

from flows.content.source import MessageSource, parse
from flows.core.lints import look
from flows.core.problems import Finder, Problem
from flows.definition_files import FlowFolder

_NOT_SAID = frozenset({"name", "note", "body_line", "purpose"})
"""Of a message: what its reader does not see of it."""


def advice(folder: FlowFolder) -> list[Problem]:
    """Everything in this flow that is allowed and probably not meant, in the order of its file."""
    finder = Finder(folder.file, folder.lines)
    for remark in look(folder.flow.definition, {name: _entries(name, text) for name, text in folder.texts.items()}):
        finder.add(remark.path, remark.sentence, remark.todo)
    return sorted(finder.found, key=lambda problem: problem.line)


def _entries(name: str, text: str) -> dict[str, str]:
    source = parse(name, text)
    return {entry: str(getattr(source, entry)) for entry in MessageSource.__slots__ if entry not in _NOT_SAID}
