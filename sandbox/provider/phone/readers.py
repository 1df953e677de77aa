"""What people do with the text messages that they get, on the business clock.

Every choice is a hash of (seed, message id, number, question). By default a text is sent and delivered; shares in the
settings turn on the rest. A person who answers an SMS with STOP is taken off the account's SMS lists.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sandbox.provider.contacts import Change
from sandbox.provider.faults import chance
from sandbox.provider.phone.texts import Text

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform

GRID, HOUR = 600, 3600
# Event in a webhook -> the name that the statistics use.
SMS_EVENTS = {
    "sent": "sent",
    "accepted": "accepted",
    "delivered": "delivered",
    "soft_bounce": "softBounces",
    "hard_bounce": "hardBounces",
    "replied": "replies",
    "unsubscribed": "unsubscription",
    "blocked": "blocked",
    "rejected": "rejected",
    "skipped": "skipped",
}
WHATSAPP_EVENTS = {name: name for name in ("sent", "delivered", "read", "error", "unsubscribe", "reply", "soft-bounce")}
EVENTS = {"sms": SMS_EVENTS, "whatsapp": WHATSAPP_EVENTS}
REASONS = {
    "hard_bounce": "The number does not exist",
    "soft_bounce": "The telephone is switched off",
    "soft-bounce": "The telephone is switched off",
    "blocked": "The contact is blocklisted",
    "error": "The number has no WhatsApp account",
}
# As Meta words them: https://developers.facebook.com, Cloud API, error codes.
STOPPED_MARKETING = (
    "(#131050) Unable to deliver the message. This recipient has chosen to stop receiving marketing messages"
)
TOO_LATE = "(#131047) Re-engagement message: more than 24 hours have passed since the recipient last replied"
LAST_WORDS = "STOP"


def _grid(at: float) -> float:
    return math.ceil(at / GRID) * float(GRID)


class Readers:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def receive(self, account: Account, text: Text, leaves_at: float) -> None:
        """Take over an accepted text that leaves at `leaves_at`."""
        if leaves_at > text.accepted_at:
            self._platform.agenda.plan(leaves_at, lambda: self._leave(account, text, leaves_at))
        else:
            self._leave(account, text, leaves_at)

    def act(self, account: Account, text: Text, event: str, at: float, **more: Any) -> None:
        """Let this happen to the text now; `more` holds `reply`, `reason`. Raises ValueError for an unknown event."""
        if event not in EVENTS[text.channel]:
            raise ValueError(f"unknown event {event!r}")
        platform = self._platform
        happening: dict[str, Any] = {"event": event, "at": at, **more}
        if event in REASONS:
            happening.setdefault("reason", REASONS[event])
        platform.record.add(
            "recipient",
            account=account.key,
            channel=text.channel,
            message_id=text.message_id,
            number=text.number,
            event=event,
            at=at,
            reply=more.get("reply"),
            real_at=platform.clock.real(),
        )
        with account.lock:
            text.events.append(happening)
            if event in ("replied", "reply"):
                account.phone.replied_at[text.number] = at
            self._leave_lists(account, text, event, at)
        platform.webhooks.text_event(account, text, happening)

    def _leave(self, account: Account, text: Text, at: float) -> None:
        rates = account.settings

        def draw(question: str) -> float:
            return chance(rates.seed, text.message_id, text.number, question)

        blocked, reason = self._is_blocked(account, text)
        if blocked:
            return self.act(account, text, blocked, at, reason=reason)
        self.act(account, text, "sent", at)
        arrival = at + draw("delay") * rates.delivery_seconds
        if text.channel == "sms":
            if draw("hard") < rates.sms_hard_bounces:
                return self._plan(account, text, arrival, "hard_bounce")
            if draw("soft") < rates.sms_soft_bounces:
                return self._plan(account, text, arrival, "soft_bounce")
            self._plan(account, text, arrival, "delivered")
            if draw("stop") < rates.sms_stops:
                self._plan(account, text, _grid(arrival + HOUR), "replied", reply=LAST_WORDS)
                self._plan(account, text, _grid(arrival + HOUR), "unsubscribed")
            return None
        if draw("error") < rates.whatsapp_errors:
            return self._plan(account, text, arrival, "error")
        self._plan(account, text, arrival, "delivered")
        if draw("read") < rates.whatsapp_reads:
            read = _grid(arrival + draw("when") * HOUR)
            self._plan(account, text, read, "read")
            if draw("stop") < rates.whatsapp_stops:
                self._plan(account, text, read + GRID, "unsubscribe")
        return None

    def _plan(self, account: Account, text: Text, at: float, event: str, **more: Any) -> None:
        self._platform.agenda.plan(at, lambda: self.act(account, text, event, at, **more))

    def _is_blocked(self, account: Account, text: Text) -> tuple[str, str]:
        """The event and why; "" when it leaves. A transactional SMS reaches also who wants no marketing."""
        with account.lock:
            if text.channel == "whatsapp":
                contact = account.contacts.owner("WHATSAPP", text.number)
                if contact and contact.whatsapp_blocklisted:
                    return "error", STOPPED_MARKETING
                late = text.accepted_at - account.phone.replied_at.get(text.number, -math.inf) > 24 * HOUR
                return ("error", TOO_LATE) if text.template_id is None and late else ("", "")
            contact = account.contacts.owner("SMS", text.number)
            blocked = text.kind == "marketing" and contact and contact.sms_blocklisted
            return ("blocked", REASONS["blocked"]) if blocked else ("", "")

    def _leave_lists(self, account: Account, text: Text, event: str, at: float) -> None:
        wire = self._platform.clock.wire()
        if event == "unsubscribed":
            contact = account.contacts.owner("SMS", text.number)
            if contact:
                account.contacts.write(contact, Change(sms_blocklisted=True), at, wire)
        elif event == "unsubscribe":
            contact = account.contacts.owner("WHATSAPP", text.number)
            if contact:
                contact.whatsapp_blocklisted = True
                contact.modified_at = at
