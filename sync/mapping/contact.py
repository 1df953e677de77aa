"""A person as the body of Brevo's POST /contacts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from connector.errors import InvalidInput
from connector.shops import Shop

# Brevo's own identifiers: writable, but never to be created as attributes.
IDENTIFIERS = frozenset({"EMAIL", "SMS", "EXT_ID"})
BLACKLISTING = frozenset({"unsubscribed", "undeliverable"})


@dataclass(frozen=True)
class Attribute:
    """One line of the mapping."""

    name: str
    source: str
    type: str
    when: str | None = None


@cache
def _defaults() -> dict[str, Any]:
    return dict(yaml.safe_load((files("sync.mapping") / "contact.yaml").read_text(encoding="utf-8")))


def attributes(overrides: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """The mapping in force: the shipped one with the shop's ``contact_mapping`` setting over it.

    Raises InvalidInput naming the entry that is wrong.
    """
    chosen = []
    for name, entry in {**_defaults(), **overrides}.items():
        if entry is None:
            continue
        if not isinstance(entry, Mapping) or not entry.get("from") or entry.get("type") not in _CONVERT:
            raise InvalidInput(f"contact mapping: {name} needs `from` and a `type` of {', '.join(sorted(_CONVERT))}")
        if name != name.upper():
            raise InvalidInput(f"contact mapping: {name}: Brevo's attribute names are upper case")
        if entry.get("when") not in (None, "sms_subscribed"):
            raise InvalidInput(f"contact mapping: {name}: unknown `when: {entry['when']}`")
        chosen.append(Attribute(name, str(entry["from"]), entry["type"], entry.get("when")))
    return tuple(chosen)


def of_shop(shop: Shop) -> tuple[Attribute, ...]:
    """The mapping in force for a shop, under the names that are its own at Brevo.

    Shops that share an account share its contacts: what the second knows of somebody does not replace what the first
    does. Raises InvalidInput like ``attributes``.
    """
    chosen = attributes(shop.settings["contact_mapping"])
    prefix = shop.settings["attribute_prefix"]
    if prefix is None:
        prefix = "" if shop.owns_contacts else _prefix_of(shop.domain)
    return tuple(one if one.name in IDENTIFIERS else replace(one, name=prefix + one.name) for one in chosen)


def _prefix_of(domain: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", domain.partition(".")[0].upper()).strip("_")
    return f"{name[:20]}_" if name[:1].isalpha() else f"SHOP_{name[:15]}_"


def body(
    person: Mapping[str, Any],
    consents: Mapping[str, Mapping[str, Any]],
    mapping: tuple[Attribute, ...],
    *,
    opted_out_before: Set[str] = frozenset(),
    without: Set[str] = frozenset(),
    with_id: bool = True,
    list_id: int | None = None,
) -> dict[str, Any]:
    """The upsert of this person, who must have an email; ``with_id``: whether the customer's id is the contact's too.

    ``person`` holds the columns of ``persons``, ``consents`` the current rows by channel, ``opted_out_before`` the
    channels on which the ledger has an opt-out that is older than that. ``list_id``: the list of those who agreed to
    emails. Nothing that is unknown is sent: an absent field stays what it is at
    Brevo, and null is never sent.

    ``emailBlacklisted: false`` re-subscribes, also somebody who opted out at Brevo without our being told. It is sent
    only where consent was given after an opt-out that we know of; a new contact is not blacklisted anyway.
    """
    contact: dict[str, Any] = {"email": person["email"], "updateEnabled": True}
    if with_id and person["customer_id"] is not None:
        contact["ext_id"] = str(person["customer_id"])
    for channel, flag in (("email", "emailBlacklisted"), ("sms", "smsBlacklisted")):
        state = _state(consents, channel)
        if state == "subscribed" and channel in opted_out_before:
            contact[flag] = False
        elif state in BLACKLISTING:
            contact[flag] = True
    if list_id is not None and _state(consents, "email") == "subscribed":
        contact["listIds"] = [list_id]
    values = {
        attribute.name: value
        for attribute in mapping
        if attribute.name not in without
        and _wanted(attribute, consents)
        and (value := _value(attribute, person, consents)) is not None
    }
    if values:
        contact["attributes"] = values
    return contact


def _wanted(attribute: Attribute, consents: Mapping[str, Mapping[str, Any]]) -> bool:
    return attribute.when != "sms_subscribed" or _state(consents, "sms") == "subscribed"


def _state(consents: Mapping[str, Mapping[str, Any]], channel: str) -> str | None:
    return consents[channel]["state"] if channel in consents else None


def _value(attribute: Attribute, person: Mapping[str, Any], consents: Mapping[str, Mapping[str, Any]]) -> Any:
    if attribute.source.startswith("consent."):
        _, channel, field = attribute.source.split(".", 2)
        found = consents.get(channel, {}).get(field)
    else:
        found = person.get(attribute.source)
    return None if found is None or found == "" else _CONVERT[attribute.type](found)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _day(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "date": _day,
    "float": _float,
    "boolean": _boolean,
}
