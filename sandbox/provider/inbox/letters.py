"""Everything that was sent, in one shape: transactional mails, campaigns, SMS, WhatsApp."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.provider import moments
from sandbox.provider.accounts import Account
from sandbox.provider.campaigns import CampaignMail
from sandbox.provider.links import links
from sandbox.provider.mailbox import Message
from sandbox.provider.phone.texts import Text


@dataclass(frozen=True)
class Letter:
    """`kind` is email, campaign, sms or whatsapp; `at` business unix seconds; `mark` names it in addresses."""

    mark: str
    kind: str
    account: str
    to: str
    sender: str
    subject: str
    at: float
    html: str = ""
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.at, moments.ACCOUNT_ZONE)

    @property
    def is_mail(self) -> bool:
        return self.kind in ("email", "campaign")

    @property
    def links(self) -> list[str]:
        return list(dict.fromkeys(links(self.html)))

    @property
    def became(self) -> str:
        return ", ".join(event["event"].replace("_", " ") for event in self.events)


def letters(accounts: Iterable[Account]) -> list[Letter]:
    """The newest first."""
    found: list[Letter] = []
    for account in accounts:
        with account.lock:
            name = account.organisation
            found += [_mail(name, message) for message in account.mailbox.messages]
            found += [_campaign(name, number, mail) for number, mail in enumerate(account.campaign_mails)]
            found += [_text(name, account.number, number, text) for number, text in enumerate(account.phone.texts)]
    return sorted(found, key=lambda letter: letter.at, reverse=True)


def _mail(name: str, message: Message) -> Letter:
    return Letter(
        message.uuid,
        "email",
        name,
        message.to,
        message.sender,
        message.subject,
        message.due_at,
        message.html,
        message.text,
        message.headers,
        message.tags,
        list(message.events),
    )


def _campaign(name: str, number: int, mail: CampaignMail) -> Letter:
    return Letter(
        f"campaign-{mail.campaign_id}-{number}",
        "campaign",
        name,
        mail.to,
        mail.campaign,
        mail.subject,
        mail.sent_at,
        mail.html,
        events=list(mail.events),
    )


def _text(name: str, account: int, number: int, text: Text) -> Letter:
    return Letter(
        f"{text.channel}-{account}-{number}",
        text.channel,
        name,
        text.number,
        text.sender,
        "",
        text.accepted_at,
        text=text.content,
        tags=text.tags,
        events=list(text.events),
    )
