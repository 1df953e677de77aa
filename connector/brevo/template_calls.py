"""Templates, and the addresses to which Brevo delivers nothing any more."""

from __future__ import annotations

from connector.brevo.calls import JSON, Calls, dicts
from connector.brevo.verdicts import Kind

TEMPLATES_PAGE, BLOCKED_PAGE = 1000, 100
"""The most rows that Brevo lists at once (OpenAPI)."""


class TemplateCalls(Calls):
    """Templates, and the addresses to which Brevo delivers nothing any more."""

    def templates(self, offset: int = 0) -> list[JSON]:
        """GET /smtp/templates, a page of TEMPLATES_PAGE: [{id, name, subject, isActive, doiTemplate, ...}].

        Bucket "smtp", of 300 an hour: what is read is kept.
        """
        get = self._sdk.transactional_emails.get_smtp_templates
        query = {"limit": TEMPLATES_PAGE, "offset": offset, "sort": "asc"}
        return dicts(self._json(get, Kind.READ, "smtp", query=query).get("templates"))

    def blocked_contacts(self, offset: int = 0) -> tuple[list[JSON], int]:
        """GET /smtp/blockedContacts, a page of BLOCKED_PAGE: [{email, senderEmail, blockedAt, reason: {code,
        message}}], and how many there are in all. Of the limit for emails.
        """
        get = self._sdk.transactional_emails.get_transac_blocked_contacts
        query = {"limit": BLOCKED_PAGE, "offset": offset, "sort": "asc"}
        told = self._json(get, Kind.READ, "email", query=query)
        return dicts(told.get("contacts")), int(told.get("count") or 0)
