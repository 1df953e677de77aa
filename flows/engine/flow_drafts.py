"""Flows that are being written: the files of the next version, kept as they are, whether or not they can be read.

There is one draft of a flow at a time. It is begun from a version, a template of the library, another flow, or files
that somebody has; nothing of it counts until it is published (`lifecycle`). Who saves holds the row's lock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.errors import InvalidInput
from connector.models.flow import flow_versions, flows
from connector.models.flow_draft import flow_drafts
from connector.scope import Scope
from flows import bundles, starters
from flows.core.entries import NAME_FORM
from flows.core.problems import DefinitionError, Problem
from flows.definition_files import FLOW_FILE, FlowFolder, compile_texts, parse, read_folder, to_text
from flows.engine import inspection, lifecycle
from flows.engine.publish import checked, library, unsuited
from flows.linting import Said, in_order, look

Files = Mapping[str, str]
"""{"flow.yaml": text, "messages/NAME.liquid": text}"""
_FLOW_LINE = re.compile(r"^flow:[^\n]*$", re.MULTILINE)
_NAME_LINE = re.compile(r"^name:[^\n]*$", re.MULTILINE)
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_MOST = 200
"""Drafts of a shop."""


@dataclass(frozen=True)
class Begun:
    """``base_version``: the one that was current when it was begun, 0 when there was none; ``saved_by``: as the audit
    log names them."""

    flow: str
    base_version: int
    saved_by: str
    saved_at: datetime


@dataclass(frozen=True)
class FlowDraft(Begun):
    """A draft with its files."""

    files: Files


@dataclass(frozen=True)
class Findings:
    """What there is to say of a draft, the worst first; ``folder`` is None when it cannot be published as it is."""

    folder: FlowFolder | None
    said: Sequence[Said]


def drafts_of(connection: Connection, shop_id: int) -> list[Begun]:
    """All of the shop, the last saved first, without their files."""
    mine, names = flow_drafts.c, ("flow", "base_version", "saved_by", "saved_at")
    query = select(*(mine[name] for name in names)).where(mine.shop_id == shop_id)
    return [Begun(*row) for row in connection.execute(query.order_by(mine.saved_at.desc(), mine.flow))]


def load(connection: Connection, shop_id: int, flow: str, *, lock: bool = False) -> FlowDraft:
    """Raises LookupError when there is none. ``lock``: nobody else saves it before the transaction ends."""
    query = select(flow_drafts).where(flow_drafts.c.shop_id == shop_id, flow_drafts.c.flow == flow)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise LookupError(f"There is no draft of {flow}.")
    return _draft(row)


def exists(connection: Connection, shop_id: int, flow: str) -> bool:
    """Whether there is a draft of this flow."""
    mine = (flow_drafts.c.shop_id == shop_id) & (flow_drafts.c.flow == flow)
    return connection.scalar(select(flow_drafts.c.flow).where(mine)) is not None


def keep(scope: Scope, flow: str, files: Files, *, by: str) -> None:
    """Keep these files as the draft of this flow. Raises InvalidInput when they are none of a flow's, the name is none,
    or there is a draft of it already."""
    if not re.search(NAME_FORM, flow):
        raise InvalidInput(f"“{flow[:80]}” cannot be the name of a flow: use small letters, digits and dashes.")
    if len(drafts_of(scope.connection, scope.shop_id)) >= _MOST:
        raise InvalidInput(f"There are {_MOST} drafts: publish or discard some of them first.")
    values = _values(scope, files, by)
    row = {
        "shop_id": scope.shop_id,
        "flow": flow,
        "base_version": current_version(scope.connection, scope.shop_id, flow),
    }
    statement = insert(flow_drafts).values(**row, **values).on_conflict_do_nothing().returning(flow_drafts.c.flow)
    if scope.connection.scalar(statement) is None:
        raise InvalidInput(
            f"{flow} is being written already: open that draft and go on with it, discard it, or choose another name."
        )


def save(scope: Scope, draft: FlowDraft, files: Files, *, by: str) -> None:
    """Replace the files of a draft that was loaded with its lock. Raises InvalidInput."""
    mine = (flow_drafts.c.shop_id == scope.shop_id) & (flow_drafts.c.flow == draft.flow)
    scope.connection.execute(update(flow_drafts).where(mine).values(**_values(scope, files, by)))


def drop(scope: Scope, flow: str) -> None:
    """Forget the draft of this flow, if there is one."""
    mine = (flow_drafts.c.shop_id == scope.shop_id) & (flow_drafts.c.flow == flow)
    scope.connection.execute(delete(flow_drafts).where(mine))


def current_version(connection: Connection, shop_id: int, flow: str) -> int:
    """The version that people enter; 0 when none was published."""
    mine = (flows.c.shop_id == shop_id) & (flows.c.flow == flow)
    return int(connection.scalar(select(flows.c.version).where(mine)) or 0)


def from_version(connection: Connection, shop_id: int, flow: str, version: int) -> dict[str, str]:
    """The files of a published version. Raises LookupError when there is none."""
    found = connection.execute(
        select(flow_versions.c.definition, flow_versions.c.messages).where(
            flow_versions.c.shop_id == shop_id, flow_versions.c.flow == flow, flow_versions.c.version == version
        )
    ).one_or_none()
    if found is None:
        raise LookupError(f"There is no version {version} of {flow}.")
    return files_of(found.definition, found.messages)


def files_of(definition: Mapping[str, Any], messages: Mapping[str, str]) -> dict[str, str]:
    """A definition, as it is stored, and its messages as files."""
    written = {name: value for name, value in definition.items() if name != "messages"}
    texts = {bundles.message_file(name): text for name, text in sorted(messages.items())}
    return {FLOW_FILE: to_text(written), **texts}


def from_template(name: str) -> dict[str, str]:
    """The files of a flow of the library. Raises LookupError."""
    if name not in library():
        raise LookupError(f"There is no template {name}.")
    folder = starters.folder(name)
    texts = {bundles.message_file(one): text for one, text in read_folder(folder).texts.items()}
    return {FLOW_FILE: (folder / FLOW_FILE).read_text("utf-8"), **texts}


def renamed(files: Files, flow: str, name: str = "") -> dict[str, str]:
    """The same files as those of a flow called ``flow``; ``name``: its name for people, "" as it was."""
    text = _FLOW_LINE.sub(f"flow: {flow}", files[FLOW_FILE], count=1)
    if name:
        # What JSON puts in quotes YAML reads as the same text.
        text = _NAME_LINE.sub(lambda _: f"name: {orjson.dumps(name).decode()}", text, count=1)
    return {**files, FLOW_FILE: text}


def name_in(files: Files) -> str:
    """What the flow calls itself, as far as that can be told; "" when it cannot."""
    found = _FLOW_LINE.search(files.get(FLOW_FILE, ""))
    said = found.group().partition(":")[2].strip() if found else ""
    return _NOT_IN_A_NAME.sub("-", said.lower()).strip("-")[:60]


def compiled(draft: FlowDraft) -> FlowFolder:
    """The flow of the draft as it would be published. Raises DefinitionError."""
    folder = compile_texts(draft.files[FLOW_FILE], bundles.messages_in(draft.files), FLOW_FILE, checked)
    if folder.flow.flow != draft.flow:
        line = folder.lines.get(("flow",), 1)
        sentence = f"The file says flow: {folder.flow.flow}, and this is the draft of {draft.flow}"
        raise DefinitionError([Problem(FLOW_FILE, line, sentence, f"Write flow: {draft.flow}")])
    return folder


def findings(scope: Scope, draft: FlowDraft) -> Findings:
    """What keeps the draft from being published, what is probably not meant with it, and what it has against the other
    flows of the shop that are active."""
    try:
        folder = compiled(draft)
    except DefinitionError as error:
        return Findings(None, in_order(Said("error", "definition", draft.flow, one) for one in error.problems))
    stops = [
        *lifecycle.wrong_beside(scope.connection, scope.shop_id, folder),
        *unsuited(scope.connection, scope.shop_id, folder.texts),
    ]
    said = [Said("error", "definition", draft.flow, one) for one in stops]
    said += [Said("warning", "unused", draft.flow, one) for one in _unused(draft, folder)]
    active, _ = inspection.active(scope.connection, scope.shop_id)
    beside = [one for one in active if one.flow.flow != draft.flow]
    caps = inspection.caps_of(scope.shop.settings)
    said += look([folder], [inspection.context_of(scope)], caps, beside=beside)
    return Findings(None if any(one.level == "error" for one in said) else folder, in_order(said))


def _unused(draft: FlowDraft, folder: FlowFolder) -> list[Problem]:
    left = sorted(set(bundles.messages_in(draft.files)) - set(folder.texts))
    return [
        Problem(
            bundles.message_file(name), 0, "No step sends this message", "It is left out when the flow is published"
        )
        for name in left
    ]


def in_one_form(files: Files) -> dict[str, str]:
    """The files as they are compared: the flow in canonical form with its entries in one order, whatever order a
    database has kept them in. A flow that cannot be read stays as it is."""
    try:
        data, _ = parse(files[FLOW_FILE])
        text = to_text(_sorted(data)) if isinstance(data, Mapping) else files[FLOW_FILE]
    except DefinitionError:
        text = files[FLOW_FILE]
    return {**files, FLOW_FILE: text}


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _values(scope: Scope, files: Files, by: str) -> dict[str, Any]:
    return {"files": bundles.checked(files), "saved_by": by, "saved_at": scope.now}


def _draft(row: Row[Any]) -> FlowDraft:
    # The order of the keys is not kept by the database.
    files = dict(sorted(row.files.items(), key=lambda one: (one[0] != FLOW_FILE, one[0])))
    return FlowDraft(row.flow, row.base_version, row.saved_by, row.saved_at, files)
