"""A person as the body of Brevo's POST /contacts."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson

from connector import shipped_yaml
from connector.attribute_values import Dropped, converted
from connector.shops import Shop
from sync.mapping.attribute import CONDITIONS, IDENTIFIERS, Attribute, read
from sync.mapping.problems import Problem, WrongMapping
from sync.mapping.sources import LOYALTY, metafield_key, question, source

__all__ = [
    "BLACKLISTING", "CLEARED", "IDENTIFIERS", "TODAY", "Attribute", "answers", "attributes", "body", "computed_sources",
    "defaults", "loyalty", "metafields", "of_shop", "stored_sources", "values",
]  # fmt: skip

BLACKLISTING = frozenset({"unsubscribed", "undeliverable"})

TODAY = "today"
"""The key in ``person`` of the day that ``days_since`` counts to."""

CLEARED = object()
"""In ``person``: there was a value and there is none any more. Brevo's documentation clears with an empty text."""

_EMPTY = Dropped("nothing is known")


@cache
def defaults() -> Mapping[str, Any]:
    """The shipped mapping, as it is written."""
    return dict(shipped_yaml.load((files("sync.mapping") / "contact.yaml").read_text(encoding="utf-8")))


def attributes(overrides: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """The mapping in force: the shipped one with the shop's ``contact_mapping`` setting over it.

    Raises WrongMapping (InvalidInput) naming every entry that is wrong.
    """
    return _in_force(_key(overrides), "")


def _key(overrides: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(overrides), option=orjson.OPT_NON_STR_KEYS)


# Asked for with every contact, and it hardly ever changes.
@lru_cache(maxsize=256)
def _in_force(overrides: bytes, prefix: str) -> tuple[Attribute, ...]:
    entries = {**defaults(), **orjson.loads(overrides)}
    lines = [read(name, entry) for name, entry in entries.items() if entry is not None]
    if wrong := [one for one in lines if isinstance(one, Problem)]:
        raise WrongMapping(wrong)
    chosen = (one for one in lines if isinstance(one, Attribute))
    return tuple(one if one.name in IDENTIFIERS else replace(one, name=prefix + one.name) for one in chosen)


def of_shop(shop: Shop) -> tuple[Attribute, ...]:
    """The mapping in force for a shop, under the names that are its own at Brevo.

    Shops that share an account share its contacts: what the second knows of somebody does not replace what the first
    does. What the programme of a shop that keeps no loyalty data would fill is not in force. Raises WrongMapping like
    ``attributes``.
    """
    named = _in_force(_key(shop.settings["contact_mapping"]), shop.attribute_prefix)
    if shop.settings["loyalty"] is not None:
        return named
    return tuple(one for one in named if one.source not in LOYALTY)


def stored_sources(mapping: tuple[Attribute, ...]) -> list[str]:
    """What of the mapping is read from the store and kept only because it is mapped."""
    return sorted({one.source for one in mapping if (found := source(one.source)) and found.stored})


def computed_sources(mapping: tuple[Attribute, ...]) -> list[str]:
    """What of the mapping is computed when a contact is sent."""
    return sorted({one.source for one in mapping if (found := source(one.source)) and found.computed})


def answers(mapping: tuple[Attribute, ...]) -> dict[str, str]:
    """{question of a form: the source that asks for its answer} of those that are mapped."""
    named = {one.source for one in mapping if (found := source(one.source)) and found.answered}
    return {question(one): one for one in sorted(named)}


def loyalty(mapping: tuple[Attribute, ...]) -> dict[str, str]:
    """{field of somebody's standing: the source that asks for it} of those that are mapped."""
    named = sorted({one.source for one in mapping} & LOYALTY.keys())
    return {one.removeprefix("loyalty."): one for one in named}


def metafields(mapping: tuple[Attribute, ...]) -> list[str]:
    """The store's keys (NAMESPACE.KEY) of the metafields that are mapped."""
    return [metafield_key(one) for one in stored_sources(mapping) if one.startswith("metafield:")]


def body(
    person: Mapping[str, Any],
    consents: Mapping[str, Mapping[str, Any]],
    mapping: tuple[Attribute, ...],
    *,
    opted_out_before: Set[str] = frozenset(),
    without: Set[str] = frozenset(),
    with_id: bool = True,
) -> dict[str, Any]:
    """The upsert of this person, who must have an email; ``with_id``: whether the customer's id is the contact's too.

    ``person`` holds the columns of ``persons`` and, by their names, what else the mapping takes its values from
    (``sync.profile_sources``), ``consents`` the current rows by channel, ``opted_out_before`` the channels on which the
    ledger has an opt-out that is older than that. Nothing that is unknown is sent: an absent field stays what it is at
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
    found = values(person, consents, mapping)
    sent = {name: value for name, value in found.items() if not isinstance(value, Dropped) and name not in without}
    if sent:
        contact["attributes"] = sent
    return contact


def values(
    person: Mapping[str, Any], consents: Mapping[str, Mapping[str, Any]], mapping: tuple[Attribute, ...]
) -> dict[str, Any]:
    """{name at Brevo: the value, or Dropped with the reason} of every attribute of the mapping. As for ``body``."""
    return {one.name: _value(one, person, consents) for one in mapping}


def _value(attribute: Attribute, person: Mapping[str, Any], consents: Mapping[str, Mapping[str, Any]]) -> Any:
    if attribute.when is not None and _state(consents, CONDITIONS[attribute.when]) != "subscribed":
        return Dropped(f"no consent to {CONDITIONS[attribute.when]}")
    found = _found(attribute.source, person, consents)
    if found is None or found == "" or found is CLEARED:
        if attribute.default is not None:
            return attribute.default
        return "" if found is CLEARED else _EMPTY
    if isinstance(found, Dropped):
        return found
    return converted(found, attribute.type, steps=attribute.steps, options=attribute.options, today=person.get(TODAY))


def _found(name: str, person: Mapping[str, Any], consents: Mapping[str, Mapping[str, Any]]) -> Any:
    if name.startswith("consent."):
        _, channel, field = name.split(".", 2)
        if field == "accepted":
            return _state(consents, channel) == "subscribed"
        return consents.get(channel, {}).get(field)
    if name.startswith("tagged:"):
        return name.removeprefix("tagged:") in (person.get("tags") or ())
    if name.startswith("tag_after:"):
        beginning = name.removeprefix("tag_after:")
        return next(
            (tag.removeprefix(beginning) for tag in person.get("tags") or () if tag.startswith(beginning)), None
        )
    return person.get(name)


def _state(consents: Mapping[str, Mapping[str, Any]], channel: str) -> str | None:
    return consents[channel]["state"] if channel in consents else None
