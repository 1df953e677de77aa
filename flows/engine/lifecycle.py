"""The life of a shop's flows: published, paused, gone on with, archived, taken back; and what becomes of those inside.

* draft: it is stored and lets nobody in.
* active: it lets people in and sends.
* paused: it lets nobody in. For those inside time goes on, waits end, goals and exit rules count; what it wants sent or
  done is held until it goes on or until its deadline, whichever is first.
* archived: it lets nobody in any more. Those inside finish, or are taken out.

People inside stay with the version that they entered, until they are taken out of it or carried over (`standing`).
Every act writes its line of the audit log in the caller's transaction; ``by`` is its actor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select, text, update

from connector import audit, eventlog
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.locks import NORMALISE, lock_shop
from connector.models.flow import flow_versions, flows, runs
from connector.scope import Scope
from connector.shops import Shop
from flows.core import standing
from flows.core.model import FlowVersion
from flows.core.problems import DefinitionError, Problem
from flows.definition_files import FlowFolder, beside_one_another
from flows.engine.book import Book
from flows.engine.publish import publish, publish_again

Status = Literal["draft", "active", "paused", "archived"]
BATCH = 200
"""People who are taken out or carried over in one transaction."""


@dataclass(frozen=True)
class Standing:
    """One flow of a shop. ``inside``: {version: people in it now}."""

    flow: str
    status: Status
    mode: str
    version: int
    published_at: datetime
    inside: Mapping[int, int]


@dataclass(frozen=True)
class Inside:
    """How many people stand on this step of this version; ``step`` None: an automation at Brevo carries them out."""

    version: int
    step: str | None
    people: int


def flows_of(connection: Connection, shop_id: int, *, counted: bool = True) -> list[Standing]:
    """All flows of the shop, by name. ``counted``: with who is inside, which reads everybody who is; False leaves that
    out."""
    counts: dict[str, dict[int, int]] = {}
    for row in connection.execute(_INSIDE, {"shop_id": shop_id}) if counted else ():
        counts.setdefault(row.flow, {})[row.version] = row.people
    return [
        Standing(row.flow, row.status, row.mode, row.version, row.published_at, counts.get(row.flow, {}))
        for row in connection.execute(_FLOWS, {"shop_id": shop_id})
    ]


_FLOWS = (
    select(flows, flow_versions.c.published_at)
    .join(
        flow_versions,
        (flow_versions.c.shop_id == flows.c.shop_id)
        & (flow_versions.c.flow == flows.c.flow)
        & (flow_versions.c.version == flows.c.version),
    )
    .where(flows.c.shop_id == bindparam("shop_id"))
    .order_by(flows.c.flow)
)
_INSIDE = (
    select(runs.c.flow, runs.c.version, func.count().label("people"))
    .where(runs.c.shop_id == bindparam("shop_id"), runs.c.state == "live")
    .group_by(runs.c.flow, runs.c.version)
    .order_by(runs.c.flow, runs.c.version)
)


def inside(connection: Connection, shop_id: int, flow: str) -> list[Inside]:
    """Where the people stand who are in the flow now."""
    found = connection.execute(_STEPS, {"shop_id": shop_id, "flow": flow})
    return [Inside(row.version, row.step, row.people) for row in found]


_STEPS = text(
    """
SELECT version, position ->> 'at' AS step, count(*) AS people FROM runs
WHERE shop_id = :shop_id AND flow = :flow AND state = 'live'
GROUP BY version, step ORDER BY version, step
"""
)


def publish_folder(
    scope: Scope, folder: FlowFolder, *, by: str, draft: bool = False, beside: Sequence[FlowFolder] = ()
) -> int:
    """Make these files the version that people enter from now on; returns its number. A paused flow stays paused.
    ``beside``: what is published with it.

    Raises DefinitionError, also for what is wrong only beside the shop's other flows, and InvalidInput for a draft of a
    flow that is active.
    """
    shop_id, name = scope.shop_id, folder.flow.flow
    status = _status(scope.connection, shop_id, name)
    if draft and status in ("active", "paused"):
        raise InvalidInput(f"{name} is {status}: its files are its draft until they are published.")
    if problems := wrong_beside(scope.connection, shop_id, folder, beside):
        raise DefinitionError(problems)
    kept = "draft" if draft else "paused" if status == "paused" else "active"
    version = publish(scope.connection, shop_id, folder, scope.now, status=kept)
    _note(scope, by, "flow.publish", name, version=version, status=kept)
    return version


def wrong_beside(
    connection: Connection, shop_id: int, folder: FlowFolder, beside: Sequence[FlowFolder] = ()
) -> list[Problem]:
    """What keeps this flow from being active beside the shop's others and those that are published with it."""
    there = [*Book(connection, shop_id).active, *(one.flow for one in beside)]
    return beside_one_another([folder], {flow.flow: flow for flow in there if flow.flow != folder.flow.flow})


