"""What an attribute may be filled from: every name that the `from` of a mapping knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flows.core.permission import OWN
from sync.profile_values import VALUES

PERSON: Mapping[str, str] = {
    "email": "the address",
    "phone": "the telephone number",
    "first_name": "the first name",
    "last_name": "the last name",
    "locale": "the language, e.g. fr",
    "country": "the country code, e.g. FR",
    "city": "the city",
    "timezone": "the time zone, e.g. Europe/Paris",
    "customer_id": "the customer's id in the store",
    "tags": "the customer's tags, a list",
    "orders_count": "how many orders",
    "total_spent": "how much was spent in all, in the shop's currency",
    "first_order_at": "when the first order was placed",
    "last_order_at": "when the last order was placed",
}
"""Columns of ``persons``."""

CONSENT: Mapping[str, str] = {
    "state": "subscribed, pending, unsubscribed, not_subscribed or undeliverable",
    "level": "how firmly: confirmed_opt_in, single_opt_in, ...",
    "evidence_at": "since when",
    "accepted": "whether the person agrees, true or false",
}
"""What there is of a channel: ``consent.CHANNEL.FIELD``."""

CUSTOMER: Mapping[str, str] = {
    "customer.note": "what staff noted of the customer",
    "customer.company": "the company of the main address",
    "customer.address": "street and number of the main address",
    "customer.postcode": "its postcode",
    "customer.province": "its province or state",
    "customer.verified_email": "whether the customer has confirmed the address, true or false",
    "customer.tax_exempt": "whether the customer pays no tax, true or false",
    "customer.account_state": "of the customer's account: disabled, invited, enabled or declined",
    "customer.created_at": "when the store first had the customer",
}
"""Fields that are read from the store, and kept, only while a mapping names them."""

LOYALTY: Mapping[str, str] = {
    "loyalty.points": "how many points they have, see [Loyalty](loyalty.md)",
    "loyalty.tier": "their tier",
    "loyalty.reward": "a reward that waits for them",
    "loyalty.expires_at": "until when points, tier or reward are good",
}
"""Fields of the person's standing in the shop's loyalty programme."""

# They are read with every customer, 50 customers at a time.
MOST_METAFIELDS = 20
_METAFIELD = re.compile(r"metafield:[A-Za-z0-9_$:-]{2,255}\.[A-Za-z0-9_-]{2,64}\Z")
_TAG = re.compile(r"(tagged|tag_after):.{1,100}\Z")
_ANSWER = re.compile(r"answer:[A-Za-z0-9_]{1,64}\Z")

PATTERNS: Mapping[str, str] = {
    "metafield:NAMESPACE.KEY": "a metafield of the customer, as its type says: a number, a date, a list, ...",
    "answer:NAME": "what the person last answered in a form to the question NAME, told by the [events API](api.md)",
    "tagged:TAG": "whether the customer has the tag, true or false",
    "tag_after:BEGINNING": "the rest of the first tag that begins so: `tag_after:tier-` makes gold of tier-gold",
}


@dataclass(frozen=True, slots=True)
class Source:
    """``stored``: kept in ``profile_fields``; ``computed``: by ``sync.profile_values``; ``answered``: in a form;
    ``loyalty``: of the shop's programme."""

    name: str
    stored: bool = False
    computed: bool = False
    answered: bool = False
    loyalty: bool = False


def source(name: str) -> Source | None:
    """What ``name`` stands for; None when it stands for nothing."""
    if name in VALUES:
        return Source(name, computed=True)
    if name in CUSTOMER or _METAFIELD.match(name):
        return Source(name, stored=True)
    if _ANSWER.match(name):
        return Source(name, answered=True)
    if name in LOYALTY:
        return Source(name, loyalty=True)
    if name in PERSON or _TAG.match(name):
        return Source(name)
    family, _, rest = name.partition(".")
    channel, _, field = rest.partition(".")
    return Source(name) if family == "consent" and channel in OWN and field in CONSENT else None


def metafield_key(name: str) -> str:
    """The store's key of a metafield source: NAMESPACE.KEY."""
    return name.removeprefix("metafield:")


def question(name: str) -> str:
    """What an answer answers: ``size`` of ``answer:size``."""
    return name.removeprefix("answer:")


def every_name() -> list[str]:
    """All that may be written, with what stands for a choice in capitals."""
    return [*PERSON, *(f"consent.CHANNEL.{field}" for field in CONSENT), *CUSTOMER, *LOYALTY, *VALUES, *PATTERNS]
