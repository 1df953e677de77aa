"""Brevo drops attributes that it does not know without a word: they are created first and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from connector.backoff import in_turn
from connector.brevo.client import BrevoAccount
from connector.errors import Refused
from sync.mapping.contact import IDENTIFIERS, Attribute

_BUCKET = "contacts"
# Machine seconds.
_PATIENCE = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Ensured:
    """``created``: names that were missing; ``problems``: sentences on what Brevo will drop, if anything."""

    created: tuple[str, ...]
    problems: tuple[str, ...]


def ensure(account: BrevoAccount, mapping: tuple[Attribute, ...]) -> Ensured:
    """Create the attributes of the mapping that are missing and read them back."""
    wanted = _wanted(mapping)
    present = _present(account)
    missing = [name for name in wanted if name not in present]
    for name in missing:
        try:
            _in_turn(account, partial(account.create_attribute, "normal", name, wanted[name]))
        except Refused:
            # Somebody else may have created it meanwhile; reading back decides.
            continue
    if missing:
        present = _present(account)
    return Ensured(tuple(name for name in missing if name in present), tuple(_problems(wanted, present)))


def problems(account: BrevoAccount, mapping: tuple[Attribute, ...]) -> list[str]:
    """What Brevo would drop of this mapping as the account is now, without changing anything."""
    return _problems(_wanted(mapping), _present(account))


def _wanted(mapping: tuple[Attribute, ...]) -> dict[str, str]:
    return {a.name: a.type for a in mapping if a.name not in IDENTIFIERS}


def _problems(wanted: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    missing = [f"the attribute {name} does not exist" for name in wanted if name not in present]
    return missing + [
        f"the attribute {name} is of type {present[name]} where we send {kind}: its values will be dropped"
        for name, kind in wanted.items()
        if present.get(name, kind) not in ("", kind)
    ]


def _in_turn(account: BrevoAccount, call: Callable[[], Answer]) -> Answer:
    """Somebody waits for this at a terminal: a limit that others have used up is waited for, within reason."""

    def ask() -> Answer:
        account.await_turn(_BUCKET)
        return call()

    return in_turn(ask, _PATIENCE)


def _present(account: BrevoAccount) -> dict[str, str]:
    """Name -> type of the attributes that a contact's values can be written to."""
    return {
        str(found.get("name")): str(found.get("type") or "")
        for found in _in_turn(account, account.attributes)
        if found.get("category") in (None, "normal")
    }
