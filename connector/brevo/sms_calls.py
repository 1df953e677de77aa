"""Text messages and what Brevo's statistics tell of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from connector.brevo.calls import JSON, Calls, dicts, object_of
from connector.brevo.verdicts import PROVIDER, Kind
from connector.errors import OutcomeUnknown
from connector.http import leaving_by


class SmsCalls(Calls):
    """Text messages and what Brevo's statistics tell of one."""

    def send_sms(self, body: Mapping[str, Any], *, leave_by: float | None = None) -> str:
        """POST /transactionalSMS/send, which takes no key: a second call is a second message. Returns its id.

        ``leave_by`` (monotonic seconds): if the first byte would leave later, it does not: Retry. Without credits
        (402 not_enough_credits): ActionNeeded.
        """
        send = self._sdk.transactional_sms.send_async_transactional_sms
        required = {"recipient": body["recipient"], "sender": body["sender"]}
        with leaving_by(leave_by):
            answer = self._call(send, Kind.ONCE, "sms", body=body, **required)
        message_id = object_of(answer, Kind.ONCE).get("messageId")
        if not isinstance(message_id, int | str) or isinstance(message_id, bool) or not str(message_id):
            # Accepted by the status, but nothing to recognise it by.
            raise OutcomeUnknown(PROVIDER, "the answer has no messageId", status=answer.status)
        return str(message_id)

    def sms_events(self, number: str, tag: str, first: date, last: date) -> list[JSON]:
        """GET /transactionalSMS/statistics/events about one number and tag on these days: [{date, event, messageId,
        phoneNumber, tag, ...}]. Bucket "other".
        """
        query = {
            "phoneNumber": number,
            # "Serialized array" (Brevo's reference).
            "tags": orjson.dumps([tag]).decode(),
            "startDate": first.isoformat(),
            "endDate": last.isoformat(),
            "limit": 100,
        }
        found = self._json(self._sdk.transactional_sms.get_sms_events, Kind.READ, "other", query=query)
        return dicts(found.get("events"))
