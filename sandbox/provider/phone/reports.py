"""What the provider tells about text messages: the events of SMS and of WhatsApp."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.provider import moments
from sandbox.provider.periods import period
from sandbox.provider.phone.readers import SMS_EVENTS, WHATSAPP_EVENTS
from sandbox.provider.phone.texts import Text
from sandbox.provider.wire import Answer, Call, Route, invalid


def _events(call: Call, channel: str, names: dict[str, str], number: str | None) -> list[tuple[Text, dict[str, Any]]]:
    """The events of the period that were asked for, oldest first."""
    first, last = period(call, 90)
    wanted = call.one("event")
    if wanted is not None and wanted not in {*names.values(), "bounces"}:
        raise invalid("event is invalid")
    accepted = {"softBounces", "hardBounces"} if wanted == "bounces" else {wanted}
    with call.account.lock:
        found = [
            (text, event)
            for text in call.account.phone.of(channel)
            if number in (None, text.number)
            for event in text.events
            if (wanted is None or names[event["event"]] in accepted) and first <= moments.day(event["at"]) <= last
        ]
    return sorted(found, key=lambda row: row[1]["at"])


def _tags(call: Call) -> set[str]:
    """`tags` is a serialized array."""
    text = call.one("tags")
    if text is None:
        return set()
    try:
        return {str(tag) for tag in orjson.loads(text)}
    except (orjson.JSONDecodeError, TypeError):
        raise invalid("tags should be a serialized array") from None


def sms_events(call: Call) -> Answer:
    number, tags = call.one("phoneNumber"), _tags(call)
    rows = [
        {
            "phoneNumber": text.number,
            "date": moments.api(event["at"]),
            "messageId": text.message_id,
            "event": SMS_EVENTS[event["event"]],
            "tag": text.tags[0] if text.tags else "",
            **{name: event[name] for name in ("reason", "reply") if name in event},
        }
        for text, event in _events(call, "sms", SMS_EVENTS, number.removeprefix("+") if number else None)
        if not tags or tags & set(text.tags)
    ]
    return Answer(200, {"events": call.sorted_page(rows, 50, 100)})


def whatsapp_events(call: Call) -> Answer:
    rows = [
        {
            "contactNumber": text.number,
            "date": moments.api(event["at"]),
            "messageId": text.message_id,
            "event": event["event"],
            "senderNumber": text.sender,
            **({"reason": event["reason"]} if "reason" in event else {}),
            **({"body": event["reply"]} if "reply" in event else {}),
        }
        for text, event in _events(call, "whatsapp", WHATSAPP_EVENTS, call.one("contactNumber"))
    ]
    return Answer(200, {"events": call.sorted_page(rows, 2500, 10_000)})


ROUTES = [
    Route("GET", "/transactionalSMS/statistics/events", sms_events),
    Route("GET", "/whatsapp/statistics/events", whatsapp_events),
]
