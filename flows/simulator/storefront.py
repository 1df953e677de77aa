"""Invented shoppers with a life in the store: who they are, when they come, what they look at, buy and send back, and
how they answer what they are sent.

All by the shares of ``Habits`` and by chance from the seed. They are plausible, and no shop's: whoever plans with what
comes of them puts in their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from flows.core.permission import Consent
from flows.core.rfm import MEASURES, Borders
from flows.simulator.dice import Dice
from flows.simulator.happening import Happening
from flows.simulator.life import Answers
from flows.simulator.record import Sent
from flows.simulator.shopper import Shopper
from flows.simulator.telling.told import LEVEL

NAMESPACE = UUID("a3f6b1de-64d1-5c5b-8a55-2b3c6a0c7a11")


@dataclass(frozen=True)
class Habits:
    """Shares of people, visits or messages; times in days, where nothing else is said.

    ``customers``: who had bought before. ``subscribers``: who had agreed to emails before; ``sign_ups``: of the others,
    who subscribe within the time. ``texts``: of the subscribers, who agreed to texts, too. ``nameless``: who gave no
    first name. ``visits_every``: between two visits of an average person. ``carts``: of visits; ``checkouts``: of
    carts; ``orders``: of checkouts at once; ``second_thoughts``: of the others, within some days. ``unpaid``: of
    orders, paid later or never. ``returns`` and ``reviews``: of delivered orders. ``opens``: of emails; ``by_proxy``:
    of opens, made by a mail program. ``clicks``: of messages that are read; ``orders_after_click``. ``opt_outs``,
    ``complaints`` and ``bounces``: of emails.
    """

    customers: float = 0.35
    subscribers: float = 0.4
    sign_ups: float = 0.5
    texts: float = 0.3
    nameless: float = 0.25
    visits_every: float = 12.0
    searches: float = 0.12
    carts: float = 0.16
    checkouts: float = 0.6
    orders: float = 0.35
    second_thoughts: float = 0.12
    unpaid: float = 0.05
    returns: float = 0.06
    reviews: float = 0.08
    opens: float = 0.4
    by_proxy: float = 0.3
    clicks: float = 0.12
    orders_after_click: float = 0.12
    opt_outs: float = 0.003
    complaints: float = 0.0002
    bounces: float = 0.002
    birthdays: float = 0.3


USUAL = Habits()

_NAMES = ("Ada", "Bela", "Carla", "Deniz", "Emma", "Farid", "Grete", "Hugo", "Ines", "Jonas", "Katya", "Liam")
_PLACES = (("GB", "Europe/London"), ("FR", "Europe/Paris"), ("DE", "Europe/Berlin"), ("US", "America/New_York"))
_CATEGORIES = ("Kitchen", "Bath", "Garden")
_WORDS = ("apron", "mug", "towel", "vase")
CATALOGUE: tuple[Mapping[str, Any], ...] = tuple(
    {
        "product_id": 100 + n,
        "variant_id": 1000 + n,
        "title": f"{_CATEGORIES[n % 3]} piece {n}",
        "variant_title": "",
        "sku": f"P-{n}",
        "price": f"{8 + 7 * n % 120}.00",
        "url": f"https://shop.example/products/{100 + n}",
        "image_url": f"https://cdn.shop.example/{100 + n}.jpg",
        "category": _CATEGORIES[n % 3],
    }
    for n in range(24)
)


def shoppers(people: int, seed: str, start: datetime, habits: Habits = USUAL) -> Iterator[Shopper]:
    """So many people as they are at ``start``; the same for the same seed, and the first ones are the same however many
    there are."""
    for n in range(1, people + 1):
        yield _person(n, f"{seed}:{n}", start, habits)


def _person(n: int, seed: str, start: datetime, habits: Habits) -> Shopper:
    dice = Dice(f"{seed}:person")
    country, timezone = dice.among(_PLACES)
    who = Shopper(n, str(uuid5(NAMESPACE, seed)), start - timedelta(days=dice.between(1, 400)))
    who.row |= {
        "email": f"shopper-{n}@mail.example",
        "first_name": None if dice.happens(habits.nameless) else dice.among(_NAMES),
        "country": country,
        "timezone": timezone if dice.happens(0.8) else None,
        "locale": {"FR": "fr", "DE": "de"}.get(country, "en"),
    }
    if dice.happens(habits.customers):
        count = 1 + int(dice.until_next(1.6))
        last = start - timedelta(days=dice.between(0, 180))
        who.row |= {
            "orders_count": count,
            "total_spent": Decimal(f"{count * dice.between(20, 110):.2f}"),
            "last_order_at": last,
            "first_order_at": last if count == 1 else last - timedelta(days=dice.between(20, 300)),
        }
        who.since = min(who.since, who.row["first_order_at"])
    if dice.happens(habits.subscribers):
        who.consents["email", "newsletter"] = Consent("subscribed", LEVEL, who.since)
        if dice.happens(habits.texts):
            who.row["phone"] = f"+4477009{n % 100_000:05d}"
            who.consents["sms", "sms"] = Consent("subscribed", LEVEL, who.since)
    else:
        who.consents["email", "newsletter"] = Consent("not_subscribed", None, who.since)
    return who


def drawn_borders(people: int, seed: str, start: datetime, habits: Habits = USUAL) -> Borders:
    """The borders between fifths of those of them who had bought before, as a night's pass would draw them."""
    rows = [who.row for who in shoppers(people, seed, start, habits) if who.row["orders_count"]]
    if len(rows) < 5:
        return Borders()
    fifths = {name: quantiles(sorted(row[name] for row in rows)) for name in MEASURES}
    return Borders(**fifths)


