"""What staff read of messages: the list of all of them, and everything about one. Nothing is sent from here: a message
is sent once, by its flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.admin import messages, reasons
from connector.admin.access import Visitor
from connector.admin.acts.act import Given, Paged, View
from connector.admin.shown import Eyes
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop
from flows.channels import CHANNELS

_LARGEST = 2**62
_WORD = validate.Length(max=200)


class Asked(Paged):
    """What a list is narrowed by."""

    state = fields.String(load_default="", validate=validate.OneOf(("", *reasons.STATES)))
    flow = fields.String(load_default="", validate=_WORD)
    channel = fields.String(load_default="", validate=validate.OneOf(("", *sorted(CHANNELS))))
    reason = fields.String(load_default="", validate=_WORD)
    reported = fields.String(load_default="", validate=validate.OneOf(("", *reasons.REPORTED)))
    person = fields.Integer(load_default=None, validate=validate.Range(min=1, max=_LARGEST))
    day = fields.Date(load_default=None)


def filter_of(asked: Mapping[str, Any]) -> messages.Filter:
    return messages.Filter(**{name: value for name, value in asked.items() if name != "after"})


def _messages(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        found = messages.listed(connection, shop, filter_of(given), given["after"])
    return {
        "rows": [
            {**_brief(row, eyes, found.names.get(row.person_id, ())[:2]), "person_id": row.person_id}
            for row in found.page.rows
        ],
        "next": found.page.next,
        "looked_back_to": found.back_to,
    }


def _brief(row: Any, eyes: Eyes, names: Any) -> dict[str, Any]:
    told = {name: getattr(row, f"{name}_at") for name in reasons.REPORTED if getattr(row, f"{name}_at")}
    return {
        "id": row.id,
        "flow": row.flow,
        "version": row.version,
        "message": row.message,
        "channel": row.channel,
        "state": row.state,
        "reason": eyes.text(reasons.sentence(row.reason), *names),
        "subject": eyes.text(row.subject, *names),
        "due_at": row.due_at,
        "sent_at": row.sent_at,
        **{f"{name}_at": at for name, at in told.items()},
    }


def _message(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        known = messages.read(connection, shop, given["message_id"])
    if known is None:
        raise LookupError(f"There is no message {given['message_id']}.")
    names = (known.person.first_name, known.person.last_name)
    return {
        **_brief(known.row, eyes, names),
        "person_id": known.row.person_id,
        "why": eyes.text(known.why, *names),
        "attempts": [
            {
                "n": one.n,
                "result": one.result,
                "status": one.status,
                "answer": eyes.text(one.detail.get("message"), *names),
            }
            for one in known.attempts
        ],
        "reported": [
            {"at": one.at, "text": one.text, "detail": eyes.text(one.detail, *names)} for one in known.reported
        ],
        "decided": [{"at": one.at, "text": eyes.text(one.text, *names)} for one in known.decided],
    }


VIEWS = (
    View("messages", "messages", "Messages, the newest first, of one state, flow, channel, reason, report, person or"
         " day.",
         _messages, Asked()),
    View("message", "messages/<int:message_id>", "A message: its state and why, attempts, and what was reported of it.",
         _message),
)  # fmt: skip
