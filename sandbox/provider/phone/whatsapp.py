"""POST /whatsapp/sendMessage, and the templates that it needs.

Chosen where the documentation is silent: the numbers of one call share its message id; a template that is handed in
for approval is judged at once as the setting `whatsapp_approval` says; the first message to a number must be a
template (400), and a text more than 24 hours after the person's last reply is accepted and reported as `error`.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from sandbox.provider import moments
from sandbox.provider.phone.texts import Text, WhatsappTemplate
from sandbox.provider.shapes import WHATSAPP, WHATSAPP_TEMPLATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

_NUMBER = re.compile(r"\+?\d{6,15}")
_PLACE = re.compile(r"\{\{\s*(?:params\.)?(\w+)\s*\}\}")


def _template(call: Call, id: int) -> WhatsappTemplate:
    template = call.account.phone.whatsapp_templates.get(id)
    if template is None or template.status != "approved":
        raise invalid("templateId does not exist or is not approved")
    return template


def _check(call: Call) -> list[str]:
    """The numbers, as they are stored."""
    body = call.body
    for name in ("contactNumbers", "senderNumber"):
        if not body.get(name):
            raise missing(f"{name} is missing")
    if ("templateId" in body) == ("text" in body):
        raise missing("Either templateId or text is required")
    if call.account.phone.whatsapp_number is None:
        raise Refusal(403, "permission_denied", "WhatsApp is not activated for this account")
    if body["senderNumber"].removeprefix("+") != call.account.phone.whatsapp_number:
        raise invalid("senderNumber is invalid")
    if not all(_NUMBER.fullmatch(number) for number in body["contactNumbers"]):
        raise invalid("contactNumbers are invalid")
    return [number.removeprefix("+") for number in body["contactNumbers"]]


def send(call: Call) -> Answer:
    body, account, phone = call.body, call.account, call.account.phone
    with account.lock:
        numbers = _check(call)
        params = body.get("params", {})
        if "templateId" in body:
            template = _template(call, body["templateId"])
            content = _PLACE.sub(lambda place: str(params.get(place[1], "")), template.body)
        else:
            strangers = set(numbers) - phone.met
            if strangers:
                raise invalid("The first message to a contact should have a templateId")
            content = body["text"]
        mark = f"{account.key}{phone.next_number()}"
        message_id = str(uuid.uuid5(uuid.NAMESPACE_URL, mark))
        for number in numbers:
            text = Text(
                channel="whatsapp",
                message_id=message_id,
                number=number,
                sender=str(phone.whatsapp_number),
                content=content,
                kind="transactional",
                tags=[],
                accepted_at=call.now,
                template_id=body.get("templateId"),
                params=params,
            )
            phone.texts.append(text)
            _log(call, text)
            call.platform.readers.receive(account, text, call.now)
        if "templateId" in body:
            phone.met |= set(numbers)
    return Answer(201, {"messageId": message_id})


def _log(call: Call, text: Text) -> None:
    call.platform.record.add(
        "whatsapp",
        account=call.account.key,
        message_id=text.message_id,
        to=text.number,
        sender=text.sender,
        content=text.content,
        template_id=text.template_id,
        params=text.params,
        first_byte_at=call.first_byte_at,
        accepted_at=call.now,
    )


def create_template(call: Call) -> Answer:
    body, kept = call.body, call.account.phone.whatsapp_templates
    with call.account.lock:
        id = max(kept, default=0) + 1
        kept[id] = WhatsappTemplate(
            id,
            body["name"],
            body["bodyText"],
            body["language"],
            body["category"],
            body.get("source", "Automation"),
            call.now,
            call.now,
        )
    return Answer(201, {"id": id})


def ask_approval(call: Call) -> Answer:
    id = call.path["template_id"]
    with call.account.lock:
        template = call.account.phone.whatsapp_templates.get(int(id)) if id.isdigit() else None
        if template is None:
            raise not_found("Template ID does not exist")
        template.status, template.modified_at = call.account.settings.whatsapp_approval, call.now
    return Answer(204)


def list_templates(call: Call) -> Answer:
    source = call.one("source")
    with call.account.lock:
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "category": one.category,
                "status": one.status,
                "language": one.language,
                "type": one.source,
                "createdAt": moments.api(one.created_at),
                "modifiedAt": moments.api(one.modified_at),
            }
            for one in call.account.phone.whatsapp_templates.values()
            if source in (None, one.source)
        ]
    return Answer(200, {"count": len(rows), "templates": call.sorted_page(rows, 50, 100)})


def get_config(call: Call) -> Answer:
    with call.account.lock:
        active = call.account.phone.whatsapp_number is not None
    if not active:
        raise invalid("WhatsApp is not activated for this account")
    states: dict[str, Any] = {"businessStatus": "verified", "phoneNumberNameStatus": "APPROVED"}
    return Answer(
        200,
        {
            **states,
            "phoneNumberQuality": "GREEN",
            "sendingLimit": "TIER_1K",
            "whatsappBusinessAccountId": f"{call.account.number:015d}",
            "whatsappBusinessAccountStatus": "APPROVED",
        },
    )


ROUTES = [
    Route("POST", "/whatsapp/sendMessage", send, WHATSAPP),
    Route("GET", "/whatsappCampaigns/config", get_config),
    Route("POST", "/whatsappCampaigns/template", create_template, WHATSAPP_TEMPLATE),
    Route("GET", "/whatsappCampaigns/template-list", list_templates),
    Route("POST", "/whatsappCampaigns/template/approval/<template_id>", ask_approval),
]
