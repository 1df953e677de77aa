"""The filters that messages have beyond plain Liquid: money, dates and links."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from liquid import RenderContext, Undefined
from liquid.filter import with_context
from liquid.stringify import to_liquid_string

from flows.content import wording
from flows.content.problems import ContentProblem

LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_CURRENCY = re.compile(r"[A-Z]{3}")
_DATE_STYLES = ("short", "medium", "long", "full")
# No address holds these; a browser would drop some of them silently and read "java\tscript:" as a scheme.
_NEVER_IN_LINKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029<>\"\\^`|]")
_IN_LINKS = {"{": "%7B", "}": "%7D", "'": "%27"}
_BRACES_IN_LINKS = str.maketrans(_IN_LINKS)


@with_context
def money(amount: object, currency: object = None, *, context: RenderContext) -> str:
    """``{{ item.price | money }}``: the amount in the cart's or shop's currency, as the person's locale writes it.

    ``amount`` is a decimal number or its text ("19.90"), never cents.
    """
    if amount is None:
        raise ContentProblem("missing_value", "An amount of money is missing.")
    code = currency or _first(context, ("checkout", "currency"), ("event", "currency"), ("shop", "currency"))
    value = _decimal(amount, "an amount of money")
    if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
        raise ContentProblem("missing_value", "An amount of money needs a currency, and none is known.")
    return _money(value, code, _locale_name(context))


@with_context
def localised_date(moment: object, style: object = "long", *, context: RenderContext) -> str:
    """``{{ event.occurred_at | date }}``: the day in the shop's time zone. Styles: short, medium, long, full.

    ``moment`` is a date, an aware datetime, or the ISO text of either.
    """
    if style not in _DATE_STYLES:
        raise ContentProblem("bad_value", f"A date is written {', '.join(_DATE_STYLES)}, not {str(style)[:40]!r}.")
    if moment is None or moment == "":
        raise ContentProblem("missing_value", "A date is missing.")
    day = _day(moment, _first(context, ("shop", "timezone")))
    return format_date(day, format=str(style), locale=_locale(_locale_name(context)))


@with_context
def number(value: object, *, context: RenderContext) -> str:
    """``{{ loyalty.points | number }}``: 1240 as the person's locale writes it, such as 1,240."""
    return format_decimal(_decimal(value, "a number"), locale=_locale(_locale_name(context)))


@with_context
def phrase(name: object, *values: object, context: RenderContext) -> str:
    """``{{ "quantity" | phrase: item.quantity }}``: words of blocks and layouts, in the language of the message."""
    if any(value is None or isinstance(value, Undefined) for value in values):
        raise ContentProblem("missing_value", f"What {str(name)[:40]!r} tells is missing.")
    said = [to_liquid_string(value, autoescape=False) for value in values]
    language = _first(context, ("message", "locale")) or wording.FALLBACK
    try:
        return wording.say(str(name), str(language), said, count=values[0] if values else None)
    except (KeyError, ValueError):
        raise ContentProblem("bad_value", f"There are no words {str(name)[:40]!r} with these values.") from None


def stars(rating: object) -> str:
    """``{{ review.rating | stars }}``: of five, the whole ones filled."""
    full = max(0, min(5, round(_decimal(rating, "a rating"))))
    return "\u2605" * full + "\u2606" * (5 - full)


def with_query(address: object, name: object, value: object) -> str:
    """``{{ url | with_query: "rating", 5 }}``: the address with one more parameter."""
    parts = urlsplit(link(address))
    asked = [*parse_qsl(parts.query, keep_blank_values=True), (str(name), str(value))]
    return urlunsplit(parts._replace(query=urlencode(asked)))


def link(address: object) -> str:
    """An address that may stand behind a click. Raises ContentProblem ``unsafe_link`` for ``javascript:`` and such."""
    if address is None:
        raise ContentProblem("missing_value", "The address of a link is missing.")
    usable = optional_link(address)
    if usable is None:
        raise ContentProblem("unsafe_link", f"{str(address)[:80]!r} is not a web address, so nothing links to it.")
    return usable


def optional_link(address: object) -> str | None:
    """The same for addresses that a block can do without, such as a product's picture: nothing when unusable."""
    return _usable(address.strip()) if isinstance(address, str) and len(address) <= 4_000 else None


# Shops link to the same pages and pictures in every message.
@lru_cache(maxsize=4096)
def _usable(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme.lower() not in LINK_SCHEMES or _NEVER_IN_LINKS.search(address):
        return None
    if parts.scheme.lower() in ("http", "https") and not parts.hostname:
        return None
    # Braces are no part of an address, and percent-encoded they mean nothing to Brevo either.
    return address.translate(_BRACES_IN_LINKS)


def _decimal(value: object, what: str) -> Decimal:
    if value is None or value == "":
        raise ContentProblem("missing_value", f"{what[0].upper()}{what[1:]} is missing.")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ContentProblem("bad_value", f"{str(value)[:40]!r} is not {what}.") from None
    if not found.is_finite() or abs(found.adjusted()) > 18:
        raise ContentProblem("bad_value", f"{str(value)[:40]!r} is not {what}.")
    return found


def _first(context: RenderContext, *paths: tuple[str, str]) -> object:
    for path in paths:
        value = context.get(list(path), token=None, default=None)
        if value:
            return value
    return None


def _locale_name(context: RenderContext) -> str:
    return str(_first(context, ("person", "locale"), ("shop", "locale")) or "en")


@lru_cache(maxsize=256)
def _locale(name: str) -> Locale:
    # A tag that nobody knows is no reason to keep a message back: the language alone, then English.
    for candidate in (name, re.split(r"[-_]", name)[0]):
        try:
            return Locale.parse(candidate.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


@lru_cache(maxsize=4096)
def _money(amount: Decimal, currency: str, locale: str) -> str:
    return format_currency(amount, currency, locale=_locale(locale))


def _day(moment: object, zone: object) -> date:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ContentProblem("bad_value", f"{str(moment)[:40]!r} is not a date.") from None
    if isinstance(moment, datetime):
        if moment.tzinfo is None or not isinstance(zone, str):
            return moment.date()
        try:
            return moment.astimezone(ZoneInfo(zone)).date()
        except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
            return moment.date()
    if isinstance(moment, date):
        return moment
    raise ContentProblem("bad_value", f"{str(moment)[:40]!r} is not a date.")
