"""The templates that an account keeps: /smtp/templates and their preview.

Chosen where the documentation is silent: an inactive template cannot be sent with; a template is a double opt-in
template when its body says so by `{{ doubleoptin }}` or the tag `optin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.provider import moments, templates
from sandbox.provider.contacts import normal
from sandbox.provider.mailbox import template_fields
from sandbox.provider.shapes import TEMPLATE_CREATE, TEMPLATE_PREVIEW, TEMPLATE_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

SHORTEST_HTML, LONGEST_CUSTOM_ID = 10, 64
_FIELDS = {
    "templateName": "name",
    "subject": "subject",
    "htmlContent": "html",
    "replyTo": "reply_to",
    "toField": "to_field",
    "tag": "tag",
    "isActive": "active",
}


@dataclass
class Template:
    """`sender` as it was given: `{"id"}` or `{"email", "name"}`. Times are business unix seconds."""

    id: int
    name: str
    subject: str
    html: str
    sender: dict[str, Any]
    created_at: float
    modified_at: float
    active: bool = False
    reply_to: str = "[DEFAULT_REPLY_TO]"
    to_field: str = ""
    tag: str = ""
    custom_id: str | None = None

    @property
    def is_double_opt_in(self) -> bool:
        return self.tag == "optin" or "doubleoptin" in self.html

    def as_json(self, senders: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = {key: value for key, value in self.sender.items() if value is not None}
        sender = next((row for row in senders if wanted.items() <= row.items()), wanted)
        return {
            "id": self.id,
            "name": self.name,
            "subject": self.subject,
            "isActive": self.active,
            "testSent": False,
            "sender": {key: str(sender[key]) for key in ("name", "email", "id") if key in sender},
            "replyTo": self.reply_to,
            "toField": self.to_field,
            "tag": self.tag,
            "htmlContent": self.html,
            "createdAt": moments.api(self.created_at),
            "modifiedAt": moments.api(self.modified_at),
            "doiTemplate": self.is_double_opt_in,
            **({"customTemplateId": self.custom_id} if self.custom_id else {}),
        }


class Templates:
    """Templates of one account, in the order of their creation; the account's lock guards it."""

    def __init__(self) -> None:
        self._kept: dict[int, Template] = {}

    def all(self) -> list[Template]:
        return list(self._kept.values())

    def put(self, template: Template) -> None:
        self._kept[template.id] = template

    def next_id(self) -> int:
        return max(self._kept, default=0) + 1

    def find(self, id: int | str) -> Template:
        """By number or custom identifier; raises Refusal (404)."""
        if isinstance(id, int) or id.isdigit():
            found = self._kept.get(int(id))
        else:
            found = next((one for one in self._kept.values() if one.custom_id == id), None)
        if found is None:
            raise not_found("Template ID does not exist")
        return found

    def remove(self, template: Template) -> None:
        del self._kept[template.id]


def _check(call: Call) -> None:
    body = call.body
    if "htmlUrl" in body:
        raise invalid("The sandbox does not fetch htmlUrl")
    if len(body.get("htmlContent", "x" * SHORTEST_HTML)) < SHORTEST_HTML:
        raise invalid(f"htmlContent should have at least {SHORTEST_HTML} characters")
    sender = body.get("sender")
    if sender is not None:
        if ("id" in sender) == ("email" in sender):
            raise invalid("sender should have either an id or an email")
        if "id" in sender and call.account.senders.by_id(sender["id"]) is None:
            raise invalid("Sender id does not exist")


def _write(template: Template, body: dict[str, Any], now: float) -> None:
    for name, attribute in _FIELDS.items():
        if name in body:
            setattr(template, attribute, body[name])
    template.sender = body.get("sender", template.sender)
    template.modified_at = now


def list_templates(call: Call) -> Answer:
    wanted = call.one("templateStatus")
    if wanted not in (None, "true", "false"):
        raise invalid("templateStatus should be a boolean")
    with call.account.lock:
        kept = [t for t in call.account.templates.all() if wanted in (None, str(t.active).lower())]
        rows = [template.as_json(call.account.senders.rows) for template in kept]
    return Answer(200, {"count": len(rows), "templates": call.sorted_page(rows, 50, 1000)})


def get_template(call: Call) -> Answer:
    with call.account.lock:
        return Answer(200, call.account.templates.find(call.path["id"]).as_json(call.account.senders.rows))


def create_template(call: Call) -> Answer:
    body = call.body
    with call.account.lock:
        _check(call)
        if "htmlContent" not in body:
            raise missing("htmlContent is missing")
        kept = call.account.templates
        template = Template(kept.next_id(), "", "", "", body["sender"], call.now, call.now)
        _write(template, body, call.now)
        kept.put(template)
    return Answer(201, {"id": template.id})


def update_template(call: Call) -> Answer:
    call.body = call.body or {}
    with call.account.lock:
        _check(call)
        _write(call.account.templates.find(call.path["id"]), call.body, call.now)
    return Answer(204)


def delete_template(call: Call) -> Answer:
    with call.account.lock:
        template = call.account.templates.find(call.path["id"])
        if template.active:
            raise Refusal(405, "method_not_allowed", "Active template cannot be deleted")
        call.account.templates.remove(template)
    return Answer(204)


def preview(call: Call) -> Answer:
    body, account = call.body, call.account
    if "email" not in body and "params" not in body:
        raise missing("One of email or params is required")
    with account.lock:
        template = account.templates.find(body["templateId"])
        email = normal("EMAIL", body["email"]) if "email" in body else ""
        contact = account.contacts.owner("EMAIL", email) if email else None
        if email and contact is None:
            raise not_found("Contact does not exist")
        fields, params = template_fields(contact, email), body.get("params", {})
        sender = template.as_json(account.senders.rows)["sender"]
    return Answer(
        200,
        {
            "html": templates.evaluate(template.html, fields, params),
            "subject": templates.evaluate(template.subject, fields, params),
            "previewText": "",
            "fromEmail": sender.get("email", ""),
            "fromName": sender.get("name", ""),
        },
    )


_ONE = "/smtp/templates/<id>"
ROUTES = [
    Route("GET", "/smtp/templates", list_templates),
    Route("POST", "/smtp/templates", create_template, TEMPLATE_CREATE),
    Route("GET", _ONE, get_template),
    Route("PUT", _ONE, update_template, TEMPLATE_UPDATE, body_required=False),
    Route("DELETE", _ONE, delete_template),
    Route("POST", "/smtp/template/preview", preview, TEMPLATE_PREVIEW),
]
