"""A flow on disk: ``flow.yaml`` with its messages beside it in ``messages/NAME.liquid``.

The YAML is read by the rules of YAML 1.2, so that `on` is a word and `10:30` a text, and without what nobody
reviewing a flow expects: anchors, tags, repeated keys. Formatting writes one canonical form; it drops ``#``
remarks, which belong into ``note:``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from flows.content import variants
from flows.content.check import Finding
from flows.content.context import coupons_in
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource
from flows.content.source import parse as parse_message
from flows.content.staff_text import problem as problem_of_staff_text
from flows.core import together
from flows.core.canonical import canonical
from flows.core.model import FlowVersion, MessageSpec, Purpose
from flows.core.problems import DefinitionError, Finder, Lines, Problem
from flows.core.problems import Path as Place
from flows.core.steps import STEPS
from flows.core.validate import load

FLOW_FILE = "flow.yaml"
MESSAGES = "messages"
MESSAGE_SUFFIX = ".liquid"
LARGEST = 200_000
DEEPEST = 60
WIDTH = 110
SHORT = 80
"""A group of plain values at most this long is written on one line."""

Check = Callable[[MessageSource], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class FlowFolder:
    """A flow as read from its folder, with the text of each message file by name. `lines`: where each entry of the
    definition stands in `file`."""

    flow: FlowVersion
    texts: Mapping[str, str]
    file: str = FLOW_FILE
    lines: Lines = field(default_factory=dict)


def read_folder(folder: Path, check: Check | None = None) -> FlowFolder:
    """Read and compile the flow in `folder`. `check` looks at each message (unsubscribe link, footer and so on).

    Raises DefinitionError with everything that is wrong with the flow and its messages, OSError when ``flow.yaml``
    cannot be read.
    """
    file = f"{folder.name}/{FLOW_FILE}"
    texts = {
        path.name.removesuffix(MESSAGE_SUFFIX): path.read_text(encoding="utf-8")
        for path in sorted((folder / MESSAGES).glob(f"*{MESSAGE_SUFFIX}"))
    }
    return compile_texts((folder / FLOW_FILE).read_text(encoding="utf-8"), texts, file, check)


def compile_texts(
    flow_text: str, texts: Mapping[str, str], file: str = FLOW_FILE, check: Check | None = None
) -> FlowFolder:
    """Compile a flow from the text of its file and of its messages. Raises DefinitionError."""
    problems: list[Problem] = []
    sources: dict[str, MessageSource] = {}
    broken: dict[str, MessageSource] = {}
    for name, text in texts.items():
        message_file = f"{file.removesuffix(FLOW_FILE)}{MESSAGES}/{name}{MESSAGE_SUFFIX}"
        try:
            variants.named(name)
            source = parse_message(message_file, text)
        except ContentProblem as problem:
            problems.append(_content(message_file, problem))
            # It exists: what is wrong is said once.
            source = MessageSource(name=name, subject="", body="")
        else:
            found = check(source) if check else ()
            problems += [_content(message_file, finding) for finding in found if finding.blocking]
            sources[name] = source
            continue
        broken[_message(name)] = source
    folder = f"{file.removesuffix(FLOW_FILE)}{MESSAGES}/"
    problems += [
        Problem(f"{folder}{name}{MESSAGE_SUFFIX}", 1, sentence.rstrip("."))
        for name, sentence in variants.misfits(sources, besides=broken)
    ]
    specs = _specs({**broken, **sources}, texts)
    try:
        data, lines = parse(flow_text, file)
        problems += _for_staff(data, lines, file)
        flow = load(data, lines, file, specs)
    except DefinitionError as error:
        raise DefinitionError([*error.problems, *problems]) from None
    if problems:
        raise DefinitionError(problems)
    return FlowFolder(flow, {name: texts[name] for name in texts if _message(name) in flow.messages}, file, lines)


def _message(name: str) -> str:
    """The message that a file of this name is, or is a variant of."""
    return name.split(".")[0]


def _specs(sources: Mapping[str, MessageSource], texts: Mapping[str, str]) -> dict[str, MessageSpec]:
    """What the core knows of each message: of its variants, the codes that they show."""
    found = {}
    for name, source in sources.items():
        if name != _message(name):
            continue
        purpose: Purpose = "transactional" if source.purpose == "transactional" else "marketing"
        every = [text for each, text in texts.items() if _message(each) == name]
        found[name] = MessageSpec(name, source.channel, purpose, source.deadline, coupons_in(*every))
    return found


def _for_staff(data: Any, lines: Lines, file: str) -> list[Problem]:
    """What is wrong with the texts that steps write for staff."""
    finder = Finder(file, lines)
    for place, text in _staff_texts(data, ()):
        if (sentence := problem_of_staff_text(text)) is not None:
            finder.add(place, sentence.rstrip("."))
    return finder.found


def _staff_texts(data: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            if name in STEPS and isinstance(value, Mapping):
                texts = STEPS[name].texts
                yield from (((*place, name, one), value[one]) for one in texts if isinstance(value.get(one), str))
            if place or name == "steps":
                yield from _staff_texts(value, (*place, name))
    elif isinstance(data, list):
        for n, inner in enumerate(data):
            yield from _staff_texts(inner, (*place, n))


def beside_one_another(folders: Iterable[FlowFolder], others: Mapping[str, FlowVersion]) -> list[Problem]:
    """What is wrong with these flows once they stand side by side; `others`: flows that are there besides, by name."""
    given = list(folders)
    known = {**others, **{folder.flow.flow: folder.flow for folder in given}}
    problems = []
    for n, folder in enumerate(given):
        finder = Finder(folder.file, folder.lines)
        name = folder.flow.flow
        if twin := next((one.file for one in given[:n] if one.flow.flow == name), None):
            finder.add(("flow",), f"Two flows are called “{name}”, here and in {twin}", "Give one of them another name")
        for path, sentence, todo in together.check(folder.flow, known):
            finder.add(path, sentence, todo)
        problems += finder.found
    return sorted(problems, key=lambda problem: (problem.file, problem.line))


def folders_in(place: Path) -> list[Path]:
    """The folders of flows that `place` is or has in it, by name."""
    if (place / FLOW_FILE).is_file():
        return [place]
    return sorted(file.parent for file in place.glob(f"*/{FLOW_FILE}"))


def _content(file: str, problem: ContentProblem | Finding) -> Problem:
    line = re.search(r"line (\d+)", problem.where)
    return Problem(file, int(line[1]) if line else 0, problem.sentence.rstrip("."))


class _Loader(yaml.SafeLoader):
    """Plain values of YAML 1.2, nothing else."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors (& and *) are not used here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        # The same list in two places is written twice: anchors are not read.
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Lists stand to the right of their name.
        super().increase_indent(flow, False)


