"""The words a flow file may use beside its own: events and fields of facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.core import behaviour_facts, vocabulary_of_behaviour
from flows.core.facts import family
from flows.core.segments import NAME as SEGMENT_NAME
from flows.core.signals import SIGNALS


@dataclass(frozen=True, slots=True)
class EventName:
    """`props`: the fields ``event.NAME`` that it is known to carry; none listed: any may be asked for.

    `buying`: the person is buying or has bought; flows that start on it are not held back after a purchase.
    `of_its_key`: it is about one thing only, and says nothing of the person's runs for other keys.
    """

    about: str
    props: Mapping[str, str] = field(default_factory=dict)
    buying: bool = False
    of_its_key: bool = False


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
    "financial_status": "whether it is paid, in the store's words: pending, paid, refunded ...",
    "placed_at": "when it was placed",
    "excluded": "why the shop counts it for nothing, e.g. because it is a test order",
}
_STATE = {
    **_ORDER,
    "orders_before": "how many orders the person had before",
    "spent_before": "for how much the person had bought before",
    "delivery_method": "how it reaches the customer, when that can be told: delivery, pick_up or none",
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
_CART = {name: about for name, about in _CHECKOUT.items() if name not in ("checkout_token", "recovery_url")}
_REFUND = {
    **_ORDER,
    "refund_id": "the refund",
    "amount": "how much was given back",
    "refunded": "how much has been given back of the order in all",
}
_PAYMENT = {
    **_ORDER,
    "transaction_id": "the payment",
    "amount": "how much was to be paid",
    "gateway": "by what means",
    "error_code": "why it failed, in the gateway's words",
}
_RETURN = {
    **_ORDER,
    "return_id": "the return",
    "return_name": "its name, e.g. #1001-R1",
    "return_items": "how many items it is about",
}
_PARCEL = {
    **_ORDER,
    "items": "what is in the parcel, else what was bought",
    "fulfillment_id": "the parcel",
    "tracking_company": "who carries it",
    "tracking_number": "its tracking number",
    "tracking_url": "the page where it can be followed",
}
_DRAFT = {
    "draft_order_id": "the draft",
    "draft_order_name": "its name, e.g. #D7",
    "order_id": "the order that it became",
    "items": "what is in it",
    "total": "its total",
    "currency": "its currency",
    "invoice_url": "the address where it can be paid",
    "excluded": "why the shop counts it for nothing",
}
_PRODUCT = {"product_id": "the product", "title": "its title", "handle": "its part of the address"}
_STOCK = {
    "product_id": "the product",
    "variant_id": "the variant",
    "variant_title": "its title, e.g. Blue",
    "sku": "its article number",
    "price": "its price",
    "inventory_quantity": "how many there are",
}
_INTEREST = {
    "product_id": "the product",
    "variant_id": "the variant",
    "title": "the product's title",
    "variant_title": "the variant's, e.g. Blue",
    "url": "the page of the product",
    "image_url": "its picture",
    "sku": "the variant's article number",
    "price": "what it costs now",
    "inventory_quantity": "how many there are, when that is known",
    "why": "why it interests the person: asked, carted, viewed or bought",
}
_TAKEN_BACK = {"product_id": "the product", "variant_id": "the variant"}
_COLLECTION = {"collection_id": "the collection", "title": "its title"}
_CHANGED = {"changed": "what changed: the field, with its value before and after"}
_CONSENT = {
    "channel": "email, sms, whatsapp, push, or any",
    "purpose": "newsletter, sms, whatsapp or push: the channel's own; cart, open_tracking or profiling",
    "old": "the state before",
    "new": "the state now",
    "source": "who told us",
}

_SUBSCRIPTION = {
    "subscription": "the other system's number of it",
    "plan": "what the other system calls it",
    "product_id": "the product that it brings",
    "renews_at": "when it renews or ends",
}
_TICKET = {"ticket": "the help desk's number of it"}

_RAW: Mapping[str, EventName] = {
    "customer_created": EventName("A customer was created in the store."),
    "customer_deleted": EventName("The customer's record in the store was deleted; every flow of theirs is over."),
    "tag_added": EventName("A customer was given a tag in the store.", {"tag": "the tag"}),
    "tag_removed": EventName("A tag was taken from a customer in the store.", {"tag": "the tag"}),
    "segment_entered": EventName("A customer entered a segment of the store.", {"segment_id": "the segment"}),
    "segment_left": EventName("A customer left a segment of the store.", {"segment_id": "the segment"}),
    "consent_changed": EventName("A person's consent to one purpose on one channel changed.", _CONSENT),
    "unsubscribed": EventName(
        "A person does not want to be written to any more on one channel. As an exit it ends a flow that begins with "
        "a message of that channel; of another channel only its messages are left out.",
        _CONSENT,
    ),
    "checkout_started": EventName("A checkout was begun.", _CHECKOUT, buying=True),
    "checkout_updated": EventName("A checkout was changed.", _CHECKOUT, buying=True),
    "checkout_completed": EventName("A checkout became an order.", _CHECKOUT, buying=True),
    "checkout_deleted": EventName(
        "A checkout was thrown away by the store: its address is dead.",
        {"checkout_token": "the checkout", "cart_token": "the cart it came from"},
        buying=True,
        of_its_key=True,
    ),
    "cart_created": EventName("A cart was begun.", _CART, buying=True),
    "cart_updated": EventName("A cart was changed.", _CART, buying=True),
    "cart_cleared": EventName("A cart or checkout was emptied.", _CHECKOUT, buying=True, of_its_key=True),
    "order_placed": EventName("An order was placed.", _STATE, buying=True),
    "order_paid": EventName(
        "An order was paid.",
        {**_STATE, "orders_paid": "how many paid orders the person has with this one, when that can be told"},
        buying=True,
    ),
    "order_cancelled": EventName("An order was cancelled.", _STATE, buying=True),
    "order_partially_fulfilled": EventName("A part of an order was sent.", _STATE, buying=True),
    "order_fulfilled": EventName("All of an order was sent.", _STATE, buying=True),
    "order_edited": EventName("Staff changed what is in an order.", {**_ORDER, "edit_id": "the change"}, buying=True),
    "order_deleted": EventName("An order was deleted in the store.", _ORDER, buying=True),
    "order_refunded": EventName("Money was given back for an order.", _REFUND, buying=True),
    "payment_pending": EventName("A payment of an order has not arrived yet.", _PAYMENT, buying=True),
    "payment_failed": EventName("A payment of an order failed.", _PAYMENT, buying=True),
    "return_requested": EventName("A customer asked to send something back.", _RETURN, buying=True),
    "return_approved": EventName("A return was agreed to.", _RETURN, buying=True),
    "return_declined": EventName("A return was declined.", _RETURN, buying=True),
    "return_cancelled": EventName("A return was called off.", _RETURN, buying=True),
    "order_returned": EventName("A return is complete.", _RETURN, buying=True),
    "order_shipped": EventName("A parcel of an order was sent.", _PARCEL, buying=True),
    "shipment_changed": EventName(
        "A carrier reports where a parcel is.",
        {**_PARCEL, "old": "where it was, e.g. in_transit", "new": "where it is"},
        buying=True,
    ),
    "order_delivered": EventName("A parcel of an order was delivered.", _PARCEL, buying=True),
    "draft_order_created": EventName("Staff prepared an order.", _DRAFT, buying=True),
    "draft_order_invoiced": EventName("A prepared order was sent for payment.", _DRAFT, buying=True),
    "draft_order_completed": EventName("A prepared order became an order.", _DRAFT, buying=True),
    "draft_order_deleted": EventName("A prepared order was thrown away.", _DRAFT, buying=True),
    "product_created": EventName("A product was added to the store.", _PRODUCT),
    "product_updated": EventName("A product was changed.", {**_PRODUCT, **_CHANGED}),
    "product_deleted": EventName("A product was deleted.", _PRODUCT),
    "price_changed": EventName(
        "The price of a variant changed.",
        {
            **_PRODUCT,
            "variant_id": "the variant",
            "variant_title": "its title, e.g. Blue",
            "sku": "its article number",
            "old": "the price before",
            "new": "the price now",
            "old_compare_at_price": "what it was compared with before",
            "new_compare_at_price": "what it is compared with now",
        },
    ),
    "inventory_changed": EventName(
        "The stock at one location changed.",
        {
            "product_id": "the product",
            "variant_id": "the variant",
            "inventory_item_id": "the item in stock",
            "location_id": "where",
            "old": "how many there were",
            "new": "how many there are",
        },
    ),
    "variant_in_stock": EventName("A variant is in stock again.", _STOCK),
    "variant_out_of_stock": EventName("A variant is sold out.", _STOCK),
    "price_dropped": EventName(
        "The price of something that the person has looked at or left in a cart has dropped.",
        {**_INTEREST, "old": "the price before", "new": "the price now", "percent": "by how many per cent it dropped"},
    ),
    "back_in_stock": EventName(
        "Something that the person has asked for, looked at, left in a cart or bought is in stock again.", _INTEREST
    ),
    "low_stock": EventName("Of something that the person has looked at or left in a cart few are left.", _INTEREST),
    "price_raised": EventName(
        "The price of a variant went up: what a flow with `key: event.variant_id` says of it is no longer true.",
        {**_TAKEN_BACK, "old": "the price before", "new": "the price now"},
        of_its_key=True,
    ),
    "out_of_stock_again": EventName(
        "A variant was sold out: it ends flows with `key: event.variant_id`.", _TAKEN_BACK, of_its_key=True
    ),
    "product_discontinued": EventName(
        "A product is not sold any more (deleted, archived, a draft): it ends flows with `key: event.product_id`.",
        _PRODUCT,
        of_its_key=True,
    ),
    "collection_created": EventName("A collection was added to the store.", _COLLECTION),
    "collection_updated": EventName("A collection was changed.", {**_COLLECTION, **_CHANGED}),
    "collection_deleted": EventName("A collection was deleted.", _COLLECTION),
    "message_delivered": EventName("A message reached the mailbox."),
    "message_opened": EventName("A message was opened, as far as that can be told."),
    "message_clicked": EventName("A link in a message was clicked."),
    "message_bounced": EventName("A message came back for good."),
    "message_complained": EventName("A message was reported as spam."),
    "support_ticket_opened": EventName("Somebody asked for help; until it is settled they get no marketing.", _TICKET),
    "support_ticket_closed": EventName("What somebody asked for help with is settled.", _TICKET),
    "form_submitted": EventName(
        "Somebody filled in a form or a quiz.", {"form": "which form", "answers": "what they answered, by question"}
    ),
    "review_submitted": EventName(
        "Somebody rated a product.",
        {"rating": "from 1 to 5", "product_id": "the product", "review_id": "the review"},
    ),
    "review_published": EventName(
        "The shop shows a review of somebody's, or does not any more.",
        {
            "rating": "from 1 to 5",
            "product_id": "the product",
            "review_id": "the review",
            "state": "published, or withdrawn",
        },
    ),
    "subscription_started": EventName("Somebody's subscription began.", _SUBSCRIPTION, buying=True),
    "subscription_renewed": EventName("Somebody's subscription was renewed.", _SUBSCRIPTION, buying=True),
    "subscription_changed": EventName("Somebody's subscription was changed.", _SUBSCRIPTION, buying=True),
    "subscription_cancelled": EventName("Somebody's subscription was cancelled, or ended.", _SUBSCRIPTION, buying=True),
    "birthday_told": EventName(
        "The day of somebody's birthday became known, or is another one.", {"birthday": "month and day, e.g. 02-29"}
    ),
    "login": EventName("Somebody signed in to their account."),
    "loyalty_told": EventName(
        "Another system told where somebody stands in its loyalty programme.",
        {
            "points": "how many points they have",
            "tier": "their tier",
            "reward": "a reward that waits for them",
            "expires_at": "until when points or reward are good",
        },
    ),
    "loyalty_changed": EventName(
        "Somebody stands elsewhere in the shop's loyalty programme.",
        {
            "points": "how many points they have",
            "tier": "their tier",
            "reward": "a reward that waits for them",
            "expires_at": "until when points, tier or reward are good",
            "before": "what changed and was known: the field, with its value before",
            "source": "who told us: metafields, tags, api, file or programme",
            "reason": "what for, when a flow did it and says so",
        },
        buying=True,
    ),
    "coupon_redeemed": EventName(
        "A discount code that a flow gave to the person was used for an order.",
        {
            "code": "the code",
            "coupon": "what the flow calls it",
            "flow": "the flow that gave it",
            "pool": "the pool it came from",
            "order_id": "the order",
            "order_name": "its name, e.g. #1001",
            "total": "the total of the order, in the shop's currency",
            "currency": "its currency",
        },
        buying=True,
    ),
    "task_done": EventName(
        "Staff finished a task that a flow had given them, or dropped it.",
        {
            "task": "its number",
            "outcome": "done or dropped",
            "flow": "the flow that gave it",
            "step": "by which of its steps",
        },
    ),
    "flow_webhook": EventName(
        "A flow told an endpoint of the merchant's something about the person.",
        {
            "endpoint": "the endpoint's name",
            "flow": "the flow",
            "step": "by which of its steps",
            "data": "what it told, for example `event.data.total`",
        },
    ),
    "erased": EventName("The person asked to be forgotten."),
    **{name: EventName(*told) for name, told in vocabulary_of_behaviour.RAW.items()},
}
CUSTOM = "custom:"
"""What the names of a merchant's own events begin with."""
CUSTOM_NAME = r"[a-z0-9_]{1,64}"
"""What follows: a regular expression."""
_CUSTOM_EVENT = re.compile(rf"{CUSTOM}{CUSTOM_NAME}\Z")
_OWN = EventName(
    "An event of the merchant's own, told by the events API under this name.",
    {"name": "its name", "properties": "what was told with it, for example `event.properties.score`"},
)
EVENTS: Mapping[str, EventName] = {
    **_RAW,
    **{
        name: EventName(" ".join(signal.about.split()), signal.props, signal.buying) for name, signal in SIGNALS.items()
    },
}
"""What can start a flow, be its goal or end it, beside the merchant's own events (``event_named``)."""


