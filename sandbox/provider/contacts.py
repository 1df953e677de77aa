"""The contacts of an account: identifiers that are unique, upserts, clashes, blocklists.

Chosen where the documentation is silent: a create with `updateEnabled` looks for the contact by the first
identifier given (email, ext_id, SMS, WHATSAPP, LANDLINE_NUMBER in this order); any other identifier given
that belongs to another contact is a clash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from sandbox.provider import moments
from sandbox.provider.attributes import IDENTIFIERS, Attributes
from sandbox.provider.wire import Refusal, invalid, missing, not_found

IDENTIFIER_TYPES = {
    "email_id": "EMAIL",
    "ext_id": "EXT_ID",
    "phone_id": "SMS",
    "whatsapp_id": "WHATSAPP",
    "landline_number_id": "LANDLINE_NUMBER",
}
# How the provider's error messages and `metadata.duplicate_identifiers` call them.
_SPOKEN = {"EMAIL": "email", "EXT_ID": "ext_id"}
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")

_CONDITION = re.compile(r'equals\(\s*([A-Z0-9_-]+)\s*,\s*"?(.*?)"?\s*\)')


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text)) and ".." not in text and not text.startswith(".") and ".@" not in text


def normal(name: str, value: Any) -> str:
    """An identifier as it is stored and compared; raises Refusal(invalid_parameter)."""
    text = value.strip() if isinstance(value, str) else str(value)
    if name == "EMAIL":
        if not is_email(text):
            raise invalid("Invalid email address")
        return text.lower()
    if name == "EXT_ID":
        return text
    digits = re.sub(r"[\s().-]", "", text).removeprefix("+").removeprefix("00")
    try:
        possible = digits.isdigit() and phonenumbers.is_possible_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        possible = False
    if not possible:
        raise invalid("Invalid phone number")
    return digits


@dataclass
class Contact:
    """`created_at`, `modified_at` are business unix seconds, `written_at` is wire seconds."""

    id: int
    created_at: float
    modified_at: float
    written_at: float
    identifiers: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    email_blocklisted: bool = False
    sms_blocklisted: bool = False
    whatsapp_blocklisted: bool = False
    list_ids: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        named = {name: value for name, value in self.identifiers.items() if name != "EMAIL"}
        email = self.identifiers.get("EMAIL")
        return {
            "id": self.id,
            **({"email": email} if email else {}),
            "emailBlacklisted": self.email_blocklisted,
            "smsBlacklisted": self.sms_blocklisted,
            "whatsappBlacklisted": self.whatsapp_blocklisted,
            "createdAt": moments.api(self.created_at),
            "modifiedAt": moments.api(self.modified_at),
            "listIds": sorted(self.list_ids),
            "attributes": {**named, **self.attributes},
        }


@dataclass
class Change:
    """What one call asks of a contact. An identifier of None is taken away."""

    identifiers: dict[str, str | None] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    email_blocklisted: bool | None = None
    sms_blocklisted: bool | None = None
    add_lists: list[int] = field(default_factory=list)
    remove_lists: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, body: dict[str, Any], defined: Attributes) -> Change:
        """Read a create, update or import body; raises Refusal for identifiers that cannot be."""
        values = body.get("attributes", {})
        kept, dropped = defined.fit(values)
        given = {name: values[name] for name in IDENTIFIERS if values.get(name) is not None}
        given |= {name: body[key] for key, name in (("email", "EMAIL"), ("ext_id", "EXT_ID")) if key in body}
        return cls(
            {name: None if value == "" else normal(name, value) for name, value in given.items()},
            kept,
            dropped,
            body.get("emailBlacklisted"),
            body.get("smsBlacklisted"),
            body.get("listIds", []),
            body.get("unlinkListIds", []),
        )


@dataclass(frozen=True)
class Effect:
    """What is different after a write: values by attribute name, and the lists that the contact is new in."""

    changed: dict[str, Any]
    joined: list[int]


@dataclass(frozen=True)
class Written:
    """What a create did; `merged_away` are the ids of deleted contacts."""

    contact: Contact
    created: bool
    effect: Effect
    merged_away: list[int]


def clash(verb: str, names: list[str]) -> Refusal:
    spoken = [_SPOKEN.get(name, name) for name in names]
    return Refusal(
        400,
        "duplicate_parameter",
        f"Unable to {verb} contact, {spoken[0]} is already associated with another Contact",
        metadata={"duplicate_identifiers": spoken},
    )


def check_condition(condition: str) -> tuple[str, str]:
    """Attribute and value of a `filter`, `equals(ATTRIBUTE,"value")`; raises Refusal."""
    parts = _CONDITION.fullmatch(condition)
    if parts is None:
        raise invalid("filter is invalid")
    return parts[1], parts[2].lower()


def matches(contact: Contact, condition: str) -> bool:
    name, wanted = check_condition(condition)
    return str({**contact.identifiers, **contact.attributes}.get(name, "")).lower() == wanted


class ContactBook:
    """Contacts of one account, found by id or by any identifier. The account's lock guards it."""

    def __init__(self) -> None:
        self._contacts: dict[int, Contact] = {}
        self._owner: dict[tuple[str, str], int] = {}
        self._made = 0

    def all(self) -> list[Contact]:
        return list(self._contacts.values())

    def by_id(self, id: int) -> Contact | None:
        return self._contacts.get(id)

    def owner(self, name: str, value: str) -> Contact | None:
        """The contact with this identifier; `value` in normal form."""
        return self._contacts.get(self._owner.get((name, value), 0))

    def find(self, identifier: str, kind: str | None) -> Contact:
        """The contact a path names; without `kind` only an address or a numeric id is understood."""
        if kind is None:
            kind = "contact_id" if identifier.isdigit() else "email_id"
            if kind == "email_id" and "@" not in identifier:
                raise invalid("Invalid email address or contact id: pass identifierType")
        if kind == "contact_id":
            found = self.by_id(int(identifier)) if identifier.isdigit() else None
        elif kind in IDENTIFIER_TYPES:
            name = IDENTIFIER_TYPES[kind]
            found = self.owner(name, normal(name, identifier))
        else:
            raise invalid("identifierType is invalid")
        if found is None:
            raise not_found("Contact does not exist")
        return found

    def lookup(self, identifiers: dict[str, Any]) -> Contact | None:
        """The contact an event or order names (`contact_id` wins), None if there is none."""
        if identifiers.get("contact_id"):
            return self.by_id(identifiers["contact_id"])
        for kind, name in IDENTIFIER_TYPES.items():
            if identifiers.get(kind):
                found = self.owner(name, normal(name, identifiers[kind]))
                if found:
                    return found
        return None

    def others(self, change: Change, contact: Contact | None) -> dict[str, Contact]:
        """By identifier: the other contacts that own what `change` wants for `contact`."""
        owners = {name: self.owner(name, value) for name, value in change.identifiers.items() if value}
        return {name: owner for name, owner in owners.items() if owner and owner is not contact}

    def upsert(self, change: Change, now: float, wire: float, *, update: bool, merge: bool) -> Written:
        """Create or update as POST /contacts does. Raises Refusal on a clash."""
        wanted = [(name, change.identifiers[name]) for name in IDENTIFIERS if change.identifiers.get(name)]
        if not wanted:
            raise missing("One of email, ext_id or attributes.SMS is required")
        existing = self.owner(wanted[0][0], str(wanted[0][1]))
        others = self.others(change, existing)
        merged_away: list[int] = []
        if merge and others:
            existing, merged_away = self.merge([c for c in [existing, *others.values()] if c])
        elif existing and not (update or merge):
            raise clash("create", [wanted[0][0], *others])
        elif others:
            raise clash("update" if existing else "create", list(others))
        created = existing is None
        if existing is None:
            self._made += 1
            existing = self._contacts[self._made] = Contact(self._made, now, now, wire)
        return Written(existing, created, self.write(existing, change, now, wire), merged_away)

    def merge(self, contacts: list[Contact]) -> tuple[Contact, list[int]]:
        """Keep the one modified last, delete the rest (their ids are the second answer)."""
        survivor = max(contacts, key=lambda contact: (contact.modified_at, contact.id))
        gone = {c.id: c for c in contacts if c is not survivor}
        for contact in gone.values():
            self.delete(contact)
        return survivor, sorted(gone)

    def write(self, contact: Contact, change: Change, now: float, wire: float) -> Effect:
        """Apply a change that clashes with nobody."""
        before = contact.as_json()
        for name, value in change.identifiers.items():
            old = contact.identifiers.pop(name, None)
            if old is not None:
                self._owner.pop((name, old), None)
            if value is not None:
                contact.identifiers[name] = value
                self._owner[name, value] = contact.id
            if name == "EMAIL" and old is not None and value != old:
                # Documented: a new address takes a blocklisted contact off the blocklist.
                contact.email_blocklisted = False
        for name, value in change.attributes.items():
            if value == "":
                contact.attributes.pop(name, None)
            else:
                contact.attributes[name] = value
        if change.email_blocklisted is not None:
            contact.email_blocklisted = change.email_blocklisted
        if change.sms_blocklisted is not None:
            contact.sms_blocklisted = change.sms_blocklisted
        contact.list_ids |= set(change.add_lists)
        contact.list_ids -= set(change.remove_lists)
        contact.modified_at, contact.written_at = now, wire
        after = contact.as_json()
        changed = {key: after[key] for key in ("emailBlacklisted", "smsBlacklisted") if after[key] != before[key]}
        if after.get("email") != before.get("email"):
            changed["EMAIL"] = after.get("email", "")
        names = before["attributes"].keys() | after["attributes"].keys()
        for name in sorted(names):
            if before["attributes"].get(name) != after["attributes"].get(name):
                changed[name] = after["attributes"].get(name, "")
        return Effect(changed, sorted(set(after["listIds"]) - set(before["listIds"])))

    def delete(self, contact: Contact) -> None:
        for name, value in contact.identifiers.items():
            self._owner.pop((name, value), None)
        del self._contacts[contact.id]
