"""What amounts are worth in the one currency in which a Brevo account shows all of them.

Brevo's orders and products carry no currency (its reference, POST /orders/status), so an amount in another one is
converted by the merchant's rate of its day, and the original goes with it. A rate is never guessed: without one a
record is held back, with words. The store tells amounts in the shop's own currency, whatever customers have paid in, so
only a shop that counts in another currency than its account (or did when an order was placed) needs rates.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, delete, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from connector import audit, shops
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.models.currency import currency_rates
from connector.scope import Scope
from connector.shops import Shop

ALWAYS = date(1, 1, 1)
"""The day since when a rate holds that was given without one."""
NO_RATE = "no rate"
"""How the reason of a record begins that waits for one."""
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Rate:
    """From the day ``since`` on, until the next rate, one unit of ``currency`` is ``rate`` of ``counted_in``."""

    currency: str
    counted_in: str
    since: date
    rate: Decimal


@dataclass(frozen=True)
class Exchange:
    """How amounts of one record are converted: each times ``rate``, from ``currency`` into ``counted_in``."""

    currency: str
    counted_in: str
    rate: Decimal

    def amount(self, amount: Any) -> float:
        """To the cent. Raises ArithmeticError for what is no amount."""
        return float((Decimal(str(amount)) * self.rate).quantize(_CENT))


class NoRate(LookupError):
    """The merchant has given no rate for this."""

    def __init__(self, currency: str, counted_in: str, day: date | None) -> None:
        when = f" on {day:%Y-%m-%d}" if day else ""
        super().__init__(f"{NO_RATE} of {currency} in {counted_in}{when}: give one under Settings, Exchange rates")


class Rates:
    """All rates of a shop."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._by_pair: dict[tuple[str, str], list[Rate]] = {}
        for one in sorted(rates, key=lambda one: one.since, reverse=True):
            self._by_pair.setdefault((one.currency, one.counted_in), []).append(one)

    @classmethod
    def read(cls, connection: Connection, shop_id: int) -> Rates:
        return cls(listed(connection, shop_id))

    def exchange(self, currency: str | None, counted_in: str | None, day: date | None) -> Exchange | None:
        """Of an amount of this ``day``, None: of now. None when there is nothing to convert, or one of the two
        currencies is not known. A rate serves both ways. Raises NoRate.
        """
        if currency is None or counted_in is None or currency == counted_in:
            return None
        if (rate := self._newest(currency, counted_in, day)) is not None:
            return Exchange(currency, counted_in, rate)
        if (rate := self._newest(counted_in, currency, day)) is not None:
            return Exchange(currency, counted_in, 1 / rate)
        raise NoRate(currency, counted_in, day)

    def _newest(self, currency: str, counted_in: str, day: date | None) -> Decimal | None:
        known = self._by_pair.get((currency, counted_in), ())
        return next((one.rate for one in known if day is None or one.since <= day), None)


def listed(connection: Connection, shop_id: int) -> list[Rate]:
    """The shop's rates, by pair, the newest first."""
    table = currency_rates.c
    query = select(table.currency, table.counted_in, table.since, table.rate).where(table.shop_id == shop_id)
    rows = connection.execute(query.order_by(table.currency, table.counted_in, table.since.desc()))
    return [Rate(*row) for row in rows]


def newest(connection: Connection, shop_id: int, most: int, before: Sequence[Any] | None = None) -> list[Rate]:
    """So many of the shop's rates, those of a pair together and its newest first. ``before``: (currency, counted_in,
    since) of the last that was read."""
    table = currency_rates.c
    key = (table.currency, table.counted_in, table.since)
    query = select(*key, table.rate).where(table.shop_id == shop_id)
    if before is not None:
        query = query.where(tuple_(*key) < tuple_(*(literal(value) for value in before)))
    rows = connection.execute(query.order_by(*(column.desc() for column in key)).limit(most))
    return [Rate(*row) for row in rows]


def keep(deps: Deps, shop: Shop, rates: Sequence[Rate], *, by: str, replace: bool = True) -> int:
    """Take these rates; a rate of the same pair and day is replaced. What was held back for want of one is told.

    Returns how many records that are. What Brevo has already stays as it is. ``by``: an actor of the audit log;
    ``replace``: whether a rate that is another gives way. Raises InvalidInput.
    """
    for one in rates:
        _check(one)
    with deps.open(shop, quiet=True) as scope:
        if not replace:
            # Who gives the same rate at once waits here.
            shops.hold(scope.connection, shop.id)
            _refuse_known(scope.connection, shop.id, rates)
        wanted = insert(currency_rates)
        scope.connection.execute(
            wanted.on_conflict_do_update(
                index_elements=["shop_id", "currency", "counted_in", "since"],
                set_={name: wanted.excluded[name] for name in ("rate", "set_by", "set_at")},
            ),
            [
                {
                    "shop_id": shop.id,
                    "currency": one.currency,
                    "counted_in": one.counted_in,
                    "since": one.since,
                    "rate": one.rate,
                    "set_by": by,
                    "set_at": scope.now,
                }
                for one in rates
            ],
        )
        pairs = sorted({f"{one.currency} {one.counted_in}" for one in rates})
        audit.record(
            scope.connection,
            shop_id=shop.id,
            actor=by,
            act="currency.set",
            object_kind="rates",
            object_id=", ".join(pairs),
            detail={"rates": len(rates)},
            now=scope.now,
        )
        return _wake(scope)


