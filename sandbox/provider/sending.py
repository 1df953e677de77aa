"""POST /smtp/email: checks, evaluation, acceptance."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sandbox.provider import moments, templates
from sandbox.provider.contacts import is_email
from sandbox.provider.links import OWN_WAY_OUT
from sandbox.provider.mailbox import Message, template_fields
from sandbox.provider.shapes import EMAIL
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing

# The sources disagree on the spelling, so all three count.
IDEMPOTENCY_HEADERS = ("idempotencyKey", "Idempotency-Key", "IdempotencyKey")
IDEMPOTENCY_SECONDS = 30 * 60
MOST_RECIPIENTS, MOST_PER_VERSION = 2000, 99
FURTHEST_SCHEDULE = 72 * 3600
LARGEST_PARAMS, LARGEST_PARAMS_TOGETHER = 100_000, 1_000_000
# Headers that the provider writes itself: a caller's value is dropped without a word.
STRIPPED = frozenset(
    name.lower()
    for name in (
        "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "From", "To", "Cc", "Bcc", "Sender",
        "Reply-To",
        "Subject", "Date", "Message-ID", "Return-Path", "Received", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding", "DKIM-Signature", "Feedback-ID", *IDEMPOTENCY_HEADERS,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    """One message of the call with everything global filled in."""

    recipients: list[str]
    subject: str
    html: str
    text: str
    params: dict[str, Any]


def _address(person: dict[str, Any], where: str) -> str:
    if not is_email(person["email"]):
        raise invalid(f"email is not valid in {where}")
    return str(person["email"]).lower()


def _versions(body: dict[str, Any], template: dict[str, Any]) -> list[Version]:
    def read(part: dict[str, Any]) -> Version:
        both = {**body, **part}
        recipients = [_address(p, kind) for kind in ("to", "cc", "bcc") for p in both.get(kind, [])]
        if not both.get("to"):
            raise missing("to is missing")
        if len(recipients) > MOST_PER_VERSION:
            raise Refusal(400, "out_of_range", f"At most {MOST_PER_VERSION} recipients in one message")
        subject = both.get("subject") or template.get("subject")
        if not subject:
            raise missing("subject is missing")
        html, text = template.get("htmlContent") or both.get("htmlContent", ""), both.get("textContent", "")
        if not html and not text:
            raise missing("Either of htmlContent or textContent is required")
        params = both.get("params", {})
        if len(repr(params)) > LARGEST_PARAMS:
            raise Refusal(400, "out_of_range", "params exceeds 100 KB")
        return Version(recipients, subject, html, text, params)

    versions = [read(part) for part in body.get("messageVersions") or [{}]]
    if sum(len(version.recipients) for version in versions) > MOST_RECIPIENTS:
        raise Refusal(400, "out_of_range", f"At most {MOST_RECIPIENTS} recipients in one call")
    if sum(len(repr(version.params)) for version in versions) > LARGEST_PARAMS_TOGETHER:
        raise Refusal(400, "out_of_range", "params exceed 1000 KB together")
    return versions


def _headers(body: dict[str, Any]) -> tuple[dict[str, str], str | None]:
    """The headers that travel with the message, and the idempotency key."""
    given = body.get("headers", {})
    for name, value in given.items():
        if not isinstance(value, str):
            raise invalid(f"headers.{name} should be of type string")
    key = next((given[name] for name in IDEMPOTENCY_HEADERS if given.get(name)), None)
    return {name: value for name, value in given.items() if name.lower() not in STRIPPED}, key


def _sender(call: Call, template: dict[str, Any]) -> str:
    sender = call.body.get("sender") or template.get("sender")
    if not sender:
        raise missing("sender is missing")
    if "id" in sender:
        known = call.account.senders.by_id(sender["id"])
        if known is None:
            raise invalid("Sender id does not exist")
        return str(known["email"])
    if not sender.get("email"):
        raise missing("sender email is missing")
    return _address(sender, "sender")


def _template(call: Call) -> dict[str, Any]:
    if "templateId" not in call.body:
        return {}
    with call.account.lock:
        template = call.account.templates.find(call.body["templateId"])
    if not template.active:
        raise invalid("Template is not active")
    return {"subject": template.subject, "htmlContent": template.html, "sender": template.sender}


def _due(call: Call) -> float:
    if "scheduledAt" not in call.body:
        return call.now
    due = moments.parse(call.body["scheduledAt"])
    if due is None:
        raise invalid("scheduledAt is not a valid date-time")
    if not call.now - 300 <= due <= call.now + FURTHEST_SCHEDULE + 300:
        raise invalid("scheduledAt should be within the next 72 hours")
    return max(due, call.now)


def send_email(call: Call) -> Answer:
    body, account, platform = call.body, call.account, call.platform
    template = _template(call)
    sender, due = _sender(call, template), _due(call)
    headers, key = _headers(body)
    versions = _versions(body, template)
    credits = sum(len(version.recipients) for version in versions)
    wire, day = platform.clock.wire(), moments.day(call.now)
    with account.lock:
        if key and account.settings.honour_idempotency and account.mailbox.is_replay(key, wire):
            raise Refusal(400, "duplicate_parameter", "A request with this idempotency key was already processed")
        if account.daily_quota is not None and account.mailbox.sent_on(day) + credits > account.daily_quota:
            raise Refusal(402, "not_enough_credits", "Not enough credits to send this email")
        batches = [_evaluated(call, version, sender, headers, due, wire) for version in versions]
        if key:
            account.mailbox.remember(key, wire + IDEMPOTENCY_SECONDS)
        if headers.get("X-Sib-Sandbox") == "drop":
            call.remark["dropped"] = True
        else:
            account.mailbox.spend(day, credits)
            for message in (message for batch in batches for message in batch):
                account.mailbox.add(message)
                _log(call, message, key)
                platform.recipients.receive(account, message)
    ids = [batch[0].message_id for batch in batches]
    status = 202 if "scheduledAt" in body else 201
    return Answer(status, {"messageIds": ids} if body.get("messageVersions") else {"messageId": ids[0]})


def _evaluated(
    call: Call, version: Version, sender: str, headers: dict[str, str], due: float, wire: float
) -> list[Message]:
    account, tags, template_id = call.account, call.body.get("tags", []), call.body.get("templateId")
    content = (account.key, version.recipients, version.subject, tags, headers.get("X-Mailin-custom"))
    message_id = account.mailbox.new_message_id(account.settings.seed, content, due)
    messages = []
    for to in version.recipients:
        fields = template_fields(account.contacts.owner("EMAIL", to), to)
        own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{message_id}{to}"))
        leave = f"{call.platform.address}{OWN_WAY_OUT}{own}"
        subject, html, text = (
            templates.evaluate(part, fields, version.params, leave)
            for part in (version.subject, version.html, version.text)
        )
        messages.append(
            Message(
                message_id=message_id,
                uuid=own,
                to=to,
                sender=sender,
                subject=subject,
                html=html,
                text=text,
                tags=tags,
                headers=headers,
                template_id=template_id,
                accepted_at=call.now,
                due_at=due,
                accepted_wire=wire,
            )
        )
    return messages


def _log(call: Call, message: Message, key: str | None) -> None:
    call.platform.record.add(
        "email",
        account=call.account.key,
        message_id=message.message_id,
        to=message.to,
        sender=message.sender,
        subject=message.subject,
        html=message.html,
        text=message.text,
        tags=message.tags,
        headers=message.headers,
        custom=message.custom,
        idempotency_key=key,
        template_id=message.template_id,
        first_byte_at=call.first_byte_at,
        accepted_at=message.accepted_at,
        due_at=message.due_at,
    )


ROUTES = [Route("POST", "/smtp/email", send_email, EMAIL)]
