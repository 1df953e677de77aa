"""Where Brevo reports to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import Kind


class WebhookCalls(Calls):
    """Where Brevo reports to."""

    def webhooks(self, kind: str = "transactional") -> list[JSON]:
        """GET /webhooks?type=: [{id, url, events, ...}]; a 404 says that there are none. ``kind``: transactional,
        marketing or inbound.
        """
        get = self._sdk.webhooks.get_webhooks
        answer = self._call(get, Kind.READ, "other", query={"type": kind}, missing_is_answer=True)
        return [] if answer.status == 404 else dicts(object_of(answer, Kind.READ).get("webhooks"))

    def create_webhook(self, body: Mapping[str, Any]) -> int:
        """POST /webhooks. Returns its id."""
        create = self._sdk.webhooks.create_webhook
        answer = self._call(create, Kind.ONCE, "other", body=body, url=body["url"])
        return int(object_of(answer, Kind.ONCE).get("id") or 0)

    def delete_webhook(self, webhook_id: int) -> None:
        """DELETE /webhooks/{id}; one that is not there is no error."""
        self._call(self._sdk.webhooks.delete_webhook, Kind.IDEMPOTENT, "other", webhook_id, missing_is_answer=True)

    def update_webhook(self, webhook_id: int, body: Mapping[str, Any]) -> None:
        """PUT /webhooks/{id}."""
        update = self._sdk.webhooks.update_webhook
        self._call(update, Kind.IDEMPOTENT, "other", webhook_id, body=body)
