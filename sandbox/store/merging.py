"""Two customers become one."""

from __future__ import annotations

from sandbox.store.records import Customer
from sandbox.store.shop import Shop, Unknown

_WANTED = ("subscribed", "pending")


def kept_of(one: Customer, two: Customer) -> Customer:
    """Who stays: the one with an email; of two, the one who agreed to marketing; else the second."""
    if (one.email is None) != (two.email is None):
        return one if one.email is not None else two
    agreed = [person.consent.state in _WANTED for person in (one, two)]
    return one if one.email is not None and agreed == [True, False] else two


def merge(shop: Shop, now: float, one: Customer, two: Customer, keep: Customer | None = None) -> Customer:
    """Merge both; `keep` says whose email, and so whose record, stays. Returns who is gone. Raises ValueError.

    What the kept one lacks comes from the other: names, phone with its consents, note, address. Orders, checkouts,
    tags and segments are united.
    """
    if one is two:
        raise ValueError("Customers IDs should not match")
    kept = keep or kept_of(one, two)
    gone = two if kept is one else one
    kept.first_name, kept.last_name = kept.first_name or gone.first_name, kept.last_name or gone.last_name
    kept.note, kept.address = kept.note or gone.note, kept.address or gone.address
    if kept.phone is None and gone.phone is not None:
        kept.phone, kept.sms_consent, kept.whatsapp_consent = gone.phone, gone.sms_consent, gone.whatsapp_consent
    kept.tags = [*kept.tags, *(tag for tag in gone.tags if tag not in kept.tags)]
    for order in gone.orders:
        order.customer = kept
    kept.orders = sorted([*kept.orders, *gone.orders], key=lambda order: (order.created_at, order.id))
    gone.orders = []
    for checkout in shop.checkouts.values():
        if checkout.customer is gone:
            checkout.customer = kept
    for segment in shop.segments.values():
        if gone.id in segment.members:
            segment.members.add(kept.id)
    kept.updated_at = now
    _remove(shop, gone)
    return gone


def delete(shop: Shop, person: Customer) -> None:
    """Raises ValueError for a customer with orders, whom the platform does not delete."""
    if person.orders:
        raise ValueError("a customer with orders cannot be deleted")
    for checkout in shop.checkouts.values():
        if checkout.customer is person:
            checkout.customer = None
    _remove(shop, person)


def customer_by_number(shop: Shop, number: int | None) -> Customer:
    """Raises Unknown."""
    found = shop.customers.get(number or 0)
    if found is None:
        raise Unknown(f"Customer does not exist with ID {number}")
    return found


def _remove(shop: Shop, person: Customer) -> None:
    del shop.customers[person.id]
    for segment in shop.segments.values():
        segment.members.discard(person.id)
