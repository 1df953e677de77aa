"""What publishing would mean, before it is done: what changes, who is inside and what becomes of them.

The same for a draft and for an earlier version that is published once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from connector.admin import differences, flow_words, revision
from connector.admin.differences import Difference
from connector.models.flow import flows
from connector.scope import Scope
from flows.analytics import reading
from flows.core.model import FlowVersion
from flows.core.validate import from_data, to_data
from flows.engine import flow_drafts
from flows.engine.book import Book
from flows.engine.flow_drafts import Files, FlowDraft
from flows.linting import Said


@dataclass(frozen=True)
class Group:
    """People on one step of one earlier version. ``target``: the step of the new version where they would go on, None
    when there is none of that name and kind; ``says``: their step in words."""

    version: int
    step: str | None
    people: int
    says: str
    target: str | None


@dataclass(frozen=True)
class Publication:
    """``current`` is 0 and ``status`` None when nothing was published; ``steps``: {id: in words} of the new version,
    empty when it cannot be read. ``seen``: what a form carries."""

    flow: str
    current: int
    status: str | None
    differences: Sequence[Difference]
    groups: Sequence[Group]
    steps: Mapping[str, str]
    seen: str
    said: Sequence[Said] = field(default_factory=list)

    @property
    def people(self) -> int:
        return sum(group.people for group in self.groups)

    @property
    def homeless(self) -> list[Group]:
        """Those for whom the new version has no step of the same name and kind; each step once."""
        found: dict[str, Group] = {}
        for group in self.groups:
            if group.step is not None and group.target is None:
                found.setdefault(group.step, group)
        return list(found.values())

    @property
    def stopped(self) -> bool:
        """Whether something keeps it from being published."""
        return not self.steps


def seen_of(current: int, files: Files) -> str:
    """What stands for the files and for the version that they take the place of."""
    return revision.of([current, dict(files)])


def of_draft(scope: Scope, draft: FlowDraft) -> Publication:
    """What publishing the draft would mean. Nothing is written."""
    found = flow_drafts.findings(scope, draft)
    new = None if found.folder is None else as_stored(found.folder.flow)
    return _of(scope.connection, scope.shop_id, draft.flow, draft.files, new, found.said)


def of_version(connection: Connection, shop_id: int, flow: str, version: int) -> Publication:
    """What publishing this version once more would mean. Raises LookupError when there is none."""
    files = flow_drafts.from_version(connection, shop_id, flow, version)
    return _of(connection, shop_id, flow, files, Book(connection, shop_id).published(flow, version).flow, ())


def standing(connection: Connection, shop_id: int, flow: str, *, lock: bool = False) -> tuple[int, str | None]:
    """(the current version, the status) of the flow; (0, None) when nothing was published. ``lock``: it stays so until
    the transaction ends."""
    query = select(flows.c.version, flows.c.status).where(flows.c.shop_id == shop_id, flows.c.flow == flow)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return (0, None) if row is None else (row.version, row.status)


def _of(
    connection: Connection, shop_id: int, flow: str, files: Files, new: FlowVersion | None, said: Sequence[Said]
) -> Publication:
    current, status = standing(connection, shop_id, flow)
    before = flow_drafts.from_version(connection, shop_id, flow, current) if current else {}
    inside = reading.inside_now(connection, shop_id, flow) if current else []
    return Publication(
        flow,
        current,
        status,
        compared(before, files),
        _groups(Book(connection, shop_id), flow, inside, new),
        flow_words.steps(new) if new is not None else {},
        seen_of(current, files),
        said,
    )


def compared(before: Files, after: Files) -> list[Difference]:
    """What is different, whatever order a database has kept entries in."""
    old = flow_drafts.in_one_form(before) if before else before
    return differences.between(old, flow_drafts.in_one_form(after))


def _groups(book: Book, flow: str, inside: Sequence[tuple[int, str, int]], new: FlowVersion | None) -> list[Group]:
    found = []
    for version, step, people in inside:
        if not step:
            found.append(Group(version, None, people, "an automation at Brevo carries them out", None))
            continue
        old = book.published(flow, version).flow
        there = new.steps.get(step) if new else None
        fits = there is not None and there.kind == old.steps[step].kind
        says = flow_words.steps(old).get(step, step)
        found.append(Group(version, step, people, says, step if fits else None))
    return found


def as_stored(flow: FlowVersion) -> FlowVersion:
    """The flow as it will be read once it is stored: PostgreSQL keeps the entries of JSON by length and letter, and
    steps without an id are named in the order in which they are come upon."""
    return from_data(_in_order(to_data(flow)))


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _in_order(value[name]) for name in sorted(value, key=lambda name: (len(name.encode()), name))}
    return [_in_order(one) for one in value] if isinstance(value, list | tuple) else value