_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
for _kind, _form, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", list("-0123456789")),
):
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"^(?:{_form})$"), _first)


def parse(text: str, file: str = FLOW_FILE) -> tuple[Any, dict[Place, int]]:
    """The plain data of a YAML text, and the line of each entry by its path. Raises DefinitionError."""
    if len(text) > LARGEST:
        raise DefinitionError([Problem(file, 1, f"The file is longer than {LARGEST} characters")])
    lines: dict[Place, int] = {(): 1}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _data(loader, node, (), lines, file), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "it cannot be read"
        raise DefinitionError(
            [Problem(file, mark.line + 1 if mark else 1, f"The YAML cannot be read: {said}", _HINT)]
        ) from None
    except yaml.YAMLError:
        problem = Problem(file, 1, "The file has characters that YAML does not allow", "Save it as plain UTF-8 text")
        raise DefinitionError([problem]) from None
    except RecursionError:
        raise DefinitionError([Problem(file, 1, "The file is nested too deep")]) from None


_HINT = "Look at the indentation, and put texts that contain a colon or a brace in quotes"


def _data(loader: _Loader, node: yaml.Node, place: Place, lines: dict[Place, int], file: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if len(place) > DEEPEST:
        raise DefinitionError([Problem(file, line, "The file is nested too deep")])
    if node.tag not in _PLAIN:
        raise DefinitionError([Problem(file, line, f"“{node.tag}” cannot be used here", "Leave out the tag")])
    if isinstance(node, yaml.SequenceNode):
        return [_data(loader, item, (*place, n), lines, file) for n, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        answer: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise DefinitionError([Problem(file, key_line, "A name must be one word", _HINT)])
            key = key_node.value
            if key in answer:
                raise DefinitionError([Problem(file, key_line, f"“{key}” is written twice", "Remove one of them")])
            lines[(*place, key)] = key_line
            answer[key] = _data(loader, value_node, (*place, key), lines, file)
        return answer
    try:
        return loader.construct_object(node)
    except ValueError:
        raise DefinitionError([Problem(file, line, f"“{node.value}” cannot be read", _HINT)]) from None


def format_text(text: str, file: str = FLOW_FILE) -> str:
    """The canonical form of a flow file; of a canonical one, the same text. Raises DefinitionError."""
    data, _ = parse(text, file)
    if not isinstance(data, dict):
        raise DefinitionError([Problem(file, 1, "A flow file is a list of names and values")])
    return to_text(data)


def remarks(text: str) -> list[int]:
    """The lines with remarks written with ``#``, which formatting drops. Raises DefinitionError."""
    try:
        spans = [(token.start_mark.index, token.end_mark.index) for token in yaml.scan(text, Loader=_Loader)]
    except yaml.YAMLError:
        # What cannot be read is said with its line by `parse`.
        parse(text)
        raise
    inside = {index for start, end in spans for index in range(start, end)}
    signs = (found.start() for found in re.finditer(r"(?<![^\s])#", text))
    return sorted({text.count("\n", 0, index) + 1 for index in signs if index not in inside})


def to_text(data: Mapping[str, Any]) -> str:
    """Write plain data as a flow file in canonical form."""
    node = _Dumper(StringIO(), sort_keys=False).represent_data(canonical(data))
    _lay_out(node, in_list=False)
    return str(yaml.serialize(node, Dumper=_Dumper, width=WIDTH, allow_unicode=True))


def _lay_out(node: yaml.Node, in_list: bool) -> None:
    """Groups of a few plain values on one line; steps and everything that holds groups one below the other."""
    if isinstance(node, yaml.ScalarNode) and "\n" in node.value:
        # Paragraphs stay paragraphs.
        node.style = "|"
    if isinstance(node, yaml.SequenceNode):
        inner = list(node.value)
        node.flow_style = _fits(inner)
        for item in inner:
            _lay_out(item, in_list=True)
    elif isinstance(node, yaml.MappingNode):
        values = [value for _, value in node.value]
        node.flow_style = not in_list and _fits([part for pair in node.value for part in pair])
        for value in values:
            _lay_out(value, in_list=False)


def _fits(parts: list[yaml.Node]) -> bool:
    plain = all(isinstance(part, yaml.ScalarNode) and "\n" not in part.value for part in parts)
    return plain and sum(len(part.value) + 2 for part in parts) <= SHORT
