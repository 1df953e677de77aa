"""What is wrong, or probably not meant, with flows and their messages: what ``connector flows lint`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flows.advice import by_lint, subject_of
from flows.content.check import Finding, problems
from flows.content.lints import Subject
from flows.content.problems import ContentProblem
from flows.content.source import parse
from flows.core import conflicts
from flows.core.conflicts import Shelf
from flows.core.model import Limit
from flows.core.problems import DefinitionError, Finder, Problem
from flows.definition_files import FLOW_FILE, MESSAGE_SUFFIX, MESSAGES, FlowFolder, read_folder

Level = Literal["error", "warning", "planned"]
"""`error`: it cannot be published so. `planned`: the flow says itself that it is to be so."""
Context = Mapping[str, Any]
_ORDER: tuple[Level, ...] = ("error", "warning", "planned")


@dataclass(frozen=True, slots=True)
class Said:
    """One finding. `lint`: its code. `flow`: the flow's name, or its folder's where it cannot be read. `other`: the
    flow that it clashes with."""

    level: Level
    lint: str
    flow: str
    problem: Problem
    other: str | None = None

    def to_json(self) -> dict[str, Any]:
        problem = self.problem
        data = {"level": self.level, "lint": self.lint, "flow": self.flow, "file": problem.file, "line": problem.line,
                "sentence": problem.sentence, "todo": problem.todo}  # fmt: skip
        return {**data, "other": self.other} if self.other else data


def read(folders: Iterable[Path]) -> tuple[list[FlowFolder], list[Said]]:
    """The flows in these folders that can be read, and what keeps the others from it."""
    found: list[FlowFolder] = []
    said: list[Said] = []
    for folder in folders:
        try:
            found.append(read_folder(folder))
        except DefinitionError as error:
            said += [Said("error", "definition", folder.name, problem) for problem in error.problems]
        except UnicodeDecodeError:
            file = f"{folder.name}/{FLOW_FILE}"
            problem = Problem(file, 0, "The file, or a message beside it, is no UTF-8 text", "Save it as UTF-8")
            said.append(Said("error", "definition", folder.name, problem))
    return found, said


def look(
    folders: Sequence[FlowFolder],
    contexts: Sequence[Context],
    caps: Mapping[str, Sequence[Limit]],
    *,
    beside: Sequence[FlowFolder] = (),
    alternatives: bool = True,
) -> list[Said]:
    """What the lints say of each of these flows, and what they have against one another, the worst first.

    `contexts`: what messages are tried with, as ``flows.content.context`` lists it; those after the first differ
    from it in the shop's offers. `caps`: the shop's, by channel.
    `beside`: flows that are active besides, which are looked at only as far as they clash. `alternatives`: of flows
    that say so only one is meant to be active.
    """
    said = [one for folder in folders for one in (*_of_flow(folder), *_of_messages(folder, contexts))]
    mine = {folder.flow.flow: folder for folder in folders}
    named = {**{folder.flow.flow: folder for folder in beside}, **mine}
    shelf = Shelf([subject_of(folder) for folder in named.values()], caps, alternatives)
    for name, clash in conflicts.look(shelf):
        if clash.flow in mine or clash.other in mine:
            folder = named[clash.flow]
            problem = _placed(folder, clash.path, clash.sentence, clash.todo)
            said.append(Said("planned" if clash.planned else "warning", name, clash.flow, problem, clash.other))
    return in_order(said)


def in_order(said: Iterable[Said]) -> list[Said]:
    """The worst first, then by file and line."""
    return sorted(said, key=lambda one: (_ORDER.index(one.level), one.problem.file, one.problem.line, one.lint))


def addresses(folder: FlowFolder, context: Context) -> dict[str, str]:
    """{address: the file of the first message that leads there}, of messages that can be filled with `context`."""
    found: dict[str, str] = {}
    for name, text in folder.texts.items():
        file = _file(folder, name)
        try:
            for address in Subject(parse(file, text), context).addresses:
                found.setdefault(address, file)
        except ContentProblem:
            # What keeps it from being filled is said by the lints.
            continue
    return found


def each_address(
    folders: Iterable[FlowFolder], context: Context, wrong: Callable[[Sequence[str]], Mapping[str, str]]
) -> list[Said]:
    """What ``wrong`` says of the addresses that these flows lead to: {address: why it is dead}."""
    found = [(folder, addresses(folder, context)) for folder in folders]
    dead = wrong(sorted({address for _, known in found for address in known}))
    return [
        _dead(folder.flow.flow, file, address, dead[address])
        for folder, known in found
        for address, file in known.items()
        if address in dead
    ]


def _dead(flow: str, file: str, address: str, why: str) -> Said:
    return Said("warning", "dead_link", flow, Problem(file, 0, f"{address[:120]} leads nowhere: {why}"))


def _of_flow(folder: FlowFolder) -> list[Said]:
    return [Said("warning", name, folder.flow.flow, problem) for name, problem in by_lint(folder)]


def _of_messages(folder: FlowFolder, contexts: Sequence[Context]) -> list[Said]:
    said: dict[tuple[str, str, str], Said] = {}
    for name, text in folder.texts.items():
        file = _file(folder, name)
        for finding in _findings(file, text, contexts if "offers" in text else contexts[:1]):
            problem = Problem(file, _line(finding), finding.sentence.rstrip("."))
            level: Level = "error" if finding.blocking else "warning"
            key = (finding.code, finding.where, finding.sentence)
            said.setdefault(key, Said(level, finding.code, folder.flow.flow, problem))
    return list(said.values())


def _findings(file: str, text: str, contexts: Sequence[Context]) -> list[Finding]:
    try:
        source = parse(file, text)
    except ContentProblem as problem:
        return [Finding(problem.code, problem.sentence, problem.where)]
    return [finding for context in contexts for finding in problems(source, context)]


def _line(finding: Finding) -> int:
    found = re.search(r"line (\d+)", finding.where)
    return int(found[1]) if found else 0


def _file(folder: FlowFolder, message: str) -> str:
    return f"{folder.file.removesuffix(FLOW_FILE)}{MESSAGES}/{message}{MESSAGE_SUFFIX}"


def _placed(folder: FlowFolder, path: tuple[str | int, ...], sentence: str, todo: str) -> Problem:
    finder = Finder(folder.file, folder.lines)
    finder.add(path, sentence, todo)
    return finder.found[0]
