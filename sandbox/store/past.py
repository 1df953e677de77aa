"""A big past of a shop: goods, customers and orders from before anybody looked, told to nobody.

The same shop, numbers and seed make the same records. Ids rise with time, as on the platform.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from random import Random
from typing import Any

from sandbox.store.past_goods import add_collections, add_products
from sandbox.store.past_people import add_customers
from sandbox.store.records import Address, Checkout, Customer, Fulfillment, Line, Order, Refund, Variant
from sandbox.store.shop import Shop

DAY = 86_400.0
# What a shopper saw and paid, and how much of it is one of the shop's currency; for a share of the orders.
_PRESENTED = (("USD", Decimal("1.08")), ("GBP", Decimal("0.85")), ("JPY", Decimal("158.4")), ("CHF", Decimal("0.96")))
_ABROAD = 0.08
_CARRIERS = ("La Poste", "DHL", "UPS")


@dataclass(frozen=True)
class Past:
    """How many of each, and over which business time (unix seconds)."""

    start: float
    end: float
    customers: int = 0
    orders: int = 0
    products: int = 0
    collections: int = 0
    abandoned_checkouts: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a past ends after it starts")
        if min(self.customers, self.orders, self.products, self.collections, self.abandoned_checkouts) < 0:
            raise ValueError("there are at least 0 of each")


def past_of(document: dict[str, Any], now: float) -> Past:
    """`from` and `to` default to two years up to now. Raises ValueError, TypeError."""
    given = dict(document)
    end = float(given.pop("to", now))
    start = float(given.pop("from", end - 730 * DAY))
    names = {field.name for field in fields(Past)} - {"start", "end"}
    if set(given) - names:
        raise ValueError(f"unknown names in a past: {', '.join(sorted(set(given) - names))}")
    return Past(start, end, **{name: int(value) for name, value in given.items()})


def add_past(shop: Shop, past: Past) -> None:
    """Make the records; whoever calls holds the shop's lock. Raises ValueError when there is nobody to buy."""
    rng = Random(f"{past.seed}:{shop.domain}:past")
    # Millions of objects that all stay: looking for cycles among them again and again would take most of the time.
    gc.disable()
    try:
        goods = add_products(shop, past.products, past.start, past.end, rng)
        add_collections(shop, past.collections, goods, past.start, past.end, rng)
        people = add_customers(shop, past.customers, past.start, past.end, rng)
        variants = [variant for one in goods or shop.products.values() for variant in one.variants]
        buyers = people or list(shop.customers.values())
        if past.orders and not (buyers and variants):
            raise ValueError("orders need customers and products")
        _add_orders(shop, past, buyers, variants, rng)
        _add_abandoned(shop, past, buyers, variants, rng)
    finally:
        gc.enable()
        gc.freeze()


def moments(count: int, start: float, end: float, rng: Random) -> Iterator[float]:
    """So many times between start and end, rising, with whole seconds."""
    step = (end - start) / max(1, count)
    for place in range(count):
        yield float(int(start + step * (place + rng.random())))


def _add_orders(shop: Shop, past: Past, buyers: list[Customer], variants: list[Variant], rng: Random) -> None:
    known = 0
    for place, at in enumerate(moments(past.orders, past.start, past.end, rng)):
        # Only who was there may buy, and some buy far more often than others.
        share = (place + 1) / past.orders
        known = max(1, int(len(buyers) * share))
        person = buyers[int(known * rng.random() ** 1.6)]
        if person.created_at > at:
            person.created_at = at
        _add_order(shop, past, at, person, variants, rng)


def _add_order(shop: Shop, past: Past, at: float, person: Customer, variants: list[Variant], rng: Random) -> None:
    number = shop.next_id("order", 0)
    luck = rng.random()
    through_checkout = rng.random() < 0.6
    order = Order(
        id=shop.id_of(6_000_000_000_000, number),
        number=1000 + number,
        token=shop.token_of("order", number),
        created_at=at,
        updated_at=float(int(min(past.end, at + rng.random() * 10 * DAY))),
        email=person.email or "",
        customer=person,
        lines=[
            Line(shop.next_id("order line", 15_000_000_000_000), rng.choice(variants), 1 + int(2.2 * rng.random() ** 2))
            for _ in range(1 + int(4 * rng.random() ** 1.4))
        ],
        address=person.address or _address(shop, person),
        locale=person.locale,
        checkout_token=shop.token_of("checkout", -number) if through_checkout else None,
        cart_token=shop.token_of("cart", -number) if through_checkout else None,
        accepts_marketing=person.consent.state == "subscribed",
        financial_status="paid",
    )
    if rng.random() < _ABROAD:
        order.presentment_currency, order.presentment_rate = rng.choice(_PRESENTED)
    if luck < 0.03:
        order.cancelled_at, order.cancel_reason, order.financial_status = order.updated_at, "customer", "refunded"
    elif luck < 0.06:
        order.financial_status = "pending"
    elif luck < 0.10:
        _give_back(shop, order)
    elif luck < 0.40:
        _send(shop, order)
    shop.orders[order.id] = order
    person.orders.append(order)
    person.address = person.address or order.address
    person.updated_at = max(person.updated_at, order.updated_at)


def _give_back(shop: Shop, order: Order) -> None:
    """The first line comes back whole."""
    line = order.lines[0]
    given = Refund(
        shop.next_id("refund", 4_000_000_000_000), order, order.updated_at, line.total, [(line, line.quantity)]
    )
    order.refunds = [given]
    order.given_back = {line.id: line.quantity}
    order.financial_status = "refunded" if order.refunded == order.subtotal else "partially_refunded"


def _send(shop: Shop, order: Order) -> None:
    number = f"TN{order.number}"
    order.fulfillments = [
        Fulfillment(
            id=shop.next_id("fulfillment", 5_000_000_000_000),
            order=order,
            place=1,
            created_at=order.updated_at,
            updated_at=order.updated_at,
            lines=[(line, line.quantity) for line in order.lines],
            tracking_number=number,
            tracking_company=_CARRIERS[order.number % len(_CARRIERS)],
            tracking_url=f"{shop.base_url}/tracking/{number}",
            shipment_status="delivered",
            delivered_at=order.updated_at,
        )
    ]


def _address(shop: Shop, person: Customer) -> Address:
    return shop.address(person.first_name or "", person.last_name or "")


def _add_abandoned(shop: Shop, past: Past, buyers: list[Customer], variants: list[Variant], rng: Random) -> None:
    """Checkouts that somebody with an email left, and never came back to."""
    reachable = [person for person in buyers if person.email is not None]
    if past.abandoned_checkouts and not (reachable and variants):
        raise ValueError("abandoned checkouts need customers and products")
    for at in moments(past.abandoned_checkouts, past.start, past.end, rng):
        number, person = shop.next_id("checkout", 0), rng.choice(reachable)
        token = shop.token_of("checkout", number)
        shop.checkouts[token] = Checkout(
            id=shop.id_of(30_000_000_000_000, number),
            token=token,
            cart_token=shop.token_of("cart", number),
            recovery_key=shop.token_of("recovery", number),
            created_at=at,
            updated_at=at,
            last_edit_at=at,
            lines=[
                Line(shop.next_id("line", 14_000_000_000_000), rng.choice(variants), 1)
                for _ in range(1 + int(3 * rng.random()))
            ],
            email=person.email,
            customer=person,
            address=person.address,
            locale=person.locale,
        )
