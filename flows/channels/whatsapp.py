"""WhatsApp through Brevo's POST /whatsapp/sendMessage.

It takes neither a key nor a tag, and the statistics show none: a message whose answer was never read is not sent again,
and nobody can be asked about it. One call may go to many numbers; as these share what the template is filled with and
the message's id, a report names its message by id and number.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select

from connector.brevo.client import BrevoAccount
from connector.brevo.whatsapp_errors import REST, Meaning, meaning
from connector.db.rows import among
from connector.errors import Refused, Retry
from connector.models.whatsapp import whatsapp_numbers
from connector.scope import Scope
from connector.suppression import address_digest
from flows.channels import whatsapp_templates
from flows.channels.channel import TEST_MARK, Channel, Letter, Request, Together, Withheld, number_of
from flows.channels.whatsapp_templates import Template, chosen
from flows.content import whatsapp_message
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

WINDOW = timedelta(hours=24)
"""How long after somebody's last answer text may be sent without a template (Meta's customer service window)."""
# Meta delivers no marketing templates there.
_NO_MARKETING = ("+1",)


@dataclass(frozen=True, slots=True)
class _Number:
    """``replied_at``: when somebody last wrote from it; ``wait_until``: before then no marketing."""

    replied_at: datetime | None
    wait_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Known:
    now: datetime
    templates: Sequence[Template] | None
    numbers: Mapping[str, _Number]


def know(scope: Scope, addresses: Collection[str]) -> _Known:
    digests = {address_digest(scope.shop.salt, one): one for one in addresses}
    rows = scope.connection.execute(_NUMBERS, {"shop_id": scope.shop_id, "digests": list(digests)})
    numbers = {digests[row.number_digest]: _Number(row.replied_at, row.wait_until) for row in rows}
    return _Known(scope.now, whatsapp_templates.kept(scope.connection, scope.shop_id), numbers)


_NUMBERS = select(whatsapp_numbers.c.number_digest, whatsapp_numbers.c.replied_at, whatsapp_numbers.c.wait_until).where(
    whatsapp_numbers.c.shop_id == bindparam("shop_id"), among(whatsapp_numbers.c.number_digest, "digests")
)


def write(letter: Letter) -> Request:
    """``call``: the body of the request; ``shown``: how the message reads.

    Raises ContentProblem, ``no_sender`` when the shop has not said who sends; Withheld.
    """
    known: _Known = letter.known
    sender = letter.shop.settings["whatsapp"]["sender"]
    if not sender:
        sentence = "The shop has no sender of WhatsApp messages: set whatsapp.sender, its number at Brevo."
        raise ContentProblem("no_sender", sentence, letter.source.name)
    number = known.numbers.get(letter.recipient, _Number(None, None))
    carries = _text if letter.source.template is None else _template
    content = carries(letter, known, number)
    if letter.source.purpose == "marketing" and number.wait_until is not None and number.wait_until > known.now:
        sentence = "Meta did not deliver marketing to this number, which has got enough of it."
        raise Withheld("enough_for_now", sentence, number.wait_until)
    written = whatsapp_message.fill(letter.source, letter.context, letter.shorten)
    call = {"senderNumber": sender, "contactNumbers": [letter.recipient.removeprefix("+")], **content}
    if letter.source.template is None:
        call["text"] = f"{TEST_MARK}{written.text}" if letter.test else written.text
    elif written.params:
        call["params"] = dict(written.params)
    return {"call": call, "shown": written.text}


def _text(letter: Letter, known: _Known, number: _Number) -> dict[str, Any]:
    if number.replied_at is None or known.now >= number.replied_at + WINDOW:
        sentence = "Nobody has written to the shop from this number within a day, so WhatsApp takes a template only."
        raise Withheld("no_conversation", sentence)
    return {}


def _template(letter: Letter, known: _Known, number: _Number) -> dict[str, Any]:
    template = chosen(letter.source, known.templates, _languages(letter))
    if template.purpose == "marketing" and letter.recipient.startswith(_NO_MARKETING):
        raise Withheld("not_allowed_there", "WhatsApp delivers no marketing templates to numbers of +1.")
    return {"templateId": template.id}


def _languages(letter: Letter) -> list[str]:
    of_person = (letter.context.get("person") or {}).get("locale")
    return [one for one in (of_person, letter.shop.settings["locale"]) if one]


def about(request: Request) -> str:
    return str(request["shown"])


def content(request: Request) -> Mapping[str, Any]:
    return {"text": request["shown"], "sender": request["call"]["senderNumber"]}


def key(request: Request) -> Hashable:
    """All of the call but whom it goes to."""
    call = {name: value for name, value in request["call"].items() if name != "contactNumbers"}
    return orjson.dumps(call, option=orjson.OPT_SORT_KEYS)


def merged(requests: Sequence[Request]) -> Request:
    numbers = [number for request in requests for number in request["call"]["contactNumbers"]]
    return {**requests[0], "call": {**requests[0]["call"], "contactNumbers": numbers}}


def send(account: BrevoAccount, request: Request, leave_by: float) -> str:
    """Where Brevo itself says that somebody has got enough for now, the message waits: Retry."""
    try:
        return account.send_whatsapp(request["call"], leave_by=leave_by)
    except Refused as error:
        if meaning(error.detail) is Meaning.WAIT and len(request["call"]["contactNumbers"]) == 1:
            waiting = REST.total_seconds()
            raise Retry(error.provider, error.detail, status=error.status, code=error.code, after=waiting) from error
        raise


def suits(connection: Connection, shop_id: int, source: MessageSource) -> Iterable[str]:
    """Whether its template is there, is approved and counts as what the message is."""
    if source.template is None:
        return []
    try:
        chosen(source, whatsapp_templates.kept(connection, shop_id), ())
    except Withheld as objection:
        return [objection.sentence]
    return []


WHATSAPP = Channel(
    name="whatsapp",
    bucket=whatsapp_templates.BUCKET,
    look_up_bucket=None,
    address=number_of,
    about=about,
    content=content,
    write=write,
    send=send,
    look_up=None,
    answered=True,
    together=Together(key, merged),
    prepare=whatsapp_templates.refresh,
    know=know,
    suits=suits,
)
