"""What shoppers and merchants do, by name: each changes the shop and says what its subscribers must hear.

The arguments are those of `POST /_control/act` and of the plan of shoppers alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.store import app_deeds, customer_deeds, goods_deeds, order_deeds, payloads
from sandbox.store.customer_deeds import agree
from sandbox.store.deed import Deed, lines_of, order_of
from sandbox.store.records import Customer, Order


def start_cart(deed: Deed, items: list[dict[str, Any]] | None = None) -> None:
    deed.cart("carts/create", deed.shop.start_cart(deed.now, lines_of(deed.shop, items)))


def update_cart(deed: Deed, cart: str, items: list[dict[str, Any]]) -> None:
    """Change what lies in a cart; no items empty it."""
    found = deed.shop.cart(cart)
    deed.shop.edit_cart(deed.now, found, lines_of(deed.shop, items) if items else [])
    deed.cart("carts/update", found)


def start_checkout(
    deed: Deed,
    items: list[dict[str, Any]] | None = None,
    email: str | None = None,
    label: str | None = None,
    cart: str | None = None,
) -> None:
    """Begin a checkout, from a cart (by its token) with what lies in it, or from nothing."""
    basket = deed.shop.cart(cart) if cart else None
    lines = [(line.variant, line.quantity) for line in basket.lines] if basket else lines_of(deed.shop, items)
    begun = deed.shop.start_checkout(deed.now, lines, email, label, cart_token=cart)
    deed.checkout("checkouts/create", begun)


def delete_checkout(deed: Deed, checkout: str) -> None:
    cart = deed.shop.checkout(checkout)
    deed.shop.delete_checkout(cart)
    deed.touched |= {"checkout_token": cart.token, "cart_token": cart.cart_token}
    deed.news.append(("checkouts/delete", f"checkout/{cart.token}", payloads.deleted_checkout(deed.shop, cart)))


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
        lines=lines_of(deed.shop, items) if items else None,
        email=email,
        name=(first_name or "", last_name or "") if first_name or last_name else None,
        accepts_marketing=accepts_marketing,
    )
    deed.checkout("checkouts/update", cart)


def open_recovery(deed: Deed, checkout: str) -> None:
    """The shopper comes back through the recovery link; the store tells nobody."""
    cart = deed.shop.checkout(checkout)
    deed.touched |= {"checkout_token": cart.token, "email": cart.email}


def complete_checkout(deed: Deed, checkout: str, code: str | None = None) -> None:
    """Buy what is in a checkout, with a discount code if one is typed."""
    cart = deed.shop.checkout(checkout)
    if not cart.email:
        raise ValueError("a checkout without an email cannot be completed")
    names = (cart.address.first_name, cart.address.last_name) if cart.address else (None, None)
    person, is_new = _buyer(deed, cart.email, *names)
    consented = cart.accepts_marketing and person.consent.state != "subscribed"
    sale = deed.shop.complete_checkout(deed.now, cart, person, code)
    if is_new:
        deed.customer("customers/create", person)
    if consented:
        agree(deed, person, "email", "subscribed", "single_opt_in")
    deed.checkout("checkouts/update", cart)
    _sold(deed, sale)


def create_order(
    deed: Deed,
    email: str,
    items: list[dict[str, Any]] | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    test: bool = False,
    code: str | None = None,
) -> None:
    person, is_new = _buyer(deed, email, first_name, last_name)
    sale = deed.shop.place_order(deed.now, person, lines_of(deed.shop, items), code)
    sale.test = test
    if is_new:
        deed.customer("customers/create", person)
    _sold(deed, sale)


def cancel_order(deed: Deed, order: int | None = None, checkout: str | None = None, reason: str = "customer") -> None:
    """Cancel by order id, or by the checkout the order came from."""
    sale = order_of(deed.shop, order, checkout)
    deed.shop.cancel_order(deed.now, sale, reason)
    deed.order("orders/cancelled", sale)
    deed.order("orders/updated", sale)
    deed.purchases(sale.customer)


_OWN: tuple[Callable[..., None], ...] = (
    start_cart,
    update_cart,
    start_checkout,
    update_checkout,
    delete_checkout,
    open_recovery,
    complete_checkout,
    create_order,
    cancel_order,
)
DEEDS: dict[str, Callable[..., None]] = {
    deed.__name__: deed
    for deed in (*_OWN, *order_deeds.DEEDS, *customer_deeds.DEEDS, *goods_deeds.DEEDS, *app_deeds.DEEDS)
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
    deed.purchases(sale.customer)
    # The buyer's own address may differ from the one the order was placed with.
    deed.touched["email"] = sale.email
