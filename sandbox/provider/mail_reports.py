"""What the provider tells about sent messages: lists, events, blocked recipients."""

from __future__ import annotations

from typing import Any

from sandbox.provider import moments
from sandbox.provider.mailbox import Message
from sandbox.provider.wire import Answer, Call, Route, invalid, missing, not_found

# Webhook event -> the name the statistics use.
STATISTICS_NAMES = {
    "request": "requests", "delivered": "delivered", "hard_bounce": "hardBounces", "soft_bounce":
    "softBounces", "opened": "opened", "unique_opened": "opened", "click": "clicks", "complaint": "spam",
    "invalid_email": "invalid", "deferred": "deferred", "blocked": "blocked", "unsubscribed": "unsubscribed",
    "error": "error", "proxy_open": "loadedByProxy", "unique_proxy_open": "loadedByProxy",
}  # fmt: skip
DAYS_BACK = 30
DAY = 86400


def _period(call: Call, longest: int | None) -> tuple[str, str]:
    """First and last day asked for, `YYYY-MM-DD`; the last 30 days by default."""
    start, end = call.one("startDate"), call.one("endDate")
    days = call.one("days")
    if (start is None) != (end is None):
        raise missing("startDate and endDate should be passed together")
    if start is not None and end is not None:
        if days is not None:
            raise invalid("days is not compatible with startDate and endDate")
        if not moments.is_day(start) or not moments.is_day(end) or start > end:
            raise invalid("startDate and endDate should be valid dates in YYYY-MM-DD")
        if longest and (moments.parse(end) or 0) - (moments.parse(start) or 0) > longest * DAY:
            raise invalid("The period should not exceed one month")
        return start, end
    back = call.whole("days", DAYS_BACK, 1, 90)
    return moments.day(call.now - (back - (days is not None)) * DAY), moments.day(call.now)


def _whole(call: Call, name: str) -> int | None:
    return call.whole(name, 0, 1, 10**12) if call.one(name) is not None else None


def _matching(call: Call, messages: list[Message]) -> list[Message]:
    email, message_id, template_id = call.one("email"), call.one("messageId"), _whole(call, "templateId")
    if message_id is not None:
        messages = call.account.mailbox.by_message_id(message_id if message_id[:1] == "<" else f"<{message_id}>")
    return [
        message
        for message in messages
        if (email is None or message.to == email.lower())
        and (template_id is None or message.template_id == template_id)
    ]


def list_emails(call: Call) -> Answer:
    if all(call.one(name) is None for name in ("email", "messageId", "templateId")):
        raise missing("One of email, messageId or templateId is required")
    first, last = _period(call, 31)
    with call.account.lock:
        visible = call.platform.clock.wire() - call.account.settings.lookup_lag_seconds
        rows = [
            message
            for message in _matching(call, call.account.mailbox.messages)
            if first <= moments.day(message.due_at) <= last
            and message.due_at <= call.now
            and message.accepted_wire <= visible
        ]
    if call.one("sort") != "asc":
        rows.reverse()
    page = call.page(rows, 500, 1000)
    return Answer(200, {"count": len(rows), "transactionalEmails": [message.as_row() for message in page]})


def get_email(call: Call) -> Answer:
    with call.account.lock:
        found = next((m for m in call.account.mailbox.messages if m.uuid == call.path["uuid"]), None)
        if found is None:
            raise not_found("Email does not exist")
        body = {
            "email": found.to,
            "subject": found.subject,
            "date": moments.api(found.due_at),
            "events": [{"name": e["event"], "time": moments.api(e["at"])} for e in found.events],
            "body": found.html or found.text,
            "attachmentCount": 0,
        }
    return Answer(200, body)


def list_events(call: Call) -> Answer:
    first, last = _period(call, 90)
    wanted, tags = (
        call.one("event"),
        set((call.one("tags") or "").strip("[]").replace('"', "").split(",")) - {""},
    )
    if wanted is not None and wanted not in {*STATISTICS_NAMES.values(), "bounces"}:
        raise invalid("event is invalid")
    accepted = {"hardBounces", "softBounces"} if wanted == "bounces" else {wanted}
    rows: list[tuple[float, dict[str, Any]]] = []
    with call.account.lock:
        for message in _matching(call, call.account.mailbox.messages):
            if tags and not tags & set(message.tags):
                continue
            for event in message.events:
                name = STATISTICS_NAMES[event["event"]]
                if (wanted is None or name in accepted) and first <= moments.day(event["at"]) <= last:
                    rows.append((event["at"], _event_row(message, event, name)))
    rows.sort(key=lambda row: row[0], reverse=call.one("sort") != "asc")
    return Answer(200, {"events": call.page([row for _, row in rows], 2500, 5000)})


def _event_row(message: Message, event: dict[str, Any], name: str) -> dict[str, Any]:
    row = {
        "email": message.to,
        "date": moments.api(event["at"]),
        "subject": message.subject,
        "messageId": message.message_id,
        "event": name,
        "from": message.sender,
        "tag": message.tags[0] if message.tags else "",
        **({"templateId": message.template_id} if message.template_id else {}),
    }
    return row | {key: event[key] for key in ("reason", "link") if event.get(key)}


def list_blocked(call: Call) -> Answer:
    with call.account.lock:
        rows = [
            {
                "email": block.email,
                "senderEmail": block.sender or "",
                "blockedAt": moments.api(block.at),
                "reason": {"code": block.reason, "message": block.reason},
            }
            for block in call.account.mailbox.blocks()
        ]
    senders = {sender for text in call.query.get("senders", []) for sender in text.split(",")}
    rows = [row for row in rows if not senders or row["senderEmail"] in senders]
    if call.one("sort") != "asc":
        rows.reverse()
    return Answer(200, {"contacts": call.page(rows, 50, 100), "count": len(rows)})


def unblock(call: Call) -> Answer:
    with call.account.lock:
        if not call.account.mailbox.unblock(call.path["email"].lower()):
            raise not_found("Contact is not blocked")
    return Answer(204)


def delete_log(call: Call) -> Answer:
    identifier = call.path["identifier"]
    with call.account.lock:
        if not call.account.mailbox.forget(identifier if identifier[:1] == "<" else f"<{identifier}>"):
            raise not_found("Message ID not found")
    return Answer(204)


ROUTES = [
    Route("GET", "/smtp/emails", list_emails),
    Route("GET", "/smtp/emails/<uuid>", get_email),
    Route("DELETE", "/smtp/log/<identifier>", delete_log),
    Route("GET", "/smtp/statistics/events", list_events),
    Route("GET", "/smtp/blockedContacts", list_blocked),
    Route("DELETE", "/smtp/blockedContacts/<email>", unblock),
]
