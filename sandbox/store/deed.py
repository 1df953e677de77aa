"""One action under way in a shop, and the words in which actions name goods and orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.store import app_payloads, customer_payloads, goods_payloads, order_payloads, payloads
from sandbox.store.bulk.operation import Operation
from sandbox.store.consent import consent_of, is_welcomed
from sandbox.store.customer_payloads import CONSENT
from sandbox.store.records import Cart, Checkout, Consent, Customer, Fulfillment, Order, Product, Variant
from sandbox.store.shop import Shop, Unknown


@dataclass
class Deed:
    """One action under way: what it touched and what it has to tell the subscribers, in order."""

    shop: Shop
    now: float
    touched: dict[str, Any] = field(default_factory=dict)
    news: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    # The store's own mails to new subscribers that it sets off.
    mails: list[dict[str, Any]] = field(default_factory=list)
    # What follows from it by itself: business time, action, arguments.
    later: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def customer(self, topic: str, person: Customer) -> None:
        self.touched |= {"customer_id": person.id, "email": person.email}
        self.news.append((topic, f"customer/{person.id}", payloads.customer(self.shop, person)))

    def consent(self, person: Customer, channel: str, before: Consent | None, origin: str) -> None:
        """Tell of a consent; `before` is what it was, None when it did not change."""
        after = consent_of(person, channel)
        topic, body = CONSENT[channel]
        self.touched |= {"customer_id": person.id, "email": person.email, "channel": channel, "consent": after.state}
        self.news.append((topic, f"customer/{person.id}", body(self.shop, person)))
        if channel == "email" and before is not None and is_welcomed(self.now, before, after):
            self.mails.append({"customer_id": person.id, "email": person.email, "origin": origin})

    def purchases(self, person: Customer) -> None:
        """Tell that a customer's sales history is another."""
        body = customer_payloads.purchasing_summary(self.shop, person, self.now)
        self.news.append(("customers/purchasing_summary", f"customer/{person.id}", body))

    def checkout(self, topic: str, cart: Checkout) -> None:
        self.touched |= {"checkout_token": cart.token, "cart_token": cart.cart_token, "email": cart.email}
        self.news.append((topic, f"checkout/{cart.token}", payloads.checkout(self.shop, cart)))

    def cart(self, topic: str, cart: Cart) -> None:
        self.touched |= {"cart_token": cart.token}
        self.news.append((topic, f"cart/{cart.token}", goods_payloads.cart(self.shop, cart)))

    def order(self, topic: str, sale: Order) -> None:
        self.touched |= {"order_id": sale.id, "checkout_token": sale.checkout_token, "email": sale.email}
        self.news.append((topic, f"order/{sale.id}", payloads.order(self.shop, sale)))

    def parcel(self, topic: str, parcel: Fulfillment) -> None:
        self.touched |= {"fulfillment_id": parcel.id}
        self.news.append((topic, f"order/{parcel.order.id}", order_payloads.fulfillment(self.shop, parcel)))

    def product(self, topic: str, goods: Product) -> None:
        self.touched |= {"product_id": goods.id}
        self.news.append((topic, f"product/{goods.id}", goods_payloads.product(self.shop, goods)))

    def bulk_operation(self, operation: Operation) -> None:
        self.touched |= {"bulk_operation_id": operation.id}
        body = app_payloads.bulk_operation(self.shop, operation)
        self.news.append(("bulk_operations/finish", f"bulk_operation/{operation.id}", body))


def customer_of(shop: Shop, email: str | None, customer: int | None) -> Customer:
    """A customer by id, or by address. Raises Unknown."""
    found = shop.customers.get(int(customer)) if customer is not None else shop.customer_by_email(email or "")
    if found is None:
        raise Unknown(f"no customer {customer if customer is not None else email!r}")
    return found


def order_of(shop: Shop, order: int | None, checkout: str | None) -> Order:
    """An order by its id, or by the checkout that it came from. Raises Unknown, ValueError."""
    if checkout is not None:
        return shop.order_of(shop.checkout(checkout))
    if order is None:
        raise ValueError("order or checkout is needed")
    found = shop.orders.get(int(order))
    if found is None:
        raise Unknown(f"no order {order}")
    return found


def product_of(shop: Shop, product: int) -> Product:
    """A product by its id, or by its place in the catalogue, from 1. Raises Unknown."""
    found = shop.products.get(int(product))
    if found is not None:
        return found
    products = list(shop.products.values())
    if not 1 <= int(product) <= len(products):
        raise Unknown(f"no product {product}")
    return products[int(product) - 1]


def lines_of(shop: Shop, items: list[dict[str, Any]] | None) -> list[tuple[Variant, int]]:
    """`[{"variant_id": 1} or {"product": 3}, "quantity": 2]`; `product` as in `product_of`."""
    lines = []
    for item in items or [{"product": 1}]:
        quantity = int(item.get("quantity", 1))
        if quantity < 1:
            raise ValueError("quantity must be at least 1")
        if "variant_id" in item:
            lines.append((shop.variant(int(item["variant_id"])), quantity))
        else:
            lines.append((product_of(shop, item.get("product", 1)).variants[0], quantity))
    return lines
