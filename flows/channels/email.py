"""Email through Brevo's POST /smtp/email.

Our key travels three times: in ``X-Mailin-custom`` and as a tag, which come back in Brevo's webhooks and its log,
and as the idempotency key in the body's ``headers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.brevo.client import BrevoAccount
from connector.db.any_row import AnyRow
from connector.outbox import TEST, idempotency_key
from flows.channels.channel import TEST_MARK, Channel, Letter, Request
from flows.content.render import render


def address(person: AnyRow) -> str | None:
    return person["email"] or None


def about(request: Request) -> str:
    return str(request["subject"])


def content(request: Request) -> Mapping[str, Any]:
    sender = request["sender"]
    return {
        "subject": request["subject"],
        "sender": f"{sender['name']} <{sender['email']}>",
        "html": request["htmlContent"],
        "text": request["textContent"],
    }


def write(letter: Letter) -> Request:
    """The body of the request."""
    written = render(letter.source, letter.context)
    tags = [letter.flow, letter.source.name.rsplit("/", 1)[-1], str(letter.idempotency_key)]
    body: dict[str, Any] = {
        "sender": {"email": letter.shop.sender_email, "name": letter.shop.sender_name},
        # Per recipient since 2026-07-21: without it Brevo records no opens of theirs.
        "to": [{"email": letter.recipient, "contactPixelTrackingConsent": letter.track_opens}],
        "subject": f"{TEST_MARK}{written.subject}" if letter.test else written.subject,
        "htmlContent": written.html,
        "textContent": written.text,
        "headers": {
            "X-Mailin-custom": letter.key,
            "idempotencyKey": str(letter.idempotency_key),
        },
        "tags": [*tags, TEST] if letter.test else tags,
    }
    if letter.source.purpose == "marketing":
        # Brevo may drop or replace standard headers; the link in the body is what is relied on.
        body["headers"]["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        body["headers"]["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return body


def send(account: BrevoAccount, request: Request, leave_by: float) -> str:
    return account.send_email(request, leave_by=leave_by)


def look_up(account: BrevoAccount, recipient: str, key: str, since: datetime, until: datetime) -> str | None:
    return account.email_tagged(str(idempotency_key(key)), recipient, since, until)


EMAIL = Channel(
    name="email",
    bucket="email",
    look_up_bucket="email_log",
    address=address,
    about=about,
    content=content,
    write=write,
    send=send,
    look_up=look_up,
    # With the same key, which the provider refuses to take twice.
    repeats=True,
)
