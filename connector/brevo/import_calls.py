"""Contacts in bulk: an import is a process that Brevo works on by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import Kind

LARGEST_BODY = 8_000_000
"""Bytes of an import as they are sent. Brevo takes 10 MB and advises 8 (its reference, POST /contacts/import)."""
ENDS_WITHIN = timedelta(hours=6)
"""After so much machine time an import counts as failed, whatever Brevo says of it."""
PAGE = 50
# Machine seconds: 8 MB take a while on their way.
_PATIENCE = 60.0


class ImportCalls(Calls):
    """Contacts in bulk: an import is a process that Brevo works on by itself."""

    def import_contacts(self, body: Mapping[str, Any]) -> int:
        """POST /contacts/import: {jsonBody: [{email, attributes}], listIds, ...}. Returns the number of the process."""
        start = self._sdk.contacts.import_contacts
        answer = self._call(start, Kind.IDEMPOTENT, "contacts", body=body, patience=_PATIENCE)
        return int(object_of(answer, Kind.IDEMPOTENT).get("processId") or 0)

    def processes(self) -> list[JSON]:
        """GET /processes: the newest PAGE, [{id, name, status, info: {import: {what: address}}}], the newest first."""
        asked = {"limit": PAGE, "offset": 0, "sort": "desc"}
        return dicts(self._json(self._sdk.process.get_processes, Kind.READ, "other", query=asked).get("processes"))

    def process(self, process_id: int) -> JSON | None:
        """GET /processes/{process_id}, as in ``processes``; None when there is none."""
        get = self._sdk.process.get_process
        answer = self._call(get, Kind.READ, "other", process_id, missing_is_answer=True)
        return None if answer.status == 404 else object_of(answer, Kind.READ)
