"""Bringing in a table of loyalty data. Interrupted and begun again it comes to the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO

from connector import audit
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.locks import NORMALISE, lock_shop
from connector.shops import Shop
from sync import outside
from sync.loyalty import keeping, port
from sync.loyalty.table import Member, Unread, read

AT_ONCE = 200
"""Lines in a transaction."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line that names nobody whom we know, and nothing by which somebody new could be made."""

    line: int
    why: str = "Nobody is known by this external_id or phone."


def bring(deps: Deps, shop: Shop, file: IO[bytes], *, by: str, news: bool = False) -> Iterator[int | Unread | Unknown]:
    """Keep what the table says: how many lines were taken at once, and each that was not, as it goes.

    Unless it is ``news`` nothing is started by it: people stand where the table says. ``by``: an actor of the audit
    log. Raises InvalidInput when the table cannot be understood, or the shop believes another source.
    """
    if port.FILE not in port.believed(shop):
        source = port.chosen(shop)
        chosen = f"believes its {source.name}" if source else "keeps no loyalty data"
        raise InvalidInput(f"{shop.domain} {chosen}: choose files as the source under Settings, Loyalty.")
    lines, now, taken = read(file), deps.clock.now(), 0
    try:
        while batch := list(islice(lines, AT_ONCE)):
            members = [one for one in batch if isinstance(one, Member)]
            yield from (one for one in batch if isinstance(one, Unread))
            unknown = _keep(deps, shop, members, now, news=news)
            yield from unknown
            taken += len(members) - len(unknown)
            yield len(members) - len(unknown)
    finally:
        if taken:
            _note(deps, shop, taken, by)


def _keep(deps: Deps, shop: Shop, members: list[Member], now: datetime, *, news: bool) -> list[Unknown]:
    unknown = []
    with deps.open(shop, quiet=not news) as scope:
        lock_shop(scope, NORMALISE)
        for one in members:
            person_id = outside.whose(scope, one.named)
            if person_id is None:
                unknown.append(Unknown(one.line))
                continue
            at = min(one.at or now, now)
            keeping.from_outside(scope, person_id, one.values, at, source=port.FILE)
    return unknown


def _note(deps: Deps, shop: Shop, taken: int, by: str) -> None:
    with deps.open(shop) as scope:
        audit.record(
            scope.connection,
            shop_id=shop.id,
            actor=by,
            act="loyalty.import",
            object_kind="loyalty",
            object_id=shop.id,
            detail={"lines": taken},
            now=scope.now,
        )