def event_named(name: str) -> EventName | None:
    """The event of this name, ``custom:NAME`` for one of the merchant's own; None when there is none."""
    return _OWN if _CUSTOM_EVENT.match(name) else EVENTS.get(name)


UNSUBSCRIBED = "unsubscribed"
OF_THEIR_KEY = frozenset(name for name, event in EVENTS.items() if event.of_its_key)
"""Events that reach a run by its key and not by its person."""

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
    "person.answers.NAME": "what the person last answered in a form to the question NAME",
    "person.store_segments.ID": "whether they are in the store's segment ID; cannot be told before the store has told",
    "person.loyalty.points": "how many points they have",
    "person.loyalty.tier": "their tier",
    "person.loyalty.reward": "a reward that waits for them",
    "person.loyalty.expires_at": "until when points, tier or reward are good",
    "person.consent.email": "subscribed, unsubscribed, pending, not_subscribed or undeliverable",
    "person.consent.sms": "the same for text messages",
    "person.consent.whatsapp": "the same for WhatsApp",
    "person.consent.push": "the same for web push",
    "checkout.total": "the total of the checkout as it is now",
    "checkout.currency": "its currency",
    "checkout.items": "what is in it now",
    "checkout.completed_at": "when it became an order",
    "now.date": "the day it is where the person lives, e.g. 2026-12-24",
    "now.weekday": "monday to sunday, there",
    "now.month": "the month there, from 1 to 12",
    "now.day": "the day of the month there",
    "now.hour": "the hour there, from 0 to 23",
    **behaviour_facts.FIELDS,
    "segment.NAME": "whether they are in this named segment",
    "shop.currency": "the shop's currency",
    "shop.locale": "the shop's language",
    "shop.name": "the shop's name",
    "shop.offers.welcome.code": "the code of the welcome offer",
    "shop.offers.welcome.percent": "what it takes off, in per cent",
    "shop.offers.welcome.expires_days": "for how many days it holds",
    "shop.offers.winback.code": "the code of the offer for those who have stayed away",
    "shop.offers.winback.percent": "what it takes off, in per cent",
    "shop.offers.winback.expires_days": "for how many days it holds",
    "shop.offers.birthday.code": "the code of the birthday offer",
    "shop.offers.birthday.percent": "what it takes off, in per cent",
    "shop.offers.birthday.expires_days": "for how many days it holds",
    "shop.offers.vip.code": "the code of the offer for the best customers",
    "shop.offers.vip.percent": "what it takes off, in per cent",
    "shop.offers.vip.expires_days": "for how many days it holds",
    "shop.offers.cart.code": "the code of the cart offer",
    "shop.offers.cart.percent": "what it takes off, in per cent",
    "shop.offers.cart.expires_days": "for how many days it holds",
}
"""What conditions may ask for, beside ``event.NAME`` of the event that started the flow."""
_NAMED = re.compile(
    r"person\.answers\.[A-Za-z0-9_]{1,64}\Z|person\.store_segments\.[0-9]{1,20}\Z|activity\.views\.[0-9]{1,20}\Z"
    rf"|segment\.{SEGMENT_NAME}\Z"
)
"""Fields with a name of the merchant's in them."""


def fields_after(trigger: str) -> Mapping[str, str] | None:
    """Every field that a flow started by this event may ask for; None when its event may carry anything."""
    event = event_named(trigger)
    if event is None or not event.props:
        return None
    return {**FIELDS, **{f"event.{name}": about for name, about in event.props.items()}}


def knows_field(path: str, trigger: str) -> bool:
    """Whether conditions of a flow with this trigger may ask for `path` (or a part of an event's field)."""
    if family(path) != "event":
        return path in FIELDS or bool(_NAMED.match(path))
    known = fields_after(trigger)
    return path != "event" and (known is None or ".".join(path.split(".")[:2]) in known)
