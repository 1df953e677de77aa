"""Contacts that are told again though nothing was heard of them: everybody when the mapping was changed, and once a
night those whose values the new day changes.

At night the borders between fifths of the customers (RFM) are drawn anew; who is in another fifth by them is told
again, and with ``days_since`` in the mapping everybody is. They are also drawn for flows that ask for the fifth
(``flows.core.rfm``), of which nobody is told. A pass goes through the shop's people by id, a slice in a
transaction, in a quiet scope: it starts nothing, goes in bulk, and waits behind what is news. One that is interrupted
goes on where it was. A shop whose mapping and flows have nothing of the kind has no night.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, RowMapping, text

from connector import counts
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.core import rfm
from flows.core.rfm import MEASURES, Borders
from sync.mapping import contact as mapping
from sync.profile_sources import counts_days
from sync.profile_values import VALUES
from sync.profiles import touch

SLICE = 200
# How long a slice may take. Machine time.
_DONE_WITHIN = timedelta(seconds=25)


def ask(scope: Scope) -> None:
    """Have everybody told again by the mapping that is in the scope's shop now; the day begins at once."""
    nightly = _is_nightly(scope, mapping.of_shop(scope.shop))
    given = {"shop_id": scope.shop_id, "now": scope.now, "day": _day(scope.shop, scope.now) if nightly else None}
    scope.connection.execute(_ASK, given)
    scope.bells.add("profiles")


# Whoever has a lease has a pass that is not this one: it finds out, and does nothing.
_ASK = text(
    """
INSERT INTO profile_passes (shop_id, due_at, day, everybody) VALUES (:shop_id, :now, :day, true)
ON CONFLICT (shop_id) DO UPDATE SET
    due_at = :now, day = :day, everybody = true, cursor = NULL, lease_real = NULL
"""
)


def count(connection: Connection, shop: Shop) -> int:
    """How many contacts of this shop Brevo has, each of which would be told again; counted up to one more than
    ``counts.MOST``."""
    return int(connection.scalar(_COUNT, {"shop_id": shop.id}) or 0)


_COUNT = text(
    "SELECT count(*) FROM (SELECT 1 FROM sync_state JOIN persons ON persons.shop_id = sync_state.shop_id"  # noqa: S608
    " AND persons.id = sync_state.entity_id AND persons.email IS NOT NULL AND persons.erased_at IS NULL"
    " AND persons.merged_into IS NULL"
    " WHERE sync_state.shop_id = :shop_id AND sync_state.entity = 'contact' AND sync_state.sent_version > 0"
    f" LIMIT {counts.MOST + 1}) AS found"
)


def pass_due(deps: Deps, shop: Shop) -> Batch:
    """One slice of the pass that is due."""
    machine = deps.clock.machine()
    given = {"shop_id": shop.id, "now": deps.clock.now(), "machine": machine, "lease": machine + _DONE_WITHIN}
    with autocommitted(deps.engine) as connection:
        held = connection.execute(_CLAIM, given).mappings().first()
    if held is None:
        return NOTHING
    if held["cursor"] is None:
        with deps.open(shop, quiet=True) as scope:
            return Batch(1, _begin(scope, held))
    with deps.open(shop, quiet=True) as scope:
        # Each of them takes its person's lock.
        lock_shop(scope, NORMALISE)
        return _slice(scope, held)


_CLAIM = text(
    "UPDATE profile_passes SET lease_real = :lease WHERE shop_id = :shop_id AND due_at <= :now"
    " AND (lease_real IS NULL OR lease_real < :machine) RETURNING *"
)
_STILL_HELD = text(
    "SELECT shop_id FROM profile_passes WHERE shop_id = :shop_id AND lease_real = :lease_real FOR UPDATE"
)


def _begin(scope: Scope, held: RowMapping) -> bool:
    """Begin the shop's day; whether anybody is to be looked at."""
    named = mapping.of_shop(scope.shop)
    if scope.connection.execute(_STILL_HELD, dict(held)).first() is None:
        return False
    everybody = held["everybody"] or counts_days(named)
    ranked, nightly = _ranks(named), _is_nightly(scope, named)
    given = {
        "shop_id": scope.shop_id,
        "day": _day(scope.shop, scope.now) if nightly else None,
        "borders": _json(_drawn(scope) if ranked or _asked_by_flows(scope) else None),
        "before": _json(held["borders"]),
        "everybody": everybody,
        "goes": everybody or ranked,
        "due_at": scope.now if everybody or ranked else _tomorrow(scope) if nightly else None,
    }
    scope.connection.execute(_BEGIN, given)
    return bool(given["goes"])


