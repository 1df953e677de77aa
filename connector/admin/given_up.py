"""Work of a shop that was given up, one by one with why, and having it tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from connector import audit, paging
from connector.admin import reasons
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.scope import Scope
from sync import fetch, reruns
from sync.reruns import ENTITIES, What
from sync.reruns.entities.entity import Entity

AT_ONCE = 1000
"""So many, the newest, are tried again by one press."""
_RECENT = timedelta(days=7)


@dataclass(frozen=True)
class Trouble:
    """One of what was given up. ``what``: its kind and number; ``answer``: why, as the platform said it or in our
    words, which may quote an address. ``person_id``: whom it is about, where that is known; ``message_id``: which
    message it is. ``again``: whether it can be tried again here. ``key``: its place in the list."""

    what: str
    answer: str
    person_id: int | None
    message_id: int | None
    again: bool
    key: tuple[Any, ...]

    @property
    def named(self) -> str:
        """``what`` for people: "Contact 17"."""
        kind, _, number = self.what.rpartition(" ")
        return f"{_NAMED.get(kind, kind)} {number}".strip()


@dataclass(frozen=True)
class Kind:
    """One way in which work stops: where it is found, what it is ordered by (from the end; with the types of a cursor's
    values), what is to be done, one of it in words, and which of it can be tried again (``again``: SQL)."""

    heading: str
    what: str
    person: str
    found: str
    order: Mapping[str, type]
    advice: str
    words: str
    message: str = "NULL"
    again: str = "false"


_NAMED: Mapping[str, str] = {
    "message": "Message",
    "contact": "Contact",
    "order": "Order",
    "product": "Product",
    "category": "Collection",
    "events": "Events of person",
    "store_consent": "Consent, told to the store, of person",
    "double_opt_in": "Confirmation by email of person",
    "loyalty": "Points and tier of person",
}
_OF_COPY: Mapping[str, Entity] = {one.copy: one for one in ENTITIES.values()}
_COPIES = ", ".join(f"'{name}'" for name in _OF_COPY)

KINDS: Mapping[str, Kind] = {
    "messages": Kind(
        "Messages that Brevo refused in the last week",
        "'message ' || id",
        "person_id",
        "outbox WHERE shop_id = :shop AND state = 'failed' AND created_at > :since",
        {"created_at": datetime, "id": int},
        "The message tells its whole story. A refused message is not sent again.",
        "Brevo refused a message",
        message="id",
    ),
    "records": Kind(
        "Contacts, orders and products that Brevo refuses",
        "entity || ' ' || entity_id",
        "CASE WHEN entity = 'order' THEN (SELECT orders.person_id FROM orders"
        " WHERE orders.shop_id = sync_state.shop_id AND orders.id = entity_id)"
        " WHEN entity NOT IN ('product', 'category') THEN entity_id END",
        "sync_state WHERE shop_id = :shop AND state = 'failed'",
        {"entity_id": int, "entity": str},
        "After a fix have it tried again: Brevo is told what is held here. The next change of a record is told by"
        " itself.",
        "Brevo refuses a record",
        again=f"entity IN ({_COPIES})",
    ),
    "events": Kind(
        "Events that Brevo refused",
        "name",
        "person_id",
        "feed WHERE shop_id = :shop AND state = 'refused'",
        {"id": int},
        "They are not sent again.",
        "Brevo refused an event",
    ),
    "fetches": Kind(
        "Objects that could not be read from the store",
        "kind || ' ' || remote_id",
        "CAST(NULL AS BIGINT)",
        "fetches WHERE shop_id = :shop AND state = 'failed'",
        {"remote_id": int, "kind": str},
        "The next delivery about them asks again by itself. Tried again here, no message goes out because of it.",
        "The store did not give a record",
        again="true",
    ),
}


def newest(connection: Connection, shop_id: int, kind: Kind, now: datetime, most: int) -> Sequence[Trouble]:
    """The first ``most`` of one kind, the newest first as far as their ids tell. ``now``: business time."""
    return _read(connection, shop_id, kind, now, most, None)


def listed(connection: Connection, shop_id: int, kind: Kind, now: datetime, after: str | None) -> Page[Trouble]:
    """A page of one kind. Raises InvalidInput for a cursor that is none of ours."""
    begins = paging.after(after, *kind.order.values())
    return paging.page(_read(connection, shop_id, kind, now, SIZE + 1, begins), lambda one: one.key)


def _read(
    connection: Connection, shop_id: int, kind: Kind, now: datetime, most: int, begins: tuple[Any, ...] | None
) -> Sequence[Trouble]:
    asked: dict[str, Any] = {"shop": shop_id, "since": now - _RECENT, "most": most}
    beyond = ""
    if begins is not None:
        asked |= {f"key_{place}": value for place, value in enumerate(begins)}
        beyond = f" AND ({', '.join(kind.order)}) < ({', '.join(f':key_{n}' for n in range(len(begins)))})"
    query = (
        f"SELECT {kind.what} AS what, reason, {kind.person} AS person_id, {kind.message} AS message_id,"  # noqa: S608
        f" {kind.again} AS again, {', '.join(f'{name} AS key_{n}' for n, name in enumerate(kind.order))}"
        f" FROM {kind.found}{beyond} ORDER BY {', '.join(f'{name} DESC' for name in kind.order)} LIMIT :most"
    )
    return [
        Trouble(row.what, _said(row.reason), row.person_id, row.message_id, row.again, tuple(row)[-len(kind.order) :])
        for row in connection.execute(text(query), asked)
    ]


def _said(reason: str | None) -> str:
    """A code of ours in words; what a platform answered as it is."""
    if not reason:
        return ""
    return reasons.sentence(reason) if reason.replace("_", "").isalpha() and reason.islower() else reason


def again(scope: Scope, name: str, what: str | None, *, by: str) -> int:
    """Have records be told to Brevo again ("records"), or objects be read from the store again ("fetches"): this one
    (``Trouble.what``, a word and a number), or the newest of all. Returns how many there were.

    ``scope``: a quiet one. Raises LookupError when there is no such one, InvalidInput when a sync is in its way.
    """
    chosen = _chosen(scope, name, what)
    if name == "fetches":
        for kind, remote_id in chosen:
            fetch.wish(scope, kind, remote_id)
        detail = {"count": len(chosen)}
        audit.note(scope, actor=by, act="fetch.retry", object_kind="fetch", object_id=what or "all", detail=detail)
        return len(chosen)
    runs = []
    for copy, entity in _OF_COPY.items():
        ids = [number for kind, number in chosen if kind == copy]
        if not ids:
            continue
        records = entity.records(scope.connection, scope.shop_id, ids)
        wanted = What(entity.name, ids=tuple(sorted(one.id for one in records.values())), only_brevo=True)
        if copy == "contact" and len(ids) == 1:
            wanted = What(entity.name, person=ids[0], only_brevo=True)
        if wanted.ids or wanted.person:
            runs.append(reruns.start(scope, wanted, by=by))
    if not runs:
        raise InvalidInput("Nothing is held here any more of what was refused, so there is nothing to tell again.")
    return len(chosen)


def _chosen(scope: Scope, name: str, what: str | None) -> Sequence[tuple[str, int]]:
    """(kind, number) of what can be tried again."""
    kind = KINDS[name]
    if kind.again == "false":
        raise InvalidInput(kind.advice)
    query = f"SELECT {kind.what} AS what FROM {kind.found} AND {kind.again}"  # noqa: S608
    asked: dict[str, Any] = {"shop": scope.shop_id, "since": scope.now, "most": AT_ONCE}
    if what is not None:
        # The number comes first in its index.
        found, _, number = what.rpartition(" ")
        of, numbered = ("kind", "remote_id") if name == "fetches" else ("entity", "entity_id")
        query += f" AND {numbered} = :number AND {of} = :of"
        asked |= {"number": int(number), "of": found}
    rows = scope.connection.scalars(
        text(f"{query} ORDER BY {', '.join(f'{one} DESC' for one in kind.order)} LIMIT :most"), asked
    ).all()
    if not rows:
        raise LookupError("There is nothing of that kind that stands still.")
    return [(kind_, int(number)) for kind_, _, number in (row.rpartition(" ") for row in rows)]
