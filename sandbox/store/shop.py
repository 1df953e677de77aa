"""One shop: its records and the few things that can happen to them. No HTTP, no webhooks, no clock."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from sandbox.store.apps import DEFAULT_CLIENT_ID, App
from sandbox.store.bulk.operation import Operation
from sandbox.store.catalogue import stock
from sandbox.store.discounts import Discounts
from sandbox.store.installation import Installation
from sandbox.store.records import (
    Address,
    Cart,
    Checkout,
    Collection,
    Customer,
    Line,
    Order,
    Product,
    Return,
    Segment,
    Subscription,
    Variant,
)
from sandbox.store.settings import ShopSettings

# A checkout left alone longer than this counts as abandoned in the store's own list of abandoned checkouts.
ABANDONED_AFTER_SECONDS = 600


class Unknown(LookupError):
    """No such record in this shop."""


class Shop:
    """Records by id, and by token for checkouts. `lock` guards them all; whoever reads or writes holds it."""

    def __init__(self, settings: ShopSettings, number: int, seed: int, base_url: str, opened_at: float) -> None:
        self.settings = settings
        self.number = number
        self.base_url = base_url
        self.opened_at = opened_at
        self.zone = ZoneInfo(settings.timezone)
        self.id = 60_000_000_000 + number
        self.lock = threading.RLock()
        self.products: dict[int, Product] = {}
        self.customers: dict[int, Customer] = {}
        self.checkouts: dict[str, Checkout] = {}
        self.orders: dict[int, Order] = {}
        self.carts: dict[str, Cart] = {}
        self.collections: dict[int, Collection] = {}
        self.returns: dict[int, Return] = {}
        self.segments: dict[int, Segment] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self.bulk_operations: dict[int, Operation] = {}
        self.discounts = Discounts()
        # Whether the user who installed the app may see abandoned checkouts: a permission of staff, not a scope.
        self.abandoned_checkouts_allowed = True
        # Whether the app was approved for data that names a person.
        self.protected_data_allowed = True
        self.installation = Installation(settings.domain, seed, App(DEFAULT_CLIENT_ID, settings.secret))
        # A plan of shoppers speaks of checkouts before they have a token.
        self.labels: dict[str, str] = {}
        self._variants: dict[int, Variant] = {}
        self._seed = seed
        self._counters: dict[str, int] = {}
        for product in stock(number, base_url, opened_at, Random(f"{seed}:{settings.domain}:goods")):
            self.products[product.id] = product

    @property
    def domain(self) -> str:
        return self.settings.domain

    @property
    def location_id(self) -> int:
        """Its one location."""
        return 70_000_000_000 + self.number

    def install(self, app: App, scopes: Iterable[str]) -> None:
        """Install an app, or install it again: then what it had subscribed to by itself is gone."""
        if not self.installation.present:
            self.subscriptions = {n: one for n, one in self.subscriptions.items() if one.origin != "admin_api"}
        self.installation.add(app, scopes)

    # Finding

    def customer_by_email(self, email: str) -> Customer | None:
        wanted = email.lower()
        return next((c for c in self.customers.values() if c.email is not None and c.email.lower() == wanted), None)

    def checkout(self, token_or_label: str) -> Checkout:
        token = self.labels.get(token_or_label, token_or_label)
        if token not in self.checkouts:
            raise Unknown(f"no checkout {token_or_label!r}")
        return self.checkouts[token]

    def cart(self, token: str) -> Cart:
        if token not in self.carts:
            raise Unknown(f"no cart {token!r}")
        return self.carts[token]

    def order_of(self, checkout: Checkout) -> Order:
        for order in self.orders.values():
            if order.checkout_token == checkout.token:
                return order
        raise Unknown(f"no order of checkout {checkout.token!r}")

    def variant(self, variant_id: int) -> Variant:
        found = self.find_variant(variant_id)
        if found is None:
            raise Unknown(f"no variant {variant_id}")
        return found

    def find_variant(self, variant_id: int) -> Variant | None:
        """Remembered, for a big shop is asked for hundreds at a time; what is remembered may be gone meanwhile."""
        found = self._variants.get(variant_id)
        if found is None:
            self._variants = {one.id: one for one in self.variants()}
            found = self._variants.get(variant_id)
        return found if found is not None and found.product.id in self.products else None

    def variants(self) -> list[Variant]:
        return [variant for product in self.products.values() for variant in product.variants]

    # Happening

    def populate(self, now: float, count: int) -> None:
        """Customers that were there before anything happened: the same for the same seed, domain and number."""
        name = self.domain.partition(".")[0]
        for place in range(1, count + 1):
            self.sign_up(now, f"customer-{place}@{name}.example", "Robin", f"Buyer {place}")

    def sign_up(
        self, now: float, email: str | None, first_name: str | None, last_name: str | None, locale: str | None = None
    ) -> Customer:
        customer = Customer(
            id=self._next("customer", 7_000_000_000_000),
            email=email,
            first_name=first_name,
            last_name=last_name,
            locale=locale or self.settings.locale,
            created_at=now,
            updated_at=now,
        )
        self.customers[customer.id] = customer
        return customer

    def start_cart(self, now: float, lines: list[tuple[Variant, int]]) -> Cart:
        cart = Cart(self.token_of("basket", self._next("basket", 0)), now, now, self._lines(lines))
        self.carts[cart.token] = cart
        return cart

    def edit_cart(self, now: float, cart: Cart, lines: list[tuple[Variant, int]]) -> None:
        cart.lines = self._lines(lines)
        cart.updated_at = now

    def start_checkout(
        self,
        now: float,
        lines: list[tuple[Variant, int]],
        email: str | None,
        label: str | None = None,
        cart_token: str | None = None,
    ) -> Checkout:
        place = self._next("checkout", 0)
        checkout = Checkout(
            id=self.id_of(30_000_000_000_000, place),
            token=self.token_of("checkout", place),
            cart_token=cart_token or self.token_of("cart", place),
            recovery_key=self.token_of("recovery", place),
            created_at=now,
            updated_at=now,
            last_edit_at=now,
            lines=self._lines(lines),
            email=email,
            customer=self.customer_by_email(email) if email else None,
            locale=self.settings.locale,
        )
        self.checkouts[checkout.token] = checkout
        if label:
            self.labels[label] = checkout.token
        return checkout

    def edit_checkout(
        self,
        now: float,
        checkout: Checkout,
        *,
        lines: list[tuple[Variant, int]] | None = None,
        email: str | None = None,
        name: tuple[str, str] | None = None,
        accepts_marketing: bool | None = None,
    ) -> None:
        """Change what is given. A name brings an address with it, as when the shipping form is filled in."""
        if checkout.completed_at is not None:
            raise ValueError(f"checkout {checkout.token} is completed")
        if lines is not None:
            checkout.lines = self._lines(lines)
        if email is not None:
            checkout.email = email
            checkout.customer = self.customer_by_email(email)
        if name is not None:
            checkout.address = self.address(*name)
        if accepts_marketing is not None:
            checkout.accepts_marketing = accepts_marketing
        checkout.updated_at = checkout.last_edit_at = now

    def delete_checkout(self, checkout: Checkout) -> None:
        if checkout.completed_at is not None:
            raise ValueError(f"checkout {checkout.token} is completed")
        del self.checkouts[checkout.token]

    def complete_checkout(self, now: float, checkout: Checkout, customer: Customer, code: str | None = None) -> Order:
        """Turn a checkout with an email into a paid order of `customer`, less what a discount code takes off."""
        if checkout.completed_at is not None:
            raise ValueError(f"checkout {checkout.token} is completed")
        off = self.discounts.redeem(code, customer.id, checkout.subtotal, now) if code else Decimal(0)
        checkout.customer = customer
        checkout.completed_at = checkout.updated_at = now
        if checkout.address is None:
            checkout.address = self.address(customer.first_name or "", customer.last_name or "")
        sale = self._place_order(now, customer, checkout.lines, checkout.address, checkout)
        sale.discount_code, sale.discount = code, off
        return sale

    def place_order(
        self, now: float, customer: Customer, lines: list[tuple[Variant, int]], code: str | None = None
    ) -> Order:
        """An order that no checkout webhook announced, as a quick-pay button makes it."""
        bought = self._lines(lines)
        total = sum((line.total for line in bought), Decimal(0))
        off = self.discounts.redeem(code, customer.id, total, now) if code else Decimal(0)
        address = customer.address or self.address(customer.first_name or "", customer.last_name or "")
        sale = self._place_order(now, customer, bought, address, None)
        sale.discount_code, sale.discount = code, off
        return sale

    def cancel_order(self, now: float, order: Order, reason: str) -> None:
        if order.cancelled_at is not None:
            raise ValueError(f"order {order.id} is cancelled")
        order.cancelled_at = order.updated_at = now
        order.cancel_reason = reason
        order.financial_status = "refunded"

    def address(self, first_name: str, last_name: str) -> Address:
        place = self._next("address", 0)
        return Address(
            id=self.id_of(9_000_000_000_000, place),
            first_name=first_name,
            last_name=last_name,
            address1=f"{place % 180 + 1} Harbour Street",
            city="Lyon" if self.settings.country_code == "FR" else "Springfield",
            zip="69002",
            country=self.settings.country,
            country_code=self.settings.country_code,
        )

    def is_abandoned(self, checkout: Checkout, now: float) -> bool:
        """Whether the store lists it: with contact details, and left alone for ten minutes."""
        if not (checkout.email or checkout.phone):
            return False
        until = now if checkout.completed_at is None else checkout.completed_at
        return until - checkout.last_edit_at > ABANDONED_AFTER_SECONDS

    def recovery_url(self, checkout: Checkout) -> str:
        return f"{self.base_url}/checkouts/{checkout.token}/recover?key={checkout.recovery_key}"

    def offset(self, now: float) -> str:
        """The zone's offset at `now`, such as +0100."""
        return datetime.fromtimestamp(now, self.zone).strftime("%z")

    def spent(self, customer: Customer) -> Decimal:
        return sum((o.subtotal - o.refunded for o in customer.orders), Decimal(0))

    # Making

    def _place_order(
        self, now: float, customer: Customer, lines: list[Line], address: Address, checkout: Checkout | None
    ) -> Order:
        place = self._next("order", 0)
        order = Order(
            id=self.id_of(6_000_000_000_000, place),
            number=1000 + place,
            token=self.token_of("order", place),
            created_at=now,
            updated_at=now,
            email=(checkout.email if checkout else None) or customer.email or "",
            customer=customer,
            lines=[replace(line, id=self._next("order line", 15_000_000_000_000)) for line in lines],
            address=address,
            locale=customer.locale,
            checkout_token=checkout.token if checkout else None,
            cart_token=checkout.cart_token if checkout else None,
            accepts_marketing=checkout.accepts_marketing if checkout else False,
            financial_status="paid",
        )
        self.orders[order.id] = order
        customer.orders.append(order)
        customer.address = customer.address or address
        customer.updated_at = now
        return order

    def _lines(self, lines: Iterable[tuple[Variant, int]]) -> list[Line]:
        return [Line(self._next("line", 14_000_000_000_000), variant, quantity) for variant, quantity in lines]

    def _next(self, kind: str, base: int) -> int:
        self._counters[kind] = self._counters.get(kind, 0) + 1
        return self.id_of(base, self._counters[kind]) if base else self._counters[kind]

    def next_id(self, kind: str, base: int) -> int:
        """The next number of a kind of record, above `base`."""
        return self._next(kind, base)

    def next_subscription_id(self) -> int:
        return self._next("subscription", 1_900_000_000_000)

    def id_of(self, base: int, place: int) -> int:
        """Ids of different shops never meet, and stay far below 2**53."""
        return base + self.number * 100_000_000 + place

    def token_of(self, kind: str, place: int) -> str:
        """The secret name of the record at this place; of checkouts that a big past only remembers, below 0."""
        return hashlib.sha256(f"{self._seed}:{self.domain}:{kind}:{place}".encode()).hexdigest()[:32]
