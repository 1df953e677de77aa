"""What the lints say of a flow as it was read, with the lines it is about."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content import variants
from flows.content.shown import shown
from flows.content.source import MessageSource, parse
from flows.core import lints
from flows.core.lints import Shown, Subject
from flows.core.problems import Finder, Problem
from flows.definition_files import FlowFolder

_NOT_SAID = frozenset({"name", "note", "body_line", "purpose"})
"""Of a message: what its reader does not see of it."""


def advice(folder: FlowFolder) -> list[Problem]:
    """Everything in this flow that is allowed and probably not meant, in the order of its file."""
    return [problem for _, problem in by_lint(folder)]


def by_lint(folder: FlowFolder) -> list[tuple[str, Problem]]:
    """The same, each with the name of its lint."""
    found = []
    for name, remark in lints.look(subject_of(folder)):
        finder = Finder(folder.file, folder.lines)
        finder.add(remark.path, remark.sentence, remark.todo)
        found.append((name, finder.found[0]))
    return sorted(found, key=lambda said: said[1].line)


def subject_of(folder: FlowFolder) -> Subject:
    """The flow as lints see it."""
    read = dict(_sources(folder))
    texts = {name: _entries(source) for name, source in read.items()}
    seen: dict[str, Shown] = {}
    # A message goes before its variants, of which its readers get one.
    for name in sorted(read):
        message, one = variants.named(name).message, shown(read[name])
        seen[message] = seen[message].or_else(one) if message in seen else one
    return Subject(folder.flow, texts, seen)


def _sources(folder: FlowFolder) -> Iterator[tuple[str, MessageSource]]:
    for name, text in folder.texts.items():
        yield name, parse(name, text)


def _entries(source: MessageSource) -> dict[str, str]:
    return {entry: str(getattr(source, entry)) for entry in MessageSource.__slots__ if entry not in _NOT_SAID}
