"""What the provider tells about sent messages: lists, events, blocked recipients."""

from __future__ import annotations

from typing import Any

from sandbox.provider import moments
from sandbox.provider.mailbox import REASONS, Message
from sandbox.provider.periods import period
from sandbox.provider.wire import Answer, Call, Route, invalid, missing, not_found

# Webhook event -> the name the statistics use.
STATISTICS_NAMES = {
    "request": "requests", "delivered": "delivered", "hard_bounce": "hardBounces", "soft_bounce":
    "softBounces", "opened": "opened", "unique_opened": "opened", "click": "clicks", "complaint": "spam",
    "invalid_email": "invalid", "deferred": "deferred", "blocked": "blocked", "unsubscribed": "unsubscribed",
    "error": "error", "proxy_open": "loadedByProxy", "unique_proxy_open": "loadedByProxy",
}  # fmt: skip


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
    first, last = period(call, 31)
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
        found = call.account.mailbox.by_uuid(call.path["uuid"])
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
    first, last = period(call, 90)
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
    days = period(call, None) if {"startDate", "endDate"} & call.query.keys() else None
    if days and days[1] > moments.day(call.now):
        raise invalid("startDate and endDate should not be in the future")
    senders = {s.lower() for text in call.query.get("senders", []) for s in text.split(",")} - {""}
    with call.account.lock:
        rows = [
            {
                "email": block.email,
                "senderEmail": block.sender or "",
                "blockedAt": moments.api(block.at),
                "reason": {"code": block.reason, "message": REASONS[block.reason]},
            }
            for block in call.account.mailbox.blocks()
            if (days is None or days[0] <= moments.day(block.at) <= days[1])
            and (not senders or block.sender in senders)
        ]
    return Answer(200, {"contacts": call.sorted_page(rows, 50, 100), "count": len(rows)})


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
