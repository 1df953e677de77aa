"""One contact to Brevo, and what to do when another contact there already has one of its identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
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

    ``with_id``: the customer's id is to be the contact's too. ``lists``: {channel: the list of those who agreed}.
    ``leaving``: {channel: when they opted out} of those after whose opt-out the contact has not left its lists yet.
    """

    person: Mapping[str, Any]
    consents: dict[str, Mapping[str, Any]]
    opted_out_before: set[str]
    with_id: bool = True
    lists: Mapping[str, int] = field(default_factory=dict)
    leaving: dict[str, datetime] = field(default_factory=dict)

    def state(self, channel: str) -> str | None:
        """The consent to the channel's own purpose."""
        return self.consents[channel]["state"] if channel in self.consents else None

    def body(self, attributes: tuple[mapping.Attribute, ...], without: Set[str] = frozenset()) -> dict[str, Any]:
        """POST /contacts."""
        body = mapping.body(
            self.person,
            self.consents,
            attributes,
            opted_out_before=self.opted_out_before,
            without=without,
            with_id=self.with_id,
        )
        joined = sorted({self.lists[channel] for channel in self.lists if self.state(channel) == "subscribed"})
        # Who opted out of emails is on no list at all.
        if joined and self.state("email") not in mapping.BLACKLISTING:
            body["listIds"] = joined
        return body


@dataclass(frozen=True)
class Upsert:
    """Brings one contact to Brevo. ``lane``: whose calls these are (``connector.brevo.buckets``). ``on_blocklist``
    keeps that Brevo has the person on its blocklist of emails, of which we have not heard."""

    account: BrevoAccount
    contact: Contact
    lane: str
    on_blocklist: Callable[[], None]

    def send(self, attributes: tuple[mapping.Attribute, ...]) -> str | None:
        """Upsert this person; returns a note for staff when something had to be left out.

        Raises the ProviderError of the call. The repetitions are new, different requests, each with its own turn at the
        limiter.
        """
        body = self.contact.body(attributes)
        try:
            self.account.upsert_contact(body)
            return None
        except Refused as error:
            if _about_phone(error) and "SMS" in body.get("attributes", {}):
                # Families share a number, and Brevo's idea of a valid one is stricter than a store's.
                self._turn()
                self.account.upsert_contact(self.contact.body(attributes, without={"SMS"}))
                return f"without SMS: {error.detail}"
            if clashing_identifier(error) in ("EXT_ID", "EMAIL") and "ext_id" in body:
                return self._take_over(body, error)
            raise

    def leave_lists(self) -> None:
        """Who opted out of emails is on no list: a list that a campaign goes to may be one of which nobody looks at the
        blocklist. Who opted out of another channel leaves its list."""
        email = self.contact.person["email"]
        if "email" in self.contact.leaving and self.contact.state("email") in mapping.BLACKLISTING:
            self._turn()
            lists: Sequence[int] = (self.account.get_contact(email) or {}).get("listIds") or []
        else:
            lists = sorted({self.contact.lists[one] for one in self.contact.leaving if one in self.contact.lists})
        if lists:
            self._turn()
            self.account.update_contact(email, {"unlinkListIds": list(lists)})

    def _take_over(self, body: dict[str, Any], clash: Refused) -> str | None:
        """The customer's id is at Brevo under another email: rename that contact, or go on without the id.

        Renaming a blocklisted contact re-subscribes it (Brevo's reference, PUT /contacts), so the blocklisting that was
        there is written with the new address and again after it, unless the person has agreed since; and the contact
        leaves its lists with the same call, so that no campaign reaches it in between. ``on_blocklist`` has been told
        before the first of these calls: whoever dies between them leaves an opt-out that the next try goes by.
        """
        self._turn()
        existing = self.account.get_contact(body["ext_id"], "ext_id")
        change: dict[str, Any] = {"attributes": {**body.get("attributes", {}), "EMAIL": body["email"]}}
        blocked = bool((existing or {}).get("emailBlacklisted")) and body.get("emailBlacklisted") is not False
        if blocked:
            if self.contact.state("email") not in mapping.BLACKLISTING:
                self.on_blocklist()
            change["emailBlacklisted"] = True
            if lists := (existing or {}).get("listIds"):
                change["unlinkListIds"] = lists
        try:
            if existing is None:
                raise clash
            self._turn()
            self.account.update_contact(body["ext_id"], change, "ext_id")
        except Refused as error:
            self._turn()
            self.account.upsert_contact({key: value for key, value in body.items() if key != "ext_id"})
            return f"{WITHOUT_ID}: {error.detail}"
        self._turn()
        again = {key: value for key, value in body.items() if not (blocked and key == "listIds")}
        self.account.upsert_contact({**again, **({"emailBlacklisted": True} if blocked else {})})
        return None

    def _turn(self) -> None:
        self.account.await_turn(BUCKET, lane=self.lane)


def _about_phone(error: Refused) -> bool:
    said = error.detail.lower()
    return clashing_identifier(error) == "SMS" or "phone" in said or "sms" in said.split()
