"""Transactional email and what Brevo keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import PROVIDER, Kind
from connector.errors import OutcomeUnknown
from connector.http import leaving_by


class EmailCalls(Calls):
    """Transactional email and what Brevo keeps of it."""

    def send_email(self, body: Mapping[str, Any], *, leave_by: float | None = None) -> str:
        """POST /smtp/email. Returns the message id.

        ``leave_by`` (monotonic seconds): if the first byte would leave later, it does not: Retry.
        """
        send = self._sdk.transactional_emails.send_transac_email
        with leaving_by(leave_by):
            answer = self._call(send, Kind.ONCE, "email", body=body)
        message_id = object_of(answer, Kind.ONCE).get("messageId")
        if not isinstance(message_id, str) or not message_id:
            # Accepted by the status, but nothing to recognise it by: to be looked up, not to be sent again.
            raise OutcomeUnknown(PROVIDER, "the answer has no messageId", status=answer.status)
        return message_id

    def emails(self, email: str, start: str, end: str) -> list[JSON]:
        """GET /smtp/emails to one address between two days (YYYY-MM-DD): [{messageId, subject, date, tags}].

        Its own narrow limit: bucket "email_log".
        """
        found = self._json(
            self._sdk.transactional_emails.get_transac_emails_list,
            Kind.READ,
            "email_log",
            query={"email": email, "startDate": start, "endDate": end, "limit": 500},
        )
        return dicts(found.get("transactionalEmails"))

    def email_tagged(self, tag: str, email: str, since: datetime, until: datetime) -> str | None:
        """The message id of an email with this tag to this address, None when Brevo's log has none. The log's days are
        the account's, so a day is added on both sides."""
        day = timedelta(days=1)
        for row in self.emails(email, (since - day).date().isoformat(), (until + day).date().isoformat()):
            if tag in (row.get("tags") or []):
                return str(row.get("messageId") or "")
        return None

    def delete_message_log(self, message_id: str) -> bool:
        """DELETE /smtp/log/{identifier}: what Brevo keeps of a sent message; False when it keeps nothing of it."""
        delete = self._sdk.transactional_emails.delete_an_smtp_transactional_log
        answer = self._call(delete, Kind.IDEMPOTENT, "smtp", message_id, missing_is_answer=True)
        return answer.status != 404
