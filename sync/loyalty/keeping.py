"""Writing down where people stand, and what changed by it: one fact for each change, and Brevo is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, select

from connector import eventlog
from connector.db.rows import among, write_rows
from connector.models.loyalty import loyalty_states
from connector.scope import Scope
from sync import wishes
from sync.loyalty import port
from sync.loyalty.standing import FIELDS, Standing, Word, as_columns, from_row, hear, shown
from sync.mapping import contact as mapping
from sync.node_values import moment
from sync.profiles import touch

ENTITY = "loyalty"
"""Of the wishes that the store be told."""


def from_store(scope: Scope, person_id: int, node: Mapping[str, Any]) -> None:
    """Keep what a Customer of queries/customers.graphql says, if the store is the shop's source. The caller holds the
    person's lock and has seen that the answer is not older than what is known of the customer."""
    source = port.chosen(scope.shop)
    if source is None or not (values := source.told(scope.shop.settings["loyalty"], node)):
        return
    told_at = moment(node.get("updatedAt"))
    # A store's clock may be ahead.
    keep(scope, person_id, Word(values, min(told_at or scope.now, scope.now), source.name))


def from_outside(scope: Scope, person_id: int, values: Mapping[str, Any], at: datetime, *, source: str) -> None:
    """Keep what another system or a file says of the person, whose lock the caller holds. What is not said stays."""
    keep(scope, person_id, Word({name: one for name, one in values.items() if one is not None}, at, source))


def assign(scope: Scope, person_id: int, values: Mapping[str, Any], besides: Mapping[str, Any] | None = None) -> None:
    """What a programme of our own has decided (None: there is none), with the person's lock held. A store whose
    metafields are the source is told; until it is, what it says is the older word. ``besides``: what the event says of
    it. Raises ValueError for a shop that keeps no loyalty data."""
    if port.chosen(scope.shop) is None:
        raise ValueError("the shop keeps no loyalty data")
    keep(scope, person_id, Word(values, scope.now, port.PROGRAMME, besides or {}))


def standing_of(scope: Scope, person_id: int) -> Standing:
    """Where somebody stands, with the person's lock held and nothing of theirs left to be written."""
    found = scope.connection.execute(_HELD, {"shop_id": scope.shop_id, "ids": [person_id]}).mappings().first()
    return from_row(dict(found)) if found else Standing()


def keep(scope: Scope, person_id: int, word: Word) -> None:
    """What this word changes is written at the end of the transaction, if its source is believed."""
    if word.values and word.source in port.believed(scope.shop):
        scope.owed(_write, first=True).setdefault(person_id, []).append(word)


def _write(scope: Scope, words: dict[int, list[Word]]) -> None:
    """{person id: what was said, in its order}."""
    ids = sorted(words)
    found = scope.connection.execute(_HELD, {"shop_id": scope.shop_id, "ids": ids}).mappings()
    held = {row["person_id"]: dict(row) for row in found}
    written = []
    for person_id in ids:
        row = held.get(person_id)
        new = _heard(scope, person_id, row, words[person_id])
        if new != row:
            written.append(new)
    if written:
        write_rows(scope.connection, loyalty_states, written)


_HELD = select(loyalty_states).where(
    loyalty_states.c.shop_id == bindparam("shop_id"), among(loyalty_states.c.person_id, "ids")
)


def _heard(scope: Scope, person_id: int, row: dict[str, Any] | None, words: list[Word]) -> dict[str, Any]:
    """The row after these words; what changed is told."""
    version, unwritten = (row["version"], row["unwritten"]) if row else (0, False)
    first = standing = from_row(row) if row else Standing()
    trusted = port.believed(scope.shop)
    for word in words:
        if unwritten and word.source != port.PROGRAMME:
            continue
        after, before = hear(standing, word, trusted=trusted)
        new = {name: None for name, one in after.values.items() if one is not None and name not in standing.values}
        if scope.shop.settings["loyalty"]["first_word_is_news"]:
            before = new | before
        if before or new:
            _tell(scope, person_id, word, after, before)
        source = port.chosen(scope.shop)
        if word.source == port.PROGRAMME and source is not None and source.writes and after != standing:
            version, unwritten = version + 1, True
            wishes.wish(scope, ENTITY, person_id, version)
        standing = after
    changed = {name for name in FIELDS if first.values.get(name) != standing.values.get(name)}
    if changed & _mapped(scope):
        touch(scope, person_id, emptied=any(standing.values[name] is None for name in changed))
    if row is not None and standing == first:
        return row
    key = {"shop_id": scope.shop_id, "person_id": person_id, "version": version, "unwritten": unwritten}
    return {**key, **as_columns(standing), "changed_at": scope.now if changed or row is None else row["changed_at"]}


def _mapped(scope: Scope) -> set[str]:
    return set(mapping.loyalty(mapping.of_shop(scope.shop)))


def _tell(scope: Scope, person_id: int, word: Word, after: Standing, before: Mapping[str, Any]) -> None:
    """The fact that somebody stands elsewhere now; the signals of flows are derived from it."""
    now = shown(after.values)
    props = {**word.besides, **now, "before": shown(before), "source": word.source}
    # By what it changed: of one moment there may be several.
    what = orjson.dumps([now, props["before"]], option=orjson.OPT_SORT_KEYS).decode()
    fact = eventlog.Fact(
        "loyalty_changed",
        f"loyalty:{person_id}:{word.at.isoformat()}:{what}",
        word.at,
        f"person:{person_id}",
        person_id,
        props=props,
        source="shopify" if word.source in (port.METAFIELDS, port.TAGS) else word.source,
    )
    eventlog.append(scope, [fact])
