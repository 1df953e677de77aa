"""Whom a body names: read off its fields, whatever the topic, so that what was never applied is found too.

A name is a pair of kind and value: ``("customer", "17")``, order, draft_order, checkout, cart, external (another system
of the merchant's), visitor (a browser), email (lower case) or phone (digits only).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

Name = tuple[str, str]

PEOPLE = frozenset({"customer", "email", "phone"})
_GLOBAL_ID = re.compile(r"gid://shopify/(Customer|Order|DraftOrder)/(\d+)\Z")
_OF_TYPE = {"Customer": "customer", "Order": "order", "DraftOrder": "draft_order"}
_EMAIL = re.compile(r"[^@\s<>\"']+@[^@\s<>\"']+\Z")
_PHONE = re.compile(r"\+?[\d\s().-]{7,24}\Z")
# Fields whose number or text is an id of this kind.
_IDS = {"customer_id": "customer", "order_id": "order", "checkout_token": "checkout", "cart_token": "cart"}
_OBJECTS = {"customer": "customer", "order": "order"}
_LISTS = {"orders_requested": "order", "orders_to_redact": "order"}
# Whose id or token stands at the top of a body, by the beginning of the topic.
_TOP = {
    "customers/": ("id", "customer"),
    "orders/": ("id", "order"),
    "draft_orders/": ("id", "draft_order"),
    "checkouts/": ("token", "checkout"),
    "carts/": ("token", "cart"),
}
# What our own events API is told.
_OF_API = "events/"
_TOLD_AT = ("updated_at", "created_at", "consent_updated_at", "occurred_at")


def in_body(topic: str, body: Any) -> frozenset[Name]:
    """Everybody and everything that this JSON value names. ``topic``: "" when it is no delivery."""
    found: set[Name] = set()
    if isinstance(body, Mapping):
        for beginning, (field, kind) in _TOP.items():
            if topic.startswith(beginning):
                _add(found, kind, body.get(field))
        person = body.get("person")
        if topic.startswith(_OF_API) and isinstance(person, Mapping):
            _add(found, "external", person.get("external_id"))
            _add(found, "visitor", person.get("visitor_id"))
    _walk(found, "", body)
    return frozenset(found)


def _walk(found: set[Name], field: str, value: Any) -> None:
    # No recursion: a body may be nested deeper than Python follows itself.
    left = [(field, value)]
    while left:
        field, value = left.pop()
        if isinstance(value, Mapping):
            if field in _OBJECTS:
                _add(found, _OBJECTS[field], value.get("id"))
            left += [(str(key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            for inner in value:
                if field in _LISTS:
                    _add(found, _LISTS[field], inner)
                left.append((field, inner))
        elif field in _IDS:
            _add(found, _IDS[field], value)
        elif isinstance(value, str):
            _read(found, field, value)


def _read(found: set[Name], field: str, text: str) -> None:
    if match := _GLOBAL_ID.match(text):
        found.add((_OF_TYPE[match[1]], match[2]))
    elif _EMAIL.match(text.strip()):
        found.add(("email", text.strip().lower()))
    elif "phone" in field and _PHONE.match(text.strip()):
        found.add(("phone", digits(text)))


def _add(found: set[Name], kind: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        found.add((kind, str(value)))
    elif isinstance(value, str) and value and not value.startswith("gid:"):
        found.add((kind, value))


def digits(number: str) -> str:
    """A telephone number as a name.

    >>> digits("+33 6 12-34")
    '3361234'
    """
    return re.sub(r"\D", "", number)


def of_person(named: Iterable[Name], mine: frozenset[Name]) -> bool:
    """Whether a body that names these is about the one who is known by ``mine``.

    A body that says which customer it is about is about nobody else, whatever address or number stands in it too.
    """
    told = frozenset(named)
    customers = {name for name in told if name[0] == "customer"}
    return bool((customers or told) & mine)


def told_at(body: Any) -> datetime | None:
    """As of when a body speaks, by its own fields."""
    if not isinstance(body, Mapping):
        return None
    found = []
    for field in _TOLD_AT:
        try:
            moment = datetime.fromisoformat(str(body.get(field)))
        except ValueError:
            continue
        if moment.tzinfo is not None:
            found.append(moment)
    return max(found, default=None)
