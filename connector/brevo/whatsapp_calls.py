"""WhatsApp messages, the templates that they need, and how the account stands with Meta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import PROVIDER, Kind
from connector.errors import OutcomeUnknown
from connector.http import leaving_by

WHATSAPP_TEMPLATES_PAGE = 100
"""Rows of one page of templates; Brevo's reference names no most."""


class WhatsappCalls(Calls):
    """WhatsApp messages, the templates that they need, and how the account stands with Meta. Bucket "other"."""

    def send_whatsapp(self, body: Mapping[str, Any], *, leave_by: float | None = None) -> str:
        """POST /whatsapp/sendMessage, which takes no key: a second call is a second message. Returns the one id of the
        messages to all of its ``contactNumbers``.

        ``leave_by`` (monotonic seconds): if the first byte would leave later, it does not: Retry.
        """
        send = self._sdk.transactional_whats_app.send_whatsapp_message
        with leaving_by(leave_by):
            answer = self._call(send, Kind.ONCE, "other", body=body, request={})
        message_id = object_of(answer, Kind.ONCE).get("messageId")
        if not isinstance(message_id, str) or not message_id:
            # Accepted by the status, but nothing to recognise it by.
            raise OutcomeUnknown(PROVIDER, "the answer has no messageId", status=answer.status)
        return message_id

    def whatsapp_templates(self, offset: int = 0) -> list[JSON]:
        """GET /whatsappCampaigns/template-list, a page of WHATSAPP_TEMPLATES_PAGE: [{id, name, category, language,
        status, ...}]. What a template says and which parameters it has is not told.
        """
        get = self._sdk.whats_app_campaigns.get_whats_app_templates
        query = {"limit": WHATSAPP_TEMPLATES_PAGE, "offset": offset, "sort": "asc"}
        return dicts(self._json(get, Kind.READ, "other", query=query).get("templates"))

    def whatsapp_config(self) -> JSON:
        """GET /whatsappCampaigns/config: {phoneNumberQuality, phoneNumberNameStatus, sendingLimit, ...}."""
        return self._json(self._sdk.whats_app_campaigns.get_whats_app_config, Kind.READ, "other")