def version_before(connection: Connection, shop_id: int, flow: str) -> int:
    """The version before the current one. Raises InvalidInput when there is none."""
    _known(connection, shop_id, flow)
    mine = (flows.c.shop_id == shop_id) & (flows.c.flow == flow)
    version: int = connection.execute(select(flows.c.version).where(mine)).scalar_one()
    if version < 2:
        raise InvalidInput(f"{flow} has one version only: there is nothing to go back to.")
    return version - 1


def roll_back(scope: Scope, flow: str, to: int, *, by: str) -> int:
    """Publish what version ``to`` was once more; returns the number that it has now. Raises InvalidInput."""
    status = _known(scope.connection, scope.shop_id, flow)
    kept = "paused" if status == "paused" else "active"
    try:
        version = publish_again(scope.connection, scope.shop_id, flow, to, scope.now, status=kept)
    except LookupError as error:
        raise InvalidInput(f"{error}.") from None
    _note(scope, by, "flow.rollback", flow, version=version, to=to)
    return version


def pause(scope: Scope, flow: str, *, by: str) -> None:
    """Let nobody in, and hold what it wants sent. Raises InvalidInput unless it is active."""
    _change(scope, flow, "paused", {"active"}, by, "flow.pause")


def resume(scope: Scope, flow: str, *, by: str) -> None:
    """Go on, or begin with a draft. What was held is asked about again at once. Raises InvalidInput."""
    _change(scope, flow, "active", {"paused", "draft"}, by, "flow.resume")
    scope.connection.execute(_ASK_AGAIN, {"shop_id": scope.shop_id, "flow": flow, "now": scope.now})
    scope.bells.add("deliver")


# Whoever holds one of these asks again in its own time: waiting for it would turn the order of locks round.
_ASK_AGAIN = text(
    """
UPDATE outbox SET due_at = :now WHERE shop_id = :shop_id AND id IN (
    SELECT id FROM outbox
    WHERE shop_id = :shop_id AND flow = :flow AND state = 'due' AND reason = 'held' AND due_at > :now
    FOR UPDATE SKIP LOCKED
)
"""
)


def archive(scope: Scope, flow: str, *, by: str) -> None:
    """Let nobody in any more; publishing it anew brings it back. Raises InvalidInput."""
    _change(scope, flow, "archived", {"active", "paused", "draft"}, by, "flow.archive")


def hand_to(scope: Scope, flow: str, mode: Literal["native", "brevo"], *, by: str) -> None:
    """Say who runs it: the connector, or an automation at Brevo. Raises InvalidInput."""
    _known(scope.connection, scope.shop_id, flow)
    mine = (flows.c.shop_id == scope.shop_id) & (flows.c.flow == flow)
    scope.connection.execute(update(flows).where(mine).values(mode=mode))
    _note(scope, by, "flow.mode", flow, mode=mode)


def remove(scope: Scope, flow: str, person_id: int, *, by: str) -> bool:
    """Take one person out of the flow; False when they are not in it. They may enter again as its rules say."""
    _known(scope.connection, scope.shop_id, flow)
    live = select(runs.c.id).where(
        runs.c.shop_id == scope.shop_id,
        runs.c.flow == flow,
        runs.c.person_id == person_id,
        runs.c.state == "live",
    )
    if scope.connection.scalar(live.limit(1)) is None:
        return False
    _tell(scope, standing.TAKEN_OUT, [person_id], {"flow": flow, "outcome": "removed"})
    _note(scope, by, "flow.remove", flow, person=person_id)
    return True


def without_place(
    connection: Connection, shop_id: int, flow: str, to: int, steps: Mapping[str, str]
) -> list[tuple[Inside, str]]:
    """Who stands where version ``to`` has nothing for them, with what is wrong; ``steps``: {step: the one there}.

    Raises InvalidInput for a step that the version has not.
    """
    book = Book(connection, shop_id)
    groups = [group for group in inside(connection, shop_id, flow) if group.version != to]
    return misplaced(book, flow, groups, book.published(flow, to).flow, steps, f"Version {to} of {flow}")


