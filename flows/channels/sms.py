"""SMS through Brevo's POST /transactionalSMS/send.

It takes no idempotency key, so a message whose answer was never read is not sent again. Our key travels as the first
tag, the one that Brevo's statistics show: when they tell of it, the message was taken. Brevo's webhooks show no tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.brevo.client import BrevoAccount
from connector.outbox import TEST
from connector.shops import Shop
from flows.channels.channel import TEST_MARK, Channel, Letter, Request, number_of
from flows.content import text_message
from flows.content.problems import ContentProblem

# There carriers want to read who writes (Brevo's reference: mandatory for +1).
_NORTH_AMERICA = "+1"


def about(request: Request) -> str:
    return str(request["content"])


def content(request: Request) -> Mapping[str, Any]:
    return {"text": request["content"], "sender": request["sender"]}


def write(letter: Letter) -> Request:
    """The body of the request. Raises ContentProblem, ``no_sender`` when the shop has not said who sends."""
    settings = letter.shop.settings["sms"]
    if not settings["sender"]:
        sentence = "The shop has no sender of text messages: set sms.sender, up to 11 letters and digits or a number."
        raise ContentProblem("no_sender", sentence, letter.source.name)
    prefix = _prefix(letter.shop, letter.recipient)
    # What the mark of a test takes is not the message's.
    text = text_message.fill(
        letter.source, letter.context, letter.shorten, stop_text=settings["stop_text"], prefix=prefix
    )
    if letter.test:
        text = f"{TEST_MARK}{text}"
    tags = [letter.key, letter.flow, letter.source.name.rsplit("/", 1)[-1]]
    return {
        "sender": settings["sender"],
        "recipient": letter.recipient.removeprefix("+"),
        "content": text,
        "type": letter.source.purpose,
        "tag": [*tags, TEST] if letter.test else tags,
        # Without it Brevo sends question marks for what the GSM alphabet lacks; with it a plain text may cost double.
        "unicodeEnabled": text_message.as_billed(text, prefix).unicode,
        **({"organisationPrefix": prefix} if prefix else {}),
    }


def _prefix(shop: Shop, number: str) -> str:
    """The name that Brevo puts before the text; "" for none."""
    chosen = str(shop.settings["sms"]["organisation_prefix"])
    return chosen or (shop.name if number.startswith(_NORTH_AMERICA) else "")


def parts(request: Request) -> int:
    return text_message.as_billed(request["content"], request.get("organisationPrefix", "")).segments


def send(account: BrevoAccount, request: Request, leave_by: float) -> str:
    return account.send_sms(request, leave_by=leave_by)


def look_up(account: BrevoAccount, recipient: str, key: str, since: datetime, until: datetime) -> str | None:
    """Only a row with our own tag counts, whatever was asked for. A day is added on both sides: theirs are UTC's."""
    day = timedelta(days=1)
    number = recipient.removeprefix("+")
    for row in account.sms_events(number, key, (since - day).date(), (until + day).date()):
        if row.get("tag") == key and row.get("messageId"):
            return str(row["messageId"])
    return None


SMS = Channel(
    name="sms",
    bucket="sms",
    look_up_bucket="other",
    address=number_of,
    about=about,
    content=content,
    write=write,
    send=send,
    look_up=look_up,
    answered=True,
    parts=parts,
)