def forget(deps: Deps, shop: Shop, rate: Rate, *, by: str) -> None:
    """Leave this rate out from now on; what it was used for stays as it is. Raises LookupError when it is not there, or
    is another by now."""
    table = currency_rates.c
    pair = table.currency == rate.currency, table.counted_in == rate.counted_in
    gone = delete(currency_rates).where(
        table.shop_id == shop.id, *pair, table.since == rate.since, table.rate == rate.rate
    )
    with deps.open(shop, quiet=True) as scope:
        if scope.connection.execute(gone).rowcount == 0:
            raise LookupError("There is no such rate.")
        audit.record(
            scope.connection,
            shop_id=shop.id,
            actor=by,
            act="currency.remove",
            object_kind="rates",
            object_id=f"{rate.currency} {rate.counted_in}",
            now=scope.now,
        )


def _refuse_known(connection: Connection, shop_id: int, rates: Sequence[Rate]) -> None:
    table = currency_rates.c
    for one in rates:
        pair = table.currency == one.currency, table.counted_in == one.counted_in
        known = connection.scalar(select(table.rate).where(table.shop_id == shop_id, *pair, table.since == one.since))
        if known is not None and known != one.rate:
            since = "always" if one.since == ALWAYS else f"since {one.since:%Y-%m-%d}"
            raise InvalidInput(
                f"1 {one.currency} is {known.normalize():f} {one.counted_in} {since} already. To put yours in its"
                " place, say that it may be replaced."
            )


_WAKE = text(
    """
WITH held_back AS MATERIALIZED (
    SELECT entity, entity_id FROM sync_state
    WHERE shop_id = :shop_id AND state = 'failed' AND entity IN ('order', 'product') AND reason LIKE :reason
    ORDER BY entity, entity_id FOR UPDATE
)
UPDATE sync_state SET state = 'due', due_real = :machine, attempts = 0, reason = NULL FROM held_back
WHERE shop_id = :shop_id AND sync_state.entity = held_back.entity AND sync_state.entity_id = held_back.entity_id
"""
)


def _wake(scope: Scope) -> int:
    asked = {"shop_id": scope.shop_id, "machine": scope.machine, "reason": f"{NO_RATE}%"}
    scope.bells.update(("sync", "bulk"))
    return scope.connection.execute(_WAKE, asked).rowcount


def _check(one: Rate) -> None:
    for name in (one.currency, one.counted_in):
        if not (len(name) == 3 and name.isascii() and name.isalpha() and name.isupper()):
            raise InvalidInput(f"{name!r} is no currency: three capital letters, for example EUR.")
    if one.currency == one.counted_in:
        raise InvalidInput(f"{one.currency} in {one.counted_in} needs no rate.")
    if not (one.rate.is_finite() and Decimal("1e-9") <= one.rate <= Decimal("1e9")):
        raise InvalidInput(f"{one.rate} is no rate.")


def parsed(lines: Iterable[str], counted_in: str) -> list[Rate]:
    """Rates from a file with the columns date (YYYY-MM-DD), currency and rate: how much one unit is in ``counted_in``.

    Raises InvalidInput that names the line.
    """
    reader = csv.DictReader(lines)
    found = []
    try:
        if {"date", "currency", "rate"} <= set(reader.fieldnames or ()):
            found = [_read(row, counted_in) for row in reader]
        else:
            raise InvalidInput("the file begins with a line of its columns: date,currency,rate")
    except (csv.Error, InvalidInput) as error:
        raise InvalidInput(f"line {max(reader.line_num, 1)}: {error}") from error
    return found


def _read(row: Mapping[str, Any], counted_in: str) -> Rate:
    day, currency, rate = (str(row[name] or "").strip() for name in ("date", "currency", "rate"))
    try:
        one = Rate(currency, counted_in, date.fromisoformat(day), Decimal(rate))
    except InvalidOperation:
        raise InvalidInput(f"{rate[:40]!r} is no rate: write it such as 0.92") from None
    except ValueError:
        raise InvalidInput(f"{day[:40]!r} is no day: write it such as 2026-11-01") from None
    _check(one)
    return one


def day_of(at: datetime) -> date:
    """The day whose rate an order of this moment has: UTC's, as the store writes moments."""
    return at.date()
