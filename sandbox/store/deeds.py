"""What shoppers and merchants do, by name: each changes the shop and says what its subscribers must hear.

The arguments are those of `POST /_control/act` and of the plan of shoppers alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.store import payloads
from sandbox.store.records import Checkout, Customer, Order, Variant
from sandbox.store.shop import Shop, Unknown


@dataclass
class Deed:
    """One action under way: what it touched and what it has to tell the subscribers, in order."""

    shop: Shop
    now: float
    touched: dict[str, Any] = field(default_factory=dict)
    news: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def customer(self, topic: str, person: Customer) -> None:
        self.touched |= {"customer_id": person.id, "email": person.email}
        self.news.append((topic, f"customer/{person.id}", payloads.customer(self.shop, person)))

    def consent(self, person: Customer) -> None:
        self.touched |= {"customer_id": person.id, "email": person.email, "consent": person.consent.state}
        body = payloads.email_consent(self.shop, person)
        self.news.append(("customers_email_marketing_consent/update", f"customer/{person.id}", body))

    def checkout(self, topic: str, cart: Checkout) -> None:
        self.touched |= {"checkout_token": cart.token, "cart_token": cart.cart_token, "email": cart.email}
        self.news.append((topic, f"checkout/{cart.token}", payloads.checkout(self.shop, cart)))

    def order(self, topic: str, sale: Order) -> None:
        self.touched |= {"order_id": sale.id, "checkout_token": sale.checkout_token, "email": sale.email}
        self.news.append((topic, f"order/{sale.id}", payloads.order(self.shop, sale)))


def create_customer(
    deed: Deed,
    email: str,
    first_name: str | None = None,
    last_name: str | None = None,
    accepts_marketing: bool = False,
    opt_in_level: str = "single_opt_in",
    locale: str | None = None,
) -> None:
    if deed.shop.customer_by_email(email):
        raise ValueError(f"{email} is taken")
    person = deed.shop.sign_up(deed.now, email, first_name, last_name, locale)
    if accepts_marketing:
        deed.shop.give_consent(deed.now, person, "subscribed", opt_in_level)
    deed.customer("customers/create", person)
    if accepts_marketing:
        deed.consent(person)


def set_consent(deed: Deed, email: str, state: str, opt_in_level: str | None = None) -> None:
    person = deed.shop.customer_by_email(email)
    if person is None:
        raise Unknown(f"no customer {email!r}")
    if state not in ("subscribed", "unsubscribed", "pending", "not_subscribed"):
        raise ValueError(f"unknown consent state {state!r}")
    deed.shop.give_consent(deed.now, person, state, opt_in_level)
    deed.consent(person)
    deed.customer("customers/update", person)


def start_checkout(
    deed: Deed, items: list[dict[str, Any]] | None = None, email: str | None = None, label: str | None = None
) -> None:
    cart = deed.shop.start_checkout(deed.now, _lines(deed.shop, items), email, label)
    deed.checkout("checkouts/create", cart)


def update_checkout(
    deed: Deed,
    checkout: str,
    items: list[dict[str, Any]] | None = None,
    email: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    accepts_marketing: bool | None = None,
) -> None:
    cart = deed.shop.checkout(checkout)
    deed.shop.edit_checkout(
        deed.now,
        cart,
        lines=_lines(deed.shop, items) if items else None,
        email=email,
        name=(first_name or "", last_name or "") if first_name or last_name else None,
        accepts_marketing=accepts_marketing,
    )
    deed.checkout("checkouts/update", cart)


def open_recovery(deed: Deed, checkout: str) -> None:
    """The shopper comes back through the recovery link; the store tells nobody."""
    cart = deed.shop.checkout(checkout)
    deed.touched |= {"checkout_token": cart.token, "email": cart.email}


def complete_checkout(deed: Deed, checkout: str) -> None:
    cart = deed.shop.checkout(checkout)
    if not cart.email:
        raise ValueError("a checkout without an email cannot be completed")
    names = (cart.address.first_name, cart.address.last_name) if cart.address else (None, None)
    person, is_new = _buyer(deed, cart.email, *names)
    consented = cart.accepts_marketing and person.consent.state != "subscribed"
    if consented:
        deed.shop.give_consent(deed.now, person, "subscribed", "single_opt_in")
    sale = deed.shop.complete_checkout(deed.now, cart, person)
    if is_new:
        deed.customer("customers/create", person)
    if consented:
        deed.consent(person)
    deed.checkout("checkouts/update", cart)
    _sold(deed, sale)


def create_order(
    deed: Deed,
    email: str,
    items: list[dict[str, Any]] | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    test: bool = False,
) -> None:
    person, is_new = _buyer(deed, email, first_name, last_name)
    sale = deed.shop.place_order(deed.now, person, _lines(deed.shop, items))
    sale.test = test
    if is_new:
        deed.customer("customers/create", person)
    _sold(deed, sale)


def cancel_order(
    deed: Deed, order: int | None = None, checkout: str | None = None, reason: str = "customer"
) -> None:
    """Cancel by order id, or by the checkout the order came from."""
    shop = deed.shop
    if order is None and checkout is None:
        raise ValueError("order or checkout is needed")
    sale = (
        shop.order_of(shop.checkout(checkout)) if checkout is not None else shop.orders.get(int(order or 0))
    )
    if sale is None:
        raise Unknown(f"no order {order}")
    shop.cancel_order(deed.now, sale, reason)
    deed.order("orders/cancelled", sale)
    deed.order("orders/updated", sale)


DEEDS: dict[str, Callable[..., None]] = {
    deed.__name__: deed
    for deed in (
        create_customer,
        set_consent,
        start_checkout,
        update_checkout,
        open_recovery,
        complete_checkout,
        create_order,
        cancel_order,
    )
}


def _buyer(deed: Deed, email: str, first_name: str | None, last_name: str | None) -> tuple[Customer, bool]:
    person = deed.shop.customer_by_email(email)
    if person is not None:
        return person, False
    return deed.shop.sign_up(deed.now, email, first_name, last_name), True


def _sold(deed: Deed, sale: Order) -> None:
    deed.touched |= {"total": str(sale.subtotal), "test": sale.test}
    for topic in ("orders/create", "orders/paid", "orders/updated"):
        deed.order(topic, sale)
    deed.customer("customers/update", sale.customer)
    # The buyer's own address may differ from the one the order was placed with.
    deed.touched["email"] = sale.email


def _lines(shop: Shop, items: list[dict[str, Any]] | None) -> list[tuple[Variant, int]]:
    """`[{"variant_id": 1} or {"product": 3}, "quantity": 2]`; `product` is a place in the catalogue."""
    products = list(shop.products.values())
    lines = []
    for item in items or [{"product": 1}]:
        quantity = int(item.get("quantity", 1))
        if quantity < 1:
            raise ValueError("quantity must be at least 1")
        if "variant_id" in item:
            lines.append((shop.variant(int(item["variant_id"])), quantity))
            continue
        place = int(item.get("product", 1))
        if not 1 <= place <= len(products):
            raise Unknown(f"no product {place}")
        lines.append((products[place - 1].variants[0], quantity))
    return lines
