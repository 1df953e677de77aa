"""Brevo drops attributes that it does not know without a word: they are created first and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from connector.backoff import in_turn
from connector.brevo.client import BrevoAccount
from connector.errors import Refused
from sync.mapping.contact import IDENTIFIERS, Attribute

_BUCKET = "contacts"
_WRITABLE = (None, "normal", "category")
# Machine seconds.
_PATIENCE = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Ensured:
    """``created``: names that were missing; ``problems``: sentences on what Brevo will drop, if anything."""

    created: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Defined:
    """An attribute at Brevo. ``options``: the numbers of a category, the labels of multiple choice."""

    type: str
    options: frozenset[Any] = frozenset()


def ensure(account: BrevoAccount, mapping: tuple[Attribute, ...]) -> Ensured:
    """Create the attributes of the mapping that are missing and read them back."""
    wanted = _wanted(mapping)
    present = defined(account)
    missing = [name for name in wanted if name not in present]
    for name in missing:
        one = wanted[name]
        category = "category" if one.type == "category" else "normal"
        try:
            _in_turn(account, partial(account.create_attribute, category, name, one.type, one.options))
        except Refused:
            # Somebody else may have created it meanwhile; reading back decides.
            continue
    if missing:
        present = defined(account)
    return Ensured(tuple(name for name in missing if name in present), tuple(unfit(mapping, present).values()))


def problems(account: BrevoAccount, mapping: tuple[Attribute, ...]) -> list[str]:
    """What Brevo would drop of this mapping as the account is now, without changing anything."""
    return list(unfit(mapping, defined(account)).values())


def unfit(mapping: tuple[Attribute, ...], present: Mapping[str, Defined]) -> dict[str, str]:
    """{name: a sentence} on the attributes whose values Brevo would drop, those that are missing first."""
    wanted = _wanted(mapping)
    missing = {name: f"the attribute {name} does not exist" for name in wanted if name not in present}
    return missing | {
        name: said for name, one in wanted.items() if name in present and (said := _difference(one, present[name]))
    }


def _wanted(mapping: tuple[Attribute, ...]) -> dict[str, Attribute]:
    return {one.name: one for one in mapping if one.name not in IDENTIFIERS}


def _difference(one: Attribute, there: Defined) -> str | None:
    if there.type not in ("", one.type):
        return f"the attribute {one.name} is of type {there.type} where we send {one.type}: its values will be dropped"
    unknown = [label for label, value in one.options.items() if value not in there.options]
    if unknown:
        return f"the attribute {one.name} has no option {', '.join(unknown)} at Brevo: these values will be dropped"
    return None


def _in_turn(account: BrevoAccount, call: Callable[[], Answer]) -> Answer:
    """Somebody waits for this at a terminal: a limit that others have used up is waited for, within reason."""

    def ask() -> Answer:
        account.await_turn(_BUCKET)
        return call()

    return in_turn(ask, _PATIENCE)


def defined(account: BrevoAccount) -> dict[str, Defined]:
    """{name: the attribute} of those that a contact's values can be written to. Raises ProviderError."""
    return {
        str(found.get("name")): _defined(found)
        for found in _in_turn(account, account.attributes)
        if found.get("category") in _WRITABLE
    }


def told(account: BrevoAccount) -> dict[str, dict[str, Any]]:
    """{name: {type, options: {label: what Brevo knows it by}}} of the attributes that a contact's values can be written
    to. For a worker: a limit that is used up is not waited for. Raises ProviderError."""
    return {
        str(found.get("name")): {"type": _defined(found).type or "text", "options": _options(found)}
        for found in account.attributes()
        if found.get("category") in _WRITABLE
    }


def create(account: BrevoAccount, kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Create these attributes, {name: type}; what is then ``told``. Raises ProviderError."""
    for name, kind in kinds.items():
        try:
            account.create_attribute("normal", name, kind)
        except Refused:
            # Somebody else may have created it meanwhile, or it is none that can be written: reading tells.
            continue
    return told(account)


def _options(found: Mapping[str, Any]) -> dict[str, Any]:
    labels = {str(one.get("label")): one.get("value") for one in found.get("enumeration") or ()}
    return labels | {str(one): one for one in found.get("multiCategoryOptions") or ()}


def _defined(found: Mapping[str, Any]) -> Defined:
    # Of a category Brevo tells no type.
    kind = "category" if found.get("category") == "category" else str(found.get("type") or "")
    values = {option.get("value") for option in found.get("enumeration") or ()}
    return Defined(kind, frozenset({*values, *(found.get("multiCategoryOptions") or ())}))
