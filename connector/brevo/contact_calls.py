"""Contacts, their attributes and events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import Kind

CONTACTS_PAGE = 1000
"""The most contacts that Brevo lists at once (OpenAPI)."""


class ContactCalls(Calls):
    """Contacts, their attributes and events."""

    def attributes(self) -> list[JSON]:
        """GET /contacts/attributes: [{name, category, type, ...}]."""
        found = self._json(self._sdk.contacts.get_attributes, Kind.READ, "contacts")
        return dicts(found.get("attributes"))

    def create_attribute(self, category: str, name: str, kind: str, options: Mapping[str, Any] | None = None) -> None:
        """POST /contacts/attributes/{category}/{name}. Refused when it exists.

        ``options``: {label: its number} of a category, {label: the same} of multiple choice.
        """
        create = self._sdk.contacts.create_attribute
        body = {"type": kind, **_options(kind, options or {})}
        self._call(create, Kind.IDEMPOTENT, "contacts", category, name, body=body)

    def contacts(self, offset: int, modified_since: datetime | None = None) -> tuple[list[JSON], int]:
        """GET /contacts, a page of CONTACTS_PAGE in the order in which they were created: [{id, email, attributes,
        emailBlacklisted, smsBlacklisted, whatsappBlacklisted, listIds, listUnsubscribed, modifiedAt}], and how many
        there are in all.
        """
        query: JSON = {"limit": CONTACTS_PAGE, "offset": offset, "sort": "asc"}
        if modified_since is not None:
            query["modifiedSince"] = modified_since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = self._json(self._sdk.contacts.get_contacts, Kind.READ, "contacts", query=query)
        return dicts(told.get("contacts")), int(told.get("count") or 0)

    def upsert_contact(self, body: Mapping[str, Any]) -> int | None:
        """POST /contacts. Returns the id of a created contact, None when one was updated (204)."""
        create = self._sdk.contacts.create_contact
        answer = self._call(create, Kind.IDEMPOTENT, "contacts", body=body)
        return answer.body.get("id") if isinstance(answer.body, dict) else None

    def update_contact(self, identifier: str, body: Mapping[str, Any], identifier_type: str = "email_id") -> None:
        """PUT /contacts/{identifier}?identifierType= (email_id, contact_id, ext_id, phone_id)."""
        update = self._sdk.contacts.update_contact
        self._call(
            update,
            Kind.IDEMPOTENT,
            "contacts",
            identifier,
            body=body,
            query={"identifierType": identifier_type},
        )

    def get_contact(self, identifier: str, identifier_type: str = "email_id") -> JSON | None:
        """GET /contacts/{identifier}; None when there is no such contact."""
        get = self._sdk.contacts.get_contact_info
        answer = self._call(
            get,
            Kind.READ,
            "contacts",
            identifier,
            query={"identifierType": identifier_type},
            missing_is_answer=True,
        )
        return None if answer.status == 404 else object_of(answer, Kind.READ)

    def delete_contact(self, identifier: str, identifier_type: str = "email_id") -> bool:
        """DELETE /contacts/{identifier}?identifierType=; False when there is no such contact."""
        delete = self._sdk.contacts.delete_contact
        query = {"identifierType": identifier_type}
        answer = self._call(delete, Kind.IDEMPOTENT, "contacts", identifier, query=query, missing_is_answer=True)
        return answer.status != 404

    def ask_to_confirm(self, body: Mapping[str, Any]) -> None:
        """POST /contacts/doubleOptinConfirmation: {email, includeListIds, templateId, redirectionUrl, ...}.

        Each call is a mail: OutcomeUnknown means that it may have left.
        """
        ask = self._sdk.contacts.create_doi_contact
        required: dict[str, Any] = {
            "email": body["email"],
            "include_list_ids": [],
            "redirection_url": "",
            "template_id": 0,
        }
        self._call(ask, Kind.ONCE, "contacts", body=body, **required)

    def create_event(self, body: Mapping[str, Any]) -> None:
        """POST /events. Not idempotent at Brevo: OutcomeUnknown means that it may have been recorded."""
        create = self._sdk.event.create_event
        required = {"event_name": body["event_name"], "identifiers": dict(body["identifiers"])}
        self._call(create, Kind.ONCE, "events", body=body, **required)


def _options(kind: str, options: Mapping[str, Any]) -> JSON:
    if kind == "category":
        return {"enumeration": [{"value": value, "label": label} for label, value in options.items()]}
    return {"multiCategoryOptions": list(options)} if kind == "multiple-choice" else {}
