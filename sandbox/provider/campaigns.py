"""Marketing campaigns, which are made and sent in the provider's application: here by `POST /_control/campaign`.

A campaign goes to the members of its lists who are not on the blocklist and whose address is not blocked. What the
recipients do with it follows the same shares as for transactional messages. A hard bounce, a complaint and an
unsubscription put the contact on the blocklist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.provider.contacts import Change, Contact
from sandbox.provider.faults import chance
from sandbox.provider.links import offers

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform

GRID, HOUR = 600, 3600
_LEAVING = frozenset({"hard_bounced", "spam", "unsubscribe"})
REASONS = {
    "hard_bounced": "550 5.1.1 The email account that you tried to reach does not exist",
    "soft_bounced": "452 4.2.2 The mailbox is full",
    "spam": "undesired",
}


@dataclass
class CampaignMail:
    """One recipient of one campaign. `sent_at` is business unix seconds."""

    campaign_id: int
    campaign: str
    tag: str
    to: str
    subject: str
    html: str
    list_ids: list[int]
    sent_at: float
    events: list[dict[str, Any]] = field(default_factory=list)


def _grid(at: float) -> float:
    return math.ceil(at / GRID) * float(GRID)


class Campaigns:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._made = 0

    def send(self, account: Account, description: dict[str, Any], now: float) -> dict[str, Any]:
        """`{"name", "subject", "html", "lists", "exclude_lists", "tag"}`; answers whom it left out, by reason."""
        lists, excluded = set(description["lists"]), set(description.get("exclude_lists", []))
        left_out = {"no_email": 0, "blocklisted": 0, "blocked": 0}
        mails: list[CampaignMail] = []
        with account.lock:
            for id in lists:
                account.lists.get(id)
            self._made += 1
            number = self._made
            for contact in account.contacts.all():
                if not contact.list_ids & lists or contact.list_ids & excluded:
                    continue
                why_not = _why_not(account, contact)
                if why_not:
                    left_out[why_not] += 1
                    continue
                mails.append(self._mail(number, description, contact, lists, now))
            account.campaign_mails += mails
        for mail in mails:
            self._platform.record.add(
                "campaign_email",
                account=account.key,
                campaign_id=number,
                to=mail.to,
                subject=mail.subject,
                html=mail.html,
                sent_at=now,
            )
            self._foresee(account, mail)
        return {"campaign_id": number, "sent": len(mails), "left_out": left_out}

    @staticmethod
    def _mail(number: int, description: dict[str, Any], contact: Contact, lists: set[int], now: float) -> CampaignMail:
        return CampaignMail(
            number,
            description.get("name", f"Campaign {number}"),
            description.get("tag", ""),
            contact.identifiers["EMAIL"],
            description.get("subject", ""),
            description.get("html", ""),
            sorted(contact.list_ids & lists),
            now,
        )

    def leave(self, account: Account, contact: Contact, now: float) -> None:
        """The contact unsubscribes from what was sent last, or from a newsletter of long ago."""
        email = contact.identifiers.get("EMAIL", "")
        with account.lock:
            last = next((mail for mail in reversed(account.campaign_mails) if mail.to == email), None)
            lists = sorted(contact.list_ids)
        mail = last or CampaignMail(1, "Newsletter", "", email, "", "", lists, now)
        self.act(account, mail, "unsubscribe", now)

    def act(self, account: Account, mail: CampaignMail, event: str, at: float, **more: Any) -> None:
        """Let the recipient do one thing now; `more` holds `link`."""
        happening: dict[str, Any] = {"event": event, "at": at, **more}
        if event in REASONS:
            happening["reason"] = REASONS[event]
        clock = self._platform.clock
        self._platform.record.add(
            "recipient", account=account.key, campaign_id=mail.campaign_id, email=mail.to, event=event, at=at,
            link=more.get("link"), real_at=clock.real(),
        )  # fmt: skip
        with account.lock:
            mail.events.append(happening)
            contact = account.contacts.owner("EMAIL", mail.to)
            if contact and event in _LEAVING:
                account.contacts.write(contact, Change(email_blocklisted=True), at, clock.wire())
        self._platform.webhooks.campaign_event(account, mail, happening)

    def _plan(self, account: Account, mail: CampaignMail, at: float, event: str, **more: Any) -> None:
        self._platform.agenda.plan(at, lambda: self.act(account, mail, event, at, **more))

    def _foresee(self, account: Account, mail: CampaignMail) -> None:
        rates, local = account.settings, mail.to.partition("@")[0]

        def draw(question: str) -> float:
            return chance(rates.seed, "campaign", mail.campaign_id, mail.to, question)

        arrival = mail.sent_at + draw("delay") * rates.delivery_seconds
        if local.startswith("bounce") or draw("hard") < rates.hard_bounces:
            return self._plan(account, mail, arrival, "hard_bounced")
        if local.startswith("soft") or draw("soft") < rates.soft_bounces:
            return self._plan(account, mail, arrival, "soft_bounced")
        self._plan(account, mail, arrival, "delivered")
        if draw("proxy") < rates.proxy_opens:
            self._plan(account, mail, _grid(arrival), "proxy_open")
        if local.startswith("complain") or draw("complain") < rates.complaints:
            return self._plan(account, mail, _grid(arrival + HOUR), "spam")
        if draw("open") >= rates.opens:
            return None
        opened = _grid(arrival + GRID + draw("when") ** 2 * 12 * HOUR)
        self._plan(account, mail, opened, "opened")
        if draw("leave") < max(rates.unsubscribes, rates.list_unsubscribes, rates.own_unsubscribes):
            return self._plan(account, mail, opened + GRID, "unsubscribe")
        found = offers(mail.html)
        if found and draw("click") < rates.clicks:
            self._plan(account, mail, opened + GRID, "click", link=found[int(draw("which") * len(found))])
        return None


def _why_not(account: Account, contact: Contact) -> str | None:
    email = contact.identifiers.get("EMAIL")
    if email is None:
        return "no_email"
    if contact.email_blocklisted:
        return "blocklisted"
    return "blocked" if account.mailbox.is_blocked(email, "") else None