_BEGIN = text(
    """
UPDATE profile_passes SET day = :day, borders = CAST(:borders AS jsonb), borders_before = CAST(:before AS jsonb),
    everybody = :everybody, cursor = CASE WHEN :goes THEN 0 END, due_at = :due_at, lease_real = NULL
WHERE shop_id = :shop_id
"""
)


def _drawn(scope: Scope) -> dict[str, list[Any]] | None:
    """The borders between fifths of those who have bought; None while nobody has."""
    row = scope.connection.execute(_DRAWN, {"shop_id": scope.shop_id}).mappings().one()
    return (
        None
        if row["orders_count"] is None
        else {
            "last_order_at": [at.isoformat() for at in row["last_order_at"]],
            "orders_count": list(row["orders_count"]),
            "total_spent": [str(amount) for amount in row["total_spent"]],
        }
    )


_FIFTHS = "percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY {0}) AS {0}"
_DRAWN = text(
    f"SELECT {', '.join(_FIFTHS.format(measure) for measure in MEASURES)} FROM persons"  # noqa: S608
    " WHERE shop_id = :shop_id AND orders_count > 0 AND last_order_at IS NOT NULL AND erased_at IS NULL"
    " AND merged_into IS NULL"
)


def _slice(scope: Scope, held: RowMapping) -> Batch:
    if scope.connection.execute(_STILL_HELD, dict(held)).first() is None:
        return NOTHING
    asked = {"shop_id": scope.shop_id, "cursor": held["cursor"], "most": SLICE}
    rows = [dict(row) for row in scope.connection.execute(_PEOPLE, asked).mappings()]
    new, old = Borders.of(held["borders"]), Borders.of(held["borders_before"])
    told = [
        row["id"] for row in rows if row["known"] and (held["everybody"] or rfm.score(row, new) != rfm.score(row, old))
    ]
    lock_persons(scope, told)
    for person_id in told:
        touch(scope, person_id)
    if len(rows) == SLICE:
        scope.connection.execute(_GO_ON, {"shop_id": scope.shop_id, "cursor": rows[-1]["id"]})
        return Batch(len(rows), True)
    tomorrow = _tomorrow(scope) if _is_nightly(scope, mapping.of_shop(scope.shop)) else None
    scope.connection.execute(_END, {"shop_id": scope.shop_id, "due_at": tomorrow})
    return Batch(len(rows), False)


# Whom Brevo does not have yet is told of them by the mapping as it is anyway.
_PEOPLE = text(
    """
SELECT id, last_order_at, orders_count, total_spent, email IS NOT NULL AND EXISTS (
    SELECT FROM sync_state WHERE sync_state.shop_id = persons.shop_id AND sync_state.entity = 'contact'
        AND sync_state.entity_id = persons.id AND sync_state.sent_version > 0
) AS known
FROM persons WHERE shop_id = :shop_id AND id > :cursor AND erased_at IS NULL AND merged_into IS NULL
ORDER BY id LIMIT :most
"""
)
_GO_ON = text("UPDATE profile_passes SET cursor = :cursor, lease_real = NULL WHERE shop_id = :shop_id")
_END = text(
    "UPDATE profile_passes SET cursor = NULL, everybody = false, due_at = :due_at, lease_real = NULL"
    " WHERE shop_id = :shop_id"
)


def _is_nightly(scope: Scope, named: tuple[mapping.Attribute, ...]) -> bool:
    return counts_days(named) or _ranks(named) or _asked_by_flows(scope)


def _asked_by_flows(scope: Scope) -> bool:
    return bool(scope.connection.scalar(_ASKED_BY_FLOWS, {"shop_id": scope.shop_id}))


# Named segments may ask for it, too. A flow that was archived lets nobody in, and those inside it may go on for long.
_ASKED_BY_FLOWS = text(
    """
SELECT EXISTS (
    SELECT FROM flows JOIN flow_versions USING (shop_id, flow, version)
    WHERE flows.shop_id = :shop_id AND definition::text ~ '"(rfm|segment)[.]'
)
"""
)


def _ranks(named: tuple[mapping.Attribute, ...]) -> bool:
    return any(VALUES[name].needs == "borders" for name in mapping.computed_sources(named))


def _day(shop: Shop, now: datetime) -> date:
    return now.astimezone(ZoneInfo(shop.timezone)).date()


def _tomorrow(scope: Scope) -> datetime:
    """When the shop's next day begins."""
    zone = ZoneInfo(scope.shop.timezone)
    return datetime.combine(_day(scope.shop, scope.now) + timedelta(days=1), time(), zone)


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
