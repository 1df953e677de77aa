"""Which event goes to which of an account's webhooks, at once or in a batch."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from sandbox.provider.agenda import Agenda
from sandbox.provider.contacts import Contact, Effect
from sandbox.provider.faults import chance
from sandbox.provider.mailbox import Message
from sandbox.provider.phone.texts import Text
from sandbox.provider.record import Record
from sandbox.provider.webhooks import payloads
from sandbox.provider.webhooks.deliveries import Deliveries
from sandbox.provider.webhooks.registrations import Hook

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.campaigns import CampaignMail

# Event in the body -> the names it can be registered under. The provider has no registration name for
# `error` and for opens by a proxy; here they follow `invalid` and the opens.
REGISTERED_AS = {
    "request": {"request", "sent"},
    "delivered": {"delivered"},
    "hard_bounce": {"hardBounce"},
    "soft_bounce": {"softBounce"},
    "hard_bounced": {"hardBounce"},
    "soft_bounced": {"softBounce"},
    "blocked": {"blocked"},
    "complaint": {"spam"},
    "spam": {"spam"},
    "invalid_email": {"invalid"},
    "error": {"invalid"},
    "deferred": {"deferred"},
    "click": {"click"},
    "opened": {"opened"},
    "unique_opened": {"uniqueOpened"},
    "proxy_open": {"opened"},
    "unique_proxy_open": {"uniqueOpened"},
    "unsubscribed": {"unsubscribed"},
    "unsubscribe": {"unsubscribed"},
    "contact_updated": {"contactUpdated"},
    "contact_deleted": {"contactDeleted"},
    "list_addition": {"listAddition"},
}
# The same for text messages; what is accepted, rejected or skipped has no registration name.
TEXTS_REGISTERED_AS = {
    "sent": {"sent"},
    "accepted": {"sent"},
    "delivered": {"delivered"},
    "hard_bounce": {"hardBounce"},
    "soft_bounce": {"softBounce"},
    "soft-bounce": {"soft-bounce"},
    "blocked": {"blocked"},
    "rejected": {"blocked"},
    "skipped": {"blocked"},
    "unsubscribed": {"unsubscribed"},
    "replied": {"reply"},
    "read": {"read"},
    "error": {"error"},
    "unsubscribe": {"unsubscribe"},
    "reply": {"reply"},
}
# Batched webhooks: windows of business time, and the most events of one request.
WINDOW_SECONDS, MOST_IN_BATCH = 300, 500
Body = dict[str, Any]


class Webhooks:
    def __init__(self, agenda: Agenda, record: Record, deliveries: Deliveries) -> None:
        self._agenda, self._record, self._deliveries = agenda, record, deliveries
        self._waiting: dict[int, list[Body]] = {}
        self._sent = 0
        self._lock = threading.Lock()

    def message_event(self, account: Account, message: Message, event: dict[str, Any]) -> None:
        for hook in self._asking(account, "transactional", "email", REGISTERED_AS[event["event"]]):
            self._send(account, hook, payloads.transactional(hook.id, message, event), event["at"])

    def text_event(self, account: Account, text: Text, event: dict[str, Any]) -> None:
        """An SMS may name an address of its own for its reports."""
        make = payloads.sms if text.channel == "sms" else payloads.whatsapp
        for hook in self._asking(account, "transactional", text.channel, TEXTS_REGISTERED_AS[event["event"]]):
            self._send(account, hook, make(hook.id, account.phone.credits, text, event), event["at"])
        if text.web_url:
            own = Hook(0, text.web_url, "transactional", "sms", [], event["at"], event["at"])
            self._send(account, own, make(0, account.phone.credits, text, event), event["at"])

    def campaign_event(self, account: Account, mail: CampaignMail, event: dict[str, Any]) -> None:
        for hook in self._asking(account, "marketing", "email", REGISTERED_AS[event["event"]]):
            self._send(account, hook, payloads.campaign(hook.id, mail, event), event["at"])

    # Contacts. `by` names the API key or app that wrote, "" when a person did.

    def written(
        self, account: Account, contact: Contact, effect: Effect, at: float, by: str, *, new: bool = False
    ) -> None:
        """A new contact is no update, but it can join lists."""
        if effect.changed and not new:
            self._contact(account, contact, "contact_updated", at, by, content=[effect.changed])
        if effect.joined:
            self.joined(account, contact, effect.joined, at, by)

    def joined(self, account: Account, contact: Contact, lists: list[int], at: float, by: str) -> None:
        self._contact(account, contact, "list_addition", at, by, list_id=lists)

    def contact_deleted(self, account: Account, contact: Contact, at: float, by: str) -> None:
        self._contact(account, contact, "contact_deleted", at, by, list_id=sorted(contact.list_ids))

    def _contact(self, account: Account, contact: Contact, event: str, at: float, by: str, **more: Any) -> None:
        email = contact.identifiers.get("EMAIL", "")
        for hook in self._asking(account, "marketing", "email", REGISTERED_AS[event]):
            body = payloads.contact(hook.id, event, email, at, account.organisation, **more, api_key_name=by)
            self._send(account, hook, body, at)

    def _asking(self, account: Account, type: str, channel: str, names: set[str]) -> list[Hook]:
        with account.lock:
            hooks = list(account.hooks.values())
        return [hook for hook in hooks if (hook.type, hook.channel) == (type, channel) and names & set(hook.events)]

    def _send(self, account: Account, hook: Hook, body: Body, at: float) -> None:
        with self._lock:
            self._sent += 1
            number = self._sent
        if chance(account.settings.seed, "lost", account.key, number) < account.settings.lost_webhooks:
            self._record.add(
                "webhook", **payloads.about(body), account=account.key, webhook_id=hook.id, url=hook.url,
                attempt=0, status=None, error=None, outcome="lost", at=at,
            )  # fmt: skip
        elif hook.batched:
            self._gather(account, hook, body, at)
        else:
            self._deliveries.webhook(account, hook.id, hook.url, hook.request_headers(), body)

    def _gather(self, account: Account, hook: Hook, body: Body, at: float) -> None:
        """Wait for the end of the window, or for the batch to be full."""
        with self._lock:
            waiting = self._waiting.setdefault(hook.id, [])
            waiting.append(body)
            first, full = len(waiting) == 1, len(waiting) >= MOST_IN_BATCH
        if full:
            self._flush(account, hook)
        elif first:
            end = (math.floor(at / WINDOW_SECONDS) + 1) * float(WINDOW_SECONDS)
            self._agenda.plan(end, lambda: self._flush(account, hook))

    def _flush(self, account: Account, hook: Hook) -> None:
        with self._lock:
            batch = self._waiting.pop(hook.id, [])
        if batch:
            self._deliveries.webhook(account, hook.id, hook.url, hook.request_headers(), batch)
