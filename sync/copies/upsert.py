"""One contact to Brevo, and what to do when another contact there already has one of its identifiers."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from connector.brevo.client import BrevoAccount
from connector.brevo.verdicts import clashing_identifier
from connector.errors import Refused
from sync.mapping import contact as mapping

BUCKET = "contacts"
WITHOUT_ID = "without ext_id"
"""How the note of a contact begins that could not be given its customer id."""


@dataclass(frozen=True)
class Contact:
    """A row of ``persons``, the rows of ``consents`` by channel, the channels with an opt-out in the ledger.

    ``with_id``: the customer's id is to be the contact's too. ``list_id``: of the list of those who agreed to emails.
    """

    person: Mapping[str, Any]
    consents: dict[str, Mapping[str, Any]]
    opted_out_before: set[str]
    with_id: bool = True
    list_id: int | None = None

    def body(self, attributes: tuple[mapping.Attribute, ...], without: Set[str] = frozenset()) -> dict[str, Any]:
        return mapping.body(
            self.person,
            self.consents,
            attributes,
            opted_out_before=self.opted_out_before,
            without=without,
            with_id=self.with_id,
            list_id=self.list_id,
        )


def send(account: BrevoAccount, contact: Contact, attributes: tuple[mapping.Attribute, ...]) -> str | None:
    """Upsert this person; returns a note for staff when something had to be left out.

    Raises the ProviderError of the call. The repetitions below are new, different requests, each with its own
    turn at the limiter.
    """
    note = _upsert(account, contact, attributes)
    if _state(contact, "email") in mapping.BLACKLISTING:
        _leave_lists(account, contact.person["email"])
    return note


def _leave_lists(account: BrevoAccount, email: str) -> None:
    """Who opted out is on no list: a list that a campaign goes to may be one of which nobody looks at the blocklist."""
    account.await_turn(BUCKET)
    lists = (account.get_contact(email) or {}).get("listIds") or []
    if lists:
        account.await_turn(BUCKET)
        account.update_contact(email, {"unlinkListIds": lists})


def _state(contact: Contact, channel: str) -> str | None:
    return contact.consents[channel]["state"] if channel in contact.consents else None


def _upsert(account: BrevoAccount, contact: Contact, attributes: tuple[mapping.Attribute, ...]) -> str | None:
    body = contact.body(attributes)
    try:
        account.upsert_contact(body)
        return None
    except Refused as error:
        if _about_phone(error) and "SMS" in body.get("attributes", {}):
            # Families share a number, and Brevo's idea of a valid one is stricter than a store's.
            account.await_turn(BUCKET)
            account.upsert_contact(contact.body(attributes, without={"SMS"}))
            return f"without SMS: {error.detail}"
        if clashing_identifier(error) in ("EXT_ID", "EMAIL") and "ext_id" in body:
            return _take_over(account, body, error)
        raise


def _take_over(account: BrevoAccount, body: dict[str, Any], clash: Refused) -> str | None:
    """The customer's id is at Brevo under another email: rename that contact, or go on without the id.

    Renaming a blocklisted contact re-subscribes it (Brevo's reference, PUT /contacts), so the blocklisting
    that was there is written again unless the person has agreed since.
    """
    account.await_turn(BUCKET)
    existing = account.get_contact(body["ext_id"], "ext_id")
    renamed = {**body.get("attributes", {}), "EMAIL": body["email"]}
    try:
        if existing is None:
            raise clash
        account.await_turn(BUCKET)
        account.update_contact(body["ext_id"], {"attributes": renamed}, "ext_id")
    except Refused as error:
        account.await_turn(BUCKET)
        account.upsert_contact({key: value for key, value in body.items() if key != "ext_id"})
        return f"{WITHOUT_ID}: {error.detail}"
    blocked = bool(existing.get("emailBlacklisted"))
    account.await_turn(BUCKET)
    account.upsert_contact({**({"emailBlacklisted": True} if blocked else {}), **body})
    return None


def _about_phone(error: Refused) -> bool:
    said = error.detail.lower()
    return clashing_identifier(error) == "SMS" or "phone" in said or "sms" in said.split()
