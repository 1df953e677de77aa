"""What has to be switched off at Brevo and in the store, so that nobody is written to twice about the same thing.

The items (``checklist.yaml``) go by the triggers of the flows that are active or drafts; staff tick off what they have
looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, and_, delete, select
from sqlalchemy.dialects.postgresql import insert

from connector import audit, shipped_yaml
from connector.errors import InvalidInput
from connector.install import survey
from connector.models.flow import flow_versions, flows
from connector.models.survey import checklist_ticks

BREVO = "brevo"


@dataclass(frozen=True)
class Entry:
    """One entry of the file. ``triggers``: of flows that it doubles, empty for any."""

    key: str
    at: str
    title: str
    why: str
    where: str
    triggers: frozenset[str]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """An entry that concerns a shop. ``flows``: ours that it would double; ``seen``: what shows that it is there;
    ``ticked``: who ticked it off and when.
    """

    entry: Entry
    flows: tuple[str, ...]
    seen: tuple[str, ...]
    ticked: tuple[str, datetime] | None

    @property
    def key(self) -> str:
        return self.entry.key


@cache
def entries() -> tuple[Entry, ...]:
    """All there is, in the order of the file."""
    read: Mapping[str, Any] = shipped_yaml.load((files("connector.install") / "checklist.yaml").read_text("utf-8"))
    return tuple(
        Entry(key, one["at"], one["title"], one["why"], one["where"], frozenset(one.get("triggers", ())),
              tuple(one.get("signs", ())))
        for key, one in read.items()
    )  # fmt: skip


def items(connection: Connection, shop_id: int) -> list[Item]:
    """What concerns this shop now, in the order of the file."""
    active = _triggers(connection, shop_id)
    surveyed = survey.of_shop(connection, shop_id)
    names = _names(surveyed.found if surveyed else {})
    ticks = {
        row.item: (row.ticked_by, row.ticked_at)
        for row in connection.execute(select(checklist_ticks).where(checklist_ticks.c.shop_id == shop_id))
    }
    found = []
    for entry in entries():
        # What is left to Brevo is done by its automation, which has to stay.
        doubled = [(name, mode) for name, trigger, mode in active if trigger in entry.triggers]
        mine = tuple(name for name, mode in doubled if not mode == entry.at == BREVO)
        if mine or not entry.triggers:
            found.append(Item(entry, mine, _seen(entry.signs, names), ticks.get(entry.key)))
    return found


def open_items(found: Iterable[Item]) -> list[Item]:
    """Those that nobody has ticked off."""
    return [one for one in found if one.ticked is None]


def tick(connection: Connection, shop_id: int, key: str, actor: str, now: datetime, *, done: bool = True) -> None:
    """Tick an item off, or take that back; with its line in the audit log. Raises InvalidInput for an unknown item."""
    if key not in {one.key for one in entries()}:
        raise InvalidInput(f"There is no item {key!r} on the list.")
    if done:
        line = insert(checklist_ticks).values(shop_id=shop_id, item=key, ticked_by=actor, ticked_at=now)
        changed = connection.execute(line.on_conflict_do_nothing()).rowcount
    else:
        mine = and_(checklist_ticks.c.shop_id == shop_id, checklist_ticks.c.item == key)
        changed = connection.execute(delete(checklist_ticks).where(mine)).rowcount
    if changed:
        audit.record(
            connection,
            shop_id=shop_id,
            actor=actor,
            act="checklist.tick" if done else "checklist.untick",
            object_kind="checklist",
            object_id=key,
            now=now,
        )


def _triggers(connection: Connection, shop_id: int) -> list[tuple[str, str, str]]:
    """(flow, its trigger, its mode) of the flows that are active, or drafts that may be soon."""
    same = and_(
        flow_versions.c.shop_id == flows.c.shop_id,
        flow_versions.c.flow == flows.c.flow,
        flow_versions.c.version == flows.c.version,
    )
    query = (
        select(flows.c.flow, flow_versions.c.definition["trigger"]["on"].as_string(), flows.c.mode)
        .join(flow_versions, same)
        .where(flows.c.shop_id == shop_id, flows.c.status.in_(("active", "draft")))
        .order_by(flows.c.flow)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def _names(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, name) of what the account holds."""
    named = [("list", str(one.get("name"))) for one in found.get("lists", ())]
    named += [("folder", str(one.get("name"))) for one in found.get("folders", ())]
    named += [("webhook", str(one.get("url"))) for one in found.get("webhooks", ())]
    return named + [("attribute", str(name)) for name in found.get("attributes", ())]


def _seen(signs: Sequence[str], names: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{kind} {name}" for kind, name in names if any(sign in name.lower() for sign in signs))
