"""The plan of what simulated shoppers do: who signs up, starts a checkout, leaves it, comes back, buys,
cancels. What is bought is sent a day later, and arrives two days after that.

The same settings give the same plan. Times lie on a ten-minute grid inside two windows of the shop's day, so
that a stepped clock has few stops.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.store.settings import ShopSettings, WorldSettings

GRID_SECONDS = 600
# Shoppers come on these first days. Where they are followed for so long, they come sooner, so that what begins with
# their last order and takes a quarter of a year is seen to its end.
ARRIVALS, LONG_DAYS, LONG_ARRIVALS = 29.0, 100, 10.0
# A visit begins inside these and lasts 40 minutes at most, so that all is done by 14:00 and 21:00.
WINDOWS = ((time(12, 0), time(13, 20)), (time(18, 0), time(20, 20)))
HOUR = 3600.0
DAY = 24 * HOUR

# Shares of shoppers. Buyers and abandoners may subscribe as well; the rest sign up and look around.
ABANDON = 0.40
BUY = 0.35
SUBSCRIBE = 0.33
RECOVER = 0.35
RETURN_TO_BUY = 0.20
CANCEL = 0.05
WITHDRAW = 0.12
NO_EMAIL = 0.05
# Of those who abandon: they have an account with a number, and agree to text messages.
TEXTS = 0.35
# What numbers begin with that regulators keep free for fiction: a French and a German one.
_NUMBERS = (("+336", 39_980_000), ("+49171", 3_920_000))

_FIRST_NAMES = (
    "Ada Bruno Chloé Dmitri Elif Farid Grace Hugo Inès Jonas Karin Léa Mateo Nora Oscar Paula Quentin Rosa "
    "Søren Tess Ugo Vera Wanda Xenia Yusuf Zoë"
).split()
_LAST_NAMES = (
    "Abbott Bérard Costa Dubois Eriksen Fischer García Hansen Ivanov Jensen Keller Laurent Moreau Novák "
    "O'Brien Peeters Quist Rossi Schmidt Tanaka Ulrich Vidal Weber Young Zimmer"
).split()


@dataclass(frozen=True, order=True)
class Planned:
    """One action at a business time; `place` keeps actions of one moment in the order they were planned."""

    at: float
    place: int
    shop: str
    action: str
    arguments: dict[str, Any]


def coming(days: float) -> float:
    """On how many of these first days shoppers come."""
    return LONG_ARRIVALS if days >= LONG_DAYS else min(ARRIVALS, max(0.0, days - 1))


def next_slot(after: float, zone: ZoneInfo) -> float:
    """The first moment of the grid at or after `after` (unix seconds) inside a window of the zone's day."""
    day = datetime.fromtimestamp(after, zone).date()
    while True:
        for opens, closes in WINDOWS:
            first = datetime.combine(day, opens, zone).timestamp()
            last = datetime.combine(day, closes, zone).timestamp()
            steps = max(0, -int((first - after) // GRID_SECONDS)) if after > first else 0
            slot = first + steps * GRID_SECONDS
            if slot <= last:
                return slot
        day += timedelta(days=1)


def plan(settings: WorldSettings, start: float) -> list[Planned]:
    """Every action from `start` for the settings' days, in order of time."""
    end = start + settings.days * DAY
    planned: list[Planned] = []
    for n in range(settings.shoppers):
        shop = settings.shops[n % len(settings.shops)]
        phone = _phone(n, Random(f"{settings.seed}:phone:{n}"))
        shopper = _Shopper(n, shop, start, settings.days, Random(f"{settings.seed}:shopper:{n}"), phone)
        for at, action, arguments in shopper.story():
            if at < end:
                planned.append(Planned(at, len(planned), shop.domain, action, arguments))
    return sorted(planned, key=lambda deed: (deed.at, deed.place))


def _phone(n: int, rng: Random) -> str | None:
    """The number of shopper `n`, None for most of them. By chance of its own: who has one does all else as before."""
    if rng.random() >= TEXTS:
        return None
    country, first = rng.choice(_NUMBERS)
    return f"{country}{first + n}"


class _Shopper:
    def __init__(
        self, n: int, shop: ShopSettings, start: float, days: int, rng: Random, phone: str | None = None
    ) -> None:
        """`phone`: who abandons a checkout agrees to text messages to it."""
        self._n = n
        self._phone = phone
        self._zone = ZoneInfo(shop.timezone)
        self._rng = rng
        self._arrival = start + rng.random() * coming(days) * DAY
        self._first_name = rng.choice(_FIRST_NAMES)
        self._last_name = rng.choice(_LAST_NAMES)
        self._email = self._address()
        self._checkouts = 0

    def story(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """What this shopper does, as (business time, action, arguments)."""
        rng = self._rng
        kind = rng.random()
        subscribes = rng.random() < SUBSCRIBE
        shops = kind < ABANDON + BUY
        now = self._slot(self._arrival)
        texted = {"phone": self._phone} if self._phone and kind < ABANDON else {}
        signs_up = (subscribes and rng.random() < 0.8) or not shops
        if signs_up or texted:
            yield now, "create_customer", self._person() | texted | {"accepts_marketing": signs_up and subscribes}
        if texted:
            yield now, "set_consent", {"email": self._email, "state": "subscribed", "channel": "sms"}
        if signs_up:
            if subscribes and rng.random() < WITHDRAW:
                later = self._slot(now + rng.uniform(1, 10) * DAY)
                yield later, "set_consent", {"email": self._email, "state": "unsubscribed"}
            now = self._slot(now + rng.choice((0, GRID_SECONDS, 3 * HOUR, 2 * DAY)))
        if not shops:
            return
        asks = subscribes and not signs_up
        if kind < ABANDON:
            yield from self._abandon(now, asks)
            if rng.random() < RETURN_TO_BUY:
                yield from self._buy(self._slot(now + rng.uniform(4, 9) * DAY), False)
        else:
            yield from self._buy(now, asks)
            if rng.random() < RETURN_TO_BUY:
                yield from self._buy(self._slot(now + rng.uniform(3, 12) * DAY), False)

    def _abandon(self, now: float, asks: bool) -> Iterator[tuple[float, str, dict[str, Any]]]:
        rng = self._rng
        label = self._label()
        anonymous = rng.random() < NO_EMAIL
        last = now
        for at, action, arguments in self._fill_in(now, label, asks, anonymous):
            last = at
            yield at, action, arguments
        if anonymous or rng.random() >= RECOVER:
            return
        back = self._slot(last + rng.uniform(2, 40) * HOUR)
        yield back, "open_recovery", {"checkout": label}
        yield from self._complete(self._slot(back + GRID_SECONDS), label)

    def _buy(self, now: float, asks: bool) -> Iterator[tuple[float, str, dict[str, Any]]]:
        label = self._label()
        last = now
        for at, action, arguments in self._fill_in(now, label, asks, False):
            last = at
            yield at, action, arguments
        yield from self._complete(last + GRID_SECONDS, label)

    def _fill_in(
        self, now: float, label: str, asks: bool, anonymous: bool
    ) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Start a checkout and edit it: who, then where, then perhaps what; some edits share a moment."""
        rng = self._rng
        yield now, "start_checkout", {"label": label, "items": self._basket()}
        if not anonymous:
            known: dict[str, Any] = {"checkout": label, "email": self._email}
            yield now, "update_checkout", known | ({"accepts_marketing": True} if asks else {})
            now += rng.choice((0, GRID_SECONDS))
            named = {"first_name": self._first_name, "last_name": self._last_name}
            yield now, "update_checkout", {"checkout": label} | named
        for _ in range(rng.choice((0, 1, 1, 2))):
            now += rng.choice((0, GRID_SECONDS))
            yield now, "update_checkout", {"checkout": label, "items": self._basket()}

    def _complete(self, now: float, label: str) -> Iterator[tuple[float, str, dict[str, Any]]]:
        yield now, "complete_checkout", {"checkout": label}
        if self._rng.random() < CANCEL:
            yield self._slot(now + self._rng.uniform(1, 24) * HOUR), "cancel_order", {"checkout": label}
        else:
            sent = self._slot(now + DAY)
            yield sent, "fulfil_order", {"checkout": label}
            yield self._slot(sent + 2 * DAY), "move_parcel", {"checkout": label, "status": "delivered"}

    def _slot(self, after: float) -> float:
        return next_slot(after, self._zone)

    def _label(self) -> str:
        self._checkouts += 1
        return f"shopper-{self._n}-{self._checkouts}"

    def _basket(self) -> list[dict[str, Any]]:
        places = self._rng.sample(range(1, 17), k=self._rng.choice((1, 1, 2, 3)))
        return [{"product": place, "quantity": self._rng.choice((1, 1, 1, 2))} for place in places]

    def _person(self) -> dict[str, Any]:
        return {"email": self._email, "first_name": self._first_name, "last_name": self._last_name}

    def _address(self) -> str:
        """An address of reserved domains; a few are of the kinds that a sender bounces or complains for."""
        plain = unicodedata.normalize("NFKD", f"{self._first_name}.{self._last_name}")
        local = "".join(c for c in plain.lower() if c.isascii() and (c.isalnum() or c == "."))
        prefix = {0: "bounce.", 1: "complain."}.get(self._rng.randrange(60), "")
        return f"{prefix}{local}.{self._n}@example.{self._rng.choice(('com', 'net', 'org'))}"
