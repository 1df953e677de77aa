"""The words a flow file may use beside its own: events and fields of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.core.facts import family
from flows.core.signals import SIGNALS


@dataclass(frozen=True, slots=True)
class EventName:
    """`props`: the fields ``event.NAME`` that it is known to carry; none listed: any may be asked for.

    `buying`: the person is buying or has bought; flows that start on it are not held back after a purchase.
    """

    about: str
    props: Mapping[str, str] = field(default_factory=dict)
    buying: bool = False


_ORDER = {
    "order_id": "the order",
    "order_name": "its name, e.g. #1001",
    "total": "its total",
    "currency": "its currency",
    "items": "what was bought",
    "discount_codes": "the codes used",
    "checkout_token": "the checkout it came from",
    "test": "whether it is a test order",
    "source_name": "where it was placed: web, pos, shopify_draft_order",
    "orders_before": "how many orders the person had before",
    "excluded": "why the shop counts it for nothing, e.g. because it is a test order",
}
_CHECKOUT = {
    "checkout_token": "the checkout",
    "cart_token": "the cart it came from",
    "items": "what is in it",
    "total": "its total",
    "currency": "its currency",
    "recovery_url": "the address that opens it again",
    "changed_at": "when it was last changed",
}
_CONSENT = {
    "channel": "email, sms, whatsapp or push",
    "old": "the state before",
    "new": "the state now",
    "source": "who told us",
}

_RAW: Mapping[str, EventName] = {
    "customer_created": EventName("A customer was created in the store."),
    "consent_changed": EventName("A person's consent on one channel changed.", _CONSENT),
    "unsubscribed": EventName("A person does not want to be written to any more on one channel.", _CONSENT),
    "checkout_started": EventName("A checkout was begun.", _CHECKOUT, buying=True),
    "checkout_updated": EventName("A checkout was changed.", _CHECKOUT, buying=True),
    "checkout_completed": EventName("A checkout became an order.", _CHECKOUT, buying=True),
    "cart_cleared": EventName("A cart or checkout was emptied.", _CHECKOUT, buying=True),
    "order_placed": EventName("An order was placed.", _ORDER, buying=True),
    "order_paid": EventName("An order was paid.", _ORDER, buying=True),
    "order_cancelled": EventName("An order was cancelled.", _ORDER, buying=True),
    "message_delivered": EventName("A message reached the mailbox."),
    "message_opened": EventName("A message was opened, as far as that can be told."),
    "message_clicked": EventName("A link in a message was clicked."),
    "message_bounced": EventName("A message came back for good."),
    "message_complained": EventName("A message was reported as spam."),
    "erased": EventName("The person asked to be forgotten."),
}
EVENTS: Mapping[str, EventName] = {
    **_RAW,
    **{
        name: EventName(" ".join(signal.about.split()), signal.props, signal.buying) for name, signal in SIGNALS.items()
    },
}
"""What can start a flow, be its goal or end it."""

FIELDS: Mapping[str, str] = {
    "person.email": "the address",
    "person.phone": "the phone number",
    "person.first_name": "the first name",
    "person.last_name": "the last name",
    "person.locale": "the language, e.g. fr",
    "person.country": "the country code, e.g. FR",
    "person.city": "the city",
    "person.timezone": "the time zone, e.g. Europe/Paris",
    "person.tags": "the customer's tags in the store",
    "person.orders_count": "how many orders",
    "person.total_spent": "how much was spent in all, in the shop's currency",
    "person.first_order_at": "when the first order was placed",
    "person.last_order_at": "when the last order was placed",
    "person.consent.email": "subscribed, unsubscribed, pending, not_subscribed or undeliverable",
    "person.consent.sms": "the same for text messages",
    "person.consent.whatsapp": "the same for WhatsApp",
    "person.consent.push": "the same for web push",
    "checkout.total": "the total of the checkout as it is now",
    "checkout.currency": "its currency",
    "checkout.items": "what is in it now",
    "checkout.completed_at": "when it became an order",
    "shop.currency": "the shop's currency",
    "shop.locale": "the shop's language",
    "shop.name": "the shop's name",
    "shop.offers.welcome.code": "the code of the welcome offer",
    "shop.offers.welcome.percent": "what it takes off, in per cent",
    "shop.offers.welcome.expires_days": "for how many days it holds",
    "shop.offers.cart.code": "the code of the cart offer",
    "shop.offers.cart.percent": "what it takes off, in per cent",
    "shop.offers.cart.expires_days": "for how many days it holds",
}
"""What conditions may ask for, beside ``event.NAME`` of the event that started the flow."""


def fields_after(trigger: str) -> Mapping[str, str] | None:
    """Every field that a flow started by this event may ask for; None when its event may carry anything."""
    event = EVENTS[trigger]
    if not event.props:
        return None
    return {**FIELDS, **{f"event.{name}": about for name, about in event.props.items()}}


def knows_field(path: str, trigger: str) -> bool:
    """Whether conditions of a flow with this trigger may ask for `path` (or a part of an event's field)."""
    if family(path) != "event":
        return path in FIELDS
    known = fields_after(trigger)
    return path != "event" and (known is None or ".".join(path.split(".")[:2]) in known)