def quantiles(ordered: Sequence[Any]) -> list[Any]:
    """The four values between fifths, each one that is there."""
    return [ordered[-(-len(ordered) * n // 5) - 1] for n in (1, 2, 3, 4)]


def life(who: Shopper, seed: str, start: datetime, days: float, habits: Habits = USUAL) -> list[Happening]:
    """What this person does in the store within so many days, whatever they are sent. In no order."""
    dice = Dice(f"{seed}:{who.id}:life")
    found = list(_joining(who, dice, start, days, habits))
    # Some come often, most now and then.
    every = habits.visits_every * dice.among((0.3, 0.7, 1.0, 1.0, 1.5, 3.0))
    day = dice.until_next(every)
    while day < days:
        found += _visit(dice, start + timedelta(days=day), habits)
        day += 0.05 + dice.until_next(every)
    return found


def _joining(who: Shopper, dice: Dice, start: datetime, days: float, habits: Habits) -> Iterator[Happening]:
    subscribed = who.consents["email", "newsletter"].state == "subscribed"
    if not subscribed and dice.happens(habits.sign_ups):
        at = start + timedelta(days=dice.between(0, days))
        yield Happening(at, "newsletter_subscribed")
        if dice.happens(habits.texts):
            who.row["phone"] = f"+4477009{who.id % 100_000:05d}"
            yield Happening(at + timedelta(seconds=1), "consent_changed", {"channel": "sms"})
    if dice.happens(habits.birthdays):
        day = f"{1 + int(dice.between(0, 12)):02d}-{1 + int(dice.between(0, 28)):02d}"
        yield Happening(start, "birthday_told", {"birthday": day})


def _visit(dice: Dice, at: datetime, habits: Habits) -> Iterator[Happening]:
    yield Happening(at, "site_visited")
    seen: list[Mapping[str, Any]] = []
    for _ in range(1 + int(dice.between(0, 3))):
        at += timedelta(minutes=dice.between(0.5, 3))
        seen.append(dice.among(CATALOGUE))
        yield Happening(at, "product_viewed", {name: seen[-1][name] for name in _VIEWED})
    if dice.happens(habits.searches):
        at += timedelta(minutes=1)
        yield Happening(at, "searched", {"query": dice.among(_WORDS), "results": int(dice.between(0, 9))})
    if dice.happens(habits.carts):
        yield from _cart(dice, at + timedelta(minutes=1), seen, habits)


_VIEWED = ("product_id", "variant_id", "title", "url", "image_url", "price", "category")


def _cart(dice: Dice, at: datetime, seen: Sequence[Mapping[str, Any]], habits: Habits) -> Iterator[Happening]:
    wanted = seen[: 1 + int(dice.between(0, len(seen)))]
    items = [{**one, "quantity": 1 + dice.happens(0.15)} for one in wanted]
    yield Happening(at, "added_to_cart", {name: wanted[0][name] for name in _VIEWED})
    yield Happening(at, "cart_created", {"items": items})
    if not dice.happens(habits.checkouts):
        return
    at += timedelta(minutes=dice.between(1, 8))
    yield Happening(at, "checkout_started", {"items": items})
    if dice.happens(habits.orders):
        at += timedelta(minutes=dice.between(2, 15))
    elif dice.happens(habits.second_thoughts):
        at += timedelta(days=0.1 + dice.until_next(1.5))
    else:
        return
    yield from _order(dice, at, habits, checkout=True)


def _order(dice: Dice, at: datetime, habits: Habits, *, checkout: bool) -> Iterator[Happening]:
    """An order and what becomes of it. Whoever has left nothing behind buys something else."""
    one = dice.among(CATALOGUE)
    pending = dice.happens(habits.unpaid)
    # By its own number: whatever follows is about this one, whatever else is ordered meanwhile.
    number = int(dice.draw() * 10**12)
    props: dict[str, Any] = {} if checkout else {"items": [{**one, "quantity": 1}]}
    about = {"order_id": number}
    yield Happening(at, "order_placed", {**props, **about, **({"financial_status": "pending"} if pending else {})})
    if pending:
        if dice.happens(0.3):
            return
        at += timedelta(days=dice.between(0.2, 4))
    yield Happening(at + timedelta(minutes=1), "order_paid", about)
    at += timedelta(days=dice.between(0.5, 2))
    yield Happening(at, "order_shipped", about)
    at += timedelta(days=dice.between(1, 5))
    yield Happening(at, "order_delivered", about)
    if dice.happens(habits.returns):
        yield Happening(at + timedelta(days=dice.between(2, 14)), "order_returned", about)
    elif dice.happens(habits.reviews):
        told = {"rating": dice.among((5, 5, 5, 4, 4, 3, 1)), "product_id": one["product_id"]}
        yield Happening(at + timedelta(days=dice.between(5, 30)), "review_submitted", told)


def answering(who: Shopper, seed: str, habits: Habits = USUAL) -> Answers:
    """How this person answers what they are sent."""
    dice = Dice(f"{seed}:{who.id}:answers")

    def answers(sent: Sent) -> Sequence[Happening]:
        return list(_answer(dice, sent, habits))

    return answers


def _answer(dice: Dice, sent: Sent, habits: Habits) -> Iterator[Happening]:
    about = {"channel": sent.channel, "flow": sent.flow, "message": sent.message}
    if dice.happens(habits.bounces):
        yield Happening(sent.at + timedelta(minutes=1), "message_bounced", about)
        return
    yield Happening(sent.at + timedelta(minutes=1), "message_delivered", about)
    is_read = dice.happens(habits.opens)
    at = sent.at + timedelta(minutes=5) + timedelta(days=dice.until_next(0.25))
    if not is_read:
        return
    if sent.channel == "email":
        yield Happening(at, "message_opened_by_proxy" if dice.happens(habits.by_proxy) else "message_opened", about)
    if dice.happens(habits.complaints / habits.opens):
        yield Happening(at + timedelta(minutes=1), "message_complained", about)
    elif dice.happens(habits.opt_outs / habits.opens):
        yield Happening(at + timedelta(minutes=1), "unsubscribed", {"channel": sent.channel})
    elif dice.happens(habits.clicks):
        at += timedelta(minutes=1)
        yield Happening(at, "message_clicked", about)
        yield Happening(at + timedelta(seconds=10), "site_visited")
        if dice.happens(habits.orders_after_click):
            yield from _order(dice, at + timedelta(minutes=dice.between(3, 30)), habits, checkout=False)
