"""Exchange rates: what the shop's currencies are worth in one another, by the merchant's own word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields, validate

from connector import paging
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.shops import Shop
from sync import currency
from sync.currency import ALWAYS, Rate

LONGEST_FILE, MOST_RATES = 200_000, 5_000
"""Characters and rates of one file."""
_CURRENCY = validate.Length(min=3, max=3)


class _Rate(Schema):
    # Three letters each, such as EUR: 1 of the first is so many of the second.
    currency = fields.String(required=True, validate=_CURRENCY)
    counted_in = fields.String(required=True, validate=_CURRENCY)
    rate = fields.Decimal(required=True, allow_nan=False, validate=validate.Range(min=0, max=10**9))
    # The first day on which it holds; without one, always.
    since = fields.Date(load_default=None, allow_none=True)


class _Set(_Rate):
    # Whether a rate of the same pair and day that is another gives way.
    replace = fields.Boolean(load_default=False)


class _Import(Schema):
    counted_in = fields.String(required=True, validate=_CURRENCY)
    # Lines of date,currency,rate, the first with these three words.
    text = fields.String(required=True, validate=validate.Length(1, LONGEST_FILE))
    replace = fields.Boolean(load_default=False)


SET_FIELDS, IMPORT_FIELDS, REMOVE_FIELDS = _Set(), _Import(), _Rate()


def read(deps: Deps, shop: Shop, after: str | None) -> Page[Rate]:
    """A page of the rates: those of a pair together, its newest first. Raises InvalidInput."""
    before = paging.after(after, str, str, int)
    with transaction(deps.engine) as connection:
        key = None if before is None else (before[0], before[1], _day(before[2]))
        found = currency.newest(connection, shop.id, SIZE + 1, key)
    return paging.page(found, lambda one: (one.currency, one.counted_in, one.since.toordinal()))


def _day(number: int) -> date:
    if not date.min.toordinal() <= number <= date.max.toordinal():
        raise InvalidInput("This page of the list cannot be found: begin again with its first page.")
    return date.fromordinal(number)


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = read(deps, shop, given["after"])
    rows = [
        {"currency": one.currency, "counted_in": one.counted_in, "rate": one.rate,
         "since": None if one.since == ALWAYS else one.since.isoformat()}
        for one in found.rows
    ]  # fmt: skip
    return {"rows": rows, "next": found.next}


def _set(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """``woken``: how many records that waited for a rate are told now."""
    woken = currency.keep(deps, shop, [_rate(given)], by=visitor.actor, replace=given["replace"])
    return {"kept": 1, "woken": woken}


def _import(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = currency.parsed(given["text"].splitlines(), given["counted_in"].upper())
    if not found:
        raise InvalidInput("There is no rate in it: a line for each day and currency, such as 2026-11-01,USD,0.92")
    if len(found) > MOST_RATES:
        raise InvalidInput(f"At most {MOST_RATES:,} rates are taken at once: bring the rest in a second file.")
    # The last word on a pair and a day: one statement cannot say two.
    once = list({(one.currency, one.since): one for one in found}.values())
    woken = currency.keep(deps, shop, once, by=visitor.actor, replace=given["replace"])
    return {"kept": len(once), "woken": woken}


def _remove(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    one = _rate(given)
    currency.forget(deps, shop, one, by=visitor.actor)
    return {"currency": one.currency, "counted_in": one.counted_in}


def _rate(given: Given) -> Rate:
    rate: Decimal = given["rate"]
    return Rate(given["currency"].upper(), given["counted_in"].upper(), given["since"] or ALWAYS, rate)


SET = Act("set_rate", "rates", "Say what one currency is worth in another.", _set, SET_FIELDS)
IMPORT = Act("import_rates", "rates/file", "Take many rates from the lines of a file.", _import, IMPORT_FIELDS)
REMOVE = Act("remove_rate", "rates/remove", "Leave a rate out from now on.", _remove, REMOVE_FIELDS)
ACTS = (SET, IMPORT, REMOVE)
VIEWS = (View("rates", "rates", "The exchange rates, the newest of a pair first.", _list, Paged()),)
