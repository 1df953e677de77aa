"""An email to named staff, transactional, through Brevo: it goes out once.

What an earlier try has left is looked for before it is sent again: an attempt whose answer nobody read is left alone
until Brevo's log had time to show it, and what is there is adopted. What is not there is sent with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from html import escape
from typing import Any

from sqlalchemy import bindparam, func, or_, select

from connector import staff_addresses
from connector.clock import monotonic
from connector.deps import Deps
from connector.errors import OutcomeUnknown, Retry
from connector.models.outbox import attempts
from connector.outbox import STAFF, idempotency_key
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import Action, NotDone, NotYet, Prepared, Result, Task
from flows.content.braces import part_in_html, part_in_text
from flows.content.problems import ContentProblem
from flows.content.staff_text import fill
from flows.core.steps.notify import ACTION, Notify

_UNREAD = "unread"
"""The code of an attempt whose answer nobody read."""
# Machine seconds within which the call has to begin.
_LEAVE_WITHIN = 5.0


def prepare(scope: Scope, task: Task) -> Prepared:
    """To whom, and the body of the request. ``doubted``: an earlier attempt may have sent it."""
    step: Notify = task.flow.steps[task.row["step"]].config
    to = staff_addresses.among(scope.connection, scope.shop, step.to or staff_addresses.told_by_default(scope.shop))
    if not to:
        raise NotDone("not_staff" if step.to else "nobody_to_notify")
    asked = {"shop": scope.shop_id, "of": task.row["id"], "begun": task.row["created_at"]}
    doubted = scope.connection.scalar(_DOUBTED, asked)
    if doubted is not None:
        settled = doubted + timedelta(seconds=scope.settings.unknown_settle_seconds)
        if settled > scope.machine:
            raise NotYet("looking_into", (settled - scope.machine).total_seconds())
    facts = task.facts() if "{" in step.subject + step.text else {}
    try:
        subject, text = " ".join(fill(step.subject, facts).split()), fill(step.text, facts)
    except ContentProblem as problem:
        raise NotDone("render", problem.sentence) from problem
    return {
        "to": to,
        "doubted": doubted is not None,
        "since": task.row["created_at"],
        "until": scope.now,
        "settle": scope.settings.unknown_settle_seconds,
        "tag": str(idempotency_key(task.row["key"])),
        "body": letter(scope.shop, to, subject or task.flow.name, text, key=task.row["key"], about=task.row["flow"]),
    }


def letter(shop: Shop, to: tuple[str, ...], subject: str, text: str, *, key: str, about: str) -> dict[str, Any]:
    """The body of an email to staff. ``key``: what makes it one email however often it is tried; ``about``: the flow,
    or whatever else tells them."""
    tag = str(idempotency_key(key))
    lines = "<br>\n".join(escape(line) for line in text.splitlines())
    return {
        "sender": {"email": shop.sender_email, "name": shop.sender_name},
        # Whether staff open it is nobody's business.
        "to": [{"email": address, "contactPixelTrackingConsent": False} for address in to],
        "subject": part_in_text(subject),
        "htmlContent": part_in_html(f"<p>{lines}</p>"),
        "textContent": part_in_text(text),
        # No key of ours in X-Mailin-custom: what becomes of it is told of no message to the customer.
        "headers": {"idempotencyKey": tag},
        "tags": [about, STAFF, tag],
    }


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """The provider's message id."""
    account = deps.brevo(shop)
    if prepared["doubted"]:
        known = account.email_tagged(prepared["tag"], prepared["to"][0], prepared["since"], prepared["until"])
        if known is not None:
            return {"message_id": known}
    try:
        return {"message_id": account.send_email(prepared["body"], leave_by=monotonic() + _LEAVE_WITHIN)}
    except OutcomeUnknown as error:
        raise Retry(
            error.provider, error.detail, status=error.status, code=_UNREAD, after=prepared["settle"]
        ) from error


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    return {"people": len(prepared["to"])}


_DOUBTED = select(func.max(attempts.c.started_real)).where(
    attempts.c.shop_id == bindparam("shop"),
    attempts.c.outbox_id == bindparam("of"),
    attempts.c.outbox_created_at == bindparam("begun"),
    # Cut off before it was told of, or not heard.
    or_(attempts.c.result == "started", attempts.c.detail["code"].astext == _UNREAD),
)

NOTIFY = Action(ACTION, prepare, act, record)
