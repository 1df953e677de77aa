"""Contacts, their attributes and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import Kind


class ContactCalls(Calls):
    """Contacts, their attributes and events."""

    def attributes(self) -> list[JSON]:
        """GET /contacts/attributes: [{name, category, type, ...}]."""
        found = self._json(self._sdk.contacts.get_attributes, Kind.READ, "contacts")
        return dicts(found.get("attributes"))

    def create_attribute(self, category: str, name: str, kind: str) -> None:
        """POST /contacts/attributes/{category}/{name}. Refused when it exists."""
        create = self._sdk.contacts.create_attribute
        path = (quote(category, safe=""), quote(name, safe=""))
        self._call(create, Kind.IDEMPOTENT, "contacts", *path, body={"type": kind})

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
            quote(identifier, safe=""),
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
            quote(identifier, safe=""),
            query={"identifierType": identifier_type},
            missing_is_answer=True,
        )
        return None if answer.status == 404 else object_of(answer, Kind.READ)

    def delete_contact(self, identifier: str, identifier_type: str = "email_id") -> bool:
        """DELETE /contacts/{identifier}?identifierType=; False when there is no such contact."""
        delete = self._sdk.contacts.delete_contact
        query = {"identifierType": identifier_type}
        path = quote(identifier, safe="")
        answer = self._call(delete, Kind.IDEMPOTENT, "contacts", path, query=query, missing_is_answer=True)
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
