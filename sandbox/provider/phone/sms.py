"""POST /transactionalSMS/send and /sms.

Chosen where the documentation is silent: a part costs one credit; signs outside the GSM alphabet arrive as `?` unless
`unicodeEnabled`; a marketing SMS needs `[STOP_CODE]` in its text, and a text with it is marketing; a marketing SMS to
France that may not leave now leaves at 8 in the morning of the next day that is allowed.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import holidays

from sandbox.provider import moments, templates
from sandbox.provider.mailbox import template_fields
from sandbox.provider.phone.texts import Text, spoken
from sandbox.provider.shapes import SMS
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing

_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|\d{12,15}")
_RECIPIENT = re.compile(r"\+?\d{6,15}")
STOP_CODE, STOP_NUMBER = "[STOP_CODE]", "36180"
MOST_TAGS = 10
OPENS, CLOSES = 8, 22
_HOLIDAYS = holidays.country_holidays("FR")


def _check(body: dict[str, Any]) -> None:
    if not _SENDER.fullmatch(body["sender"]):
        raise invalid("sender should have up to 11 alphanumeric or 15 numeric characters")
    if not _RECIPIENT.fullmatch(body["recipient"]):
        raise invalid("Invalid telephone number")
    if ("content" in body) == ("templateId" in body):
        raise missing("Either content or templateId is required")
    if isinstance(body.get("tag"), list) and len(body["tag"]) > MOST_TAGS:
        raise Refusal(400, "out_of_range", f"At most {MOST_TAGS} tags can be passed")


def _content(call: Call, number: str) -> str:
    body, account = call.body, call.account
    text = body.get("content")
    if text is None:
        text = account.phone.sms_templates.get(body["templateId"])
        if text is None:
            raise invalid("templateId does not exist")
    contact = account.contacts.owner("SMS", number)
    fields = template_fields(contact, contact.identifiers.get("EMAIL", "") if contact else "")
    text = templates.evaluate(text, fields, body.get("params", {}))
    if not text:
        raise missing("content is empty")
    prefix = body.get("organisationPrefix")
    return f"{prefix}: {text}" if prefix else text


def _leaves_at(number: str, kind: str, now: float) -> float:
    """France allows marketing from 8 to 22 h, not on Sundays and holidays."""
    if kind != "marketing" or not number.startswith("33"):
        return now
    moment = datetime.fromtimestamp(now, moments.ACCOUNT_ZONE)

    def is_free(day: datetime) -> bool:
        return day.weekday() == 6 or day.date() in _HOLIDAYS

    if OPENS <= moment.hour < CLOSES and not is_free(moment):
        return now
    if moment.hour >= OPENS:
        moment += timedelta(days=1)
    while is_free(moment):
        moment += timedelta(days=1)
    return moment.replace(hour=OPENS, minute=0, second=0, microsecond=0).timestamp()


def _accept(call: Call) -> Text:
    body, account = call.body, call.account
    _check(body)
    number = body["recipient"].removeprefix("+").removeprefix("00")
    with account.lock:
        content = _content(call, number)
        kind = "marketing" if STOP_CODE in content else body.get("type", "transactional")
        if kind == "marketing" and STOP_CODE not in content:
            raise invalid(f"content of a marketing SMS should have {STOP_CODE}")
        content, parts = spoken(content.replace(STOP_CODE, STOP_NUMBER), unicode=body.get("unicodeEnabled", False))
        if account.phone.credits < parts:
            raise Refusal(402, "not_enough_credits", "Not enough credits to send this SMS")
        account.phone.credits -= parts
        tag = body.get("tag", [])
        text = Text(
            channel="sms",
            message_id=str(account.number * 1_000_000 + account.phone.next_number()),
            number=number,
            sender=body["sender"],
            content=content,
            kind=kind,
            tags=[tag] if isinstance(tag, str) else tag,
            accepted_at=call.now,
            parts=parts,
            web_url=body.get("webUrl"),
        )
        account.phone.texts.append(text)
        leaves_at = _leaves_at(number, kind, call.now)
        call.platform.record.add(
            "sms",
            account=account.key,
            message_id=text.message_id,
            to=number,
            sender=text.sender,
            content=text.content,
            type=kind,
            tags=text.tags,
            parts=parts,
            first_byte_at=call.first_byte_at,
            accepted_at=call.now,
            due_at=leaves_at,
        )
        call.platform.readers.receive(account, text, leaves_at)
    return text


def send(call: Call) -> Answer:
    return Answer(201, {"messageId": int(_accept(call).message_id)})


def send_at_once(call: Call) -> Answer:
    """The older call, which is deprecated and still there."""
    text = _accept(call)
    with call.account.lock:
        left = call.account.phone.credits
    return Answer(
        201,
        {
            "messageId": int(text.message_id),
            "reference": text.reference,
            "smsCount": text.parts,
            "usedCredits": float(text.parts),
            "remainingCredits": left,
        },
    )


ROUTES = [
    Route("POST", "/transactionalSMS/send", send, SMS),
    Route("POST", "/transactionalSMS/sms", send_at_once, SMS),
]