def misplaced(
    book: Book, flow: str, groups: Sequence[Inside], new: FlowVersion, steps: Mapping[str, str], called: str
) -> list[tuple[Inside, str]]:
    """The same of a version that need not be published: those of these groups for whom ``new``, which is ``called``
    so, has nothing."""
    for target in steps.values():
        if target not in new.steps:
            raise InvalidInput(f"{called} has no step {target}: it has {', '.join(new.steps)}.")
    found = []
    for group in groups:
        if group.step is None:
            continue
        there = new.steps.get(steps.get(group.step, group.step))
        if there is None:
            found.append((group, f"{called.partition(' of ')[0].lower()} has no such step"))
        elif there.kind != book.published(flow, group.version).flow.steps[group.step].kind:
            found.append((group, f"it is a step of another kind there ({there.kind})"))
    return [one for one in found if one[0].step not in steps or "no such" in one[1]]


def take_out(deps: Deps, shop: Shop, flow: str, *, outcome: str, but: Collection[int] = (), by: str) -> int:
    """Take everybody out of the flow, except those in the versions ``but``; returns how many people. The workers do
    it. Running it again tells nobody twice who has left."""
    return _tell_all(deps, shop, flow, but, standing.TAKEN_OUT, {"outcome": outcome}, by, "flow.empty")


def carry_over(deps: Deps, shop: Shop, flow: str, to: int, steps: Mapping[str, str], *, by: str) -> int:
    """Have everybody in an earlier version go on in version ``to``; returns how many people. The workers do it."""
    about = {"to": to, "steps": dict(steps)}
    return _tell_all(deps, shop, flow, [to], standing.NEW_VERSION, about, by, "flow.carry_over")


def _tell_all(
    deps: Deps, shop: Shop, flow: str, but: Collection[int], name: str, about: Mapping[str, Any], by: str, act: str
) -> int:
    done, last = 0, 0
    while True:
        with deps.open(shop) as scope:
            # Whoever waits for many people holds this meanwhile.
            lock_shop(scope, NORMALISE)
            given = {"shop_id": shop.id, "flow": flow, "but": list(but), "last": last, "most": BATCH}
            found = scope.connection.execute(_PEOPLE, given).all()
            people = [row.person_id for row in found]
            versions = sorted({version for row in found for version in row.versions})
            _tell(scope, name, people, {"flow": flow, "versions": versions, **about})
            if len(found) < BATCH:
                _note(scope, by, act, flow, people=done + len(found), **about)
                return done + len(found)
            done, last = done + len(found), people[-1]


_PEOPLE = text(
    """
SELECT person_id, array_agg(DISTINCT version) AS versions FROM runs
WHERE shop_id = :shop_id AND flow = :flow AND state = 'live' AND person_id > :last
    AND version <> ALL (CAST(:but AS integer[]))
GROUP BY person_id ORDER BY person_id LIMIT :most
"""
)


def _tell(scope: Scope, name: str, people: Sequence[int], about: Mapping[str, Any]) -> None:
    flow, which = about["flow"], about.get("to", about.get("outcome"))
    facts = [
        eventlog.Fact(
            name,
            f"flow:{flow}:{which}:{person_id}:{scope.now.isoformat()}",
            scope.now,
            f"flow:{flow}",
            person_id,
            props=about,
            source="connector",
        )
        for person_id in people
    ]
    eventlog.append(scope, facts)


def _status(connection: Connection, shop_id: int, flow: str) -> Status | None:
    mine = (flows.c.shop_id == shop_id) & (flows.c.flow == flow)
    found: Status | None = connection.scalar(select(flows.c.status).where(mine).with_for_update())
    return found


def _known(connection: Connection, shop_id: int, flow: str) -> Status:
    status = _status(connection, shop_id, flow)
    if status is None:
        names = ", ".join(row.flow for row in connection.execute(_FLOWS, {"shop_id": shop_id}))
        raise InvalidInput(f"There is no flow {flow} here. There are {names or 'none yet'}.")
    return status


def _change(scope: Scope, flow: str, status: Status, before: Collection[str], by: str, act: str) -> None:
    known = _known(scope.connection, scope.shop_id, flow)
    if known not in before:
        hint = "publish it to bring it back" if known == "archived" else "nothing was changed"
        raise InvalidInput(f"{flow} is {known}: {hint}.")
    mine = (flows.c.shop_id == scope.shop_id) & (flows.c.flow == flow)
    scope.connection.execute(update(flows).where(mine).values(status=status))
    _note(scope, by, act, flow, before=known)


def _note(scope: Scope, by: str, act: str, flow: str, **detail: Any) -> None:
    audit.note(scope, actor=by, act=act, object_kind="flow", object_id=flow, detail=detail)
