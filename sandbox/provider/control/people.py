"""Control of people: what one of them does now, and what the merchant does in the provider's application."""

from __future__ import annotations

from typing import Any

from sandbox.provider import double_opt_in
from sandbox.provider.accounts import Account
from sandbox.provider.contacts import normal
from sandbox.provider.links import SENDERS_WAY_OUT, ways_out
from sandbox.provider.platform import Platform
from sandbox.provider.recipients import FOLLOW_UNSUBSCRIBE
from sandbox.provider.webhooks.payloads import CAMPAIGN_FIELDS, FIELDS
from sandbox.provider.webhooks.registrations import register
from sandbox.provider.wire import Call

LONGEST_WAIT = 60.0
Body = dict[str, Any]


class PeopleControl:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def _answered(self, **more: Any) -> Body:
        return {**more, "unanswered": self._platform.deliveries.wait_first_answers(LONGEST_WAIT)}

    def act(self, body: Body) -> Body:
        """One recipient does one thing at once; returns when its webhooks got a first answer."""
        account, event = self._platform.accounts.named(body["account"]), body["event"]
        if event == "marketing_unsubscribe":
            with account.lock:
                contact = account.contacts.find(body["email"], "email_id")
            self._platform.campaigns.leave(account, contact, self._platform.clock.now())
            return self._answered()
        if "number" in body:
            return self._act_on_text(account, event, body)
        if "campaign_id" in body:
            return self._act_on_campaign(account, event, body)
        return self._act_on_mail(account, event, body)

    def _act_on_mail(self, account: Account, event: str, body: Body) -> Body:
        if event not in FIELDS and event != FOLLOW_UNSUBSCRIBE:
            raise ValueError(f"unknown event {event!r}")
        with account.lock:
            email = normal("EMAIL", body["email"]) if "email" in body else None
            fits = [
                message
                for message in account.mailbox.messages
                if email in (None, message.to) and body.get("message_id") in (None, message.message_id)
            ]
        if not fits:
            raise ValueError("no such message")
        message = fits[-1]
        action: Body = {"event": event, "at": self._platform.clock.now()}
        action |= {name: body[name] for name in ("link", "reason", "is_returnpath") if name in body}
        if event == FOLLOW_UNSUBSCRIBE and "link" not in action:
            out = ways_out(message.html, SENDERS_WAY_OUT)
            if not out:
                raise ValueError("the message has no unsubscribe link")
            action["link"] = out[0]
        self._platform.recipients.act(account, message, action)
        return self._answered(message_id=message.message_id)

    def _act_on_text(self, account: Account, event: str, body: Body) -> Body:
        with account.lock:
            fits = [
                text
                for text in account.phone.texts
                if text.number == body["number"] and body.get("message_id") in (None, text.message_id)
            ]
        if not fits:
            raise ValueError("no such message")
        more = {name: body[name] for name in ("reply", "reason") if name in body}
        self._platform.readers.act(account, fits[-1], event, self._platform.clock.now(), **more)
        return self._answered(message_id=fits[-1].message_id)

    def _act_on_campaign(self, account: Account, event: str, body: Body) -> Body:
        if event not in CAMPAIGN_FIELDS:
            raise ValueError(f"unknown event {event!r}")
        with account.lock:
            wanted = (body["campaign_id"], normal("EMAIL", body["email"]))
            fits = [mail for mail in account.campaign_mails if (mail.campaign_id, mail.to) == wanted]
        if not fits:
            raise ValueError("no such message")
        more = {"link": body["link"]} if "link" in body else {}
        self._platform.campaigns.act(account, fits[0], event, self._platform.clock.now(), **more)
        return self._answered()

    def campaign(self, body: Body) -> Body:
        description = dict(body)
        account = self._platform.accounts.named(description.pop("account"))
        return self._platform.campaigns.send(account, description, self._platform.clock.now())

    def confirm(self, body: Body) -> Body:
        account = self._platform.accounts.named(body["account"])
        return double_opt_in.confirm(self._platform, account, body["email"], self._platform.clock.now())

    def register_hook(self, body: Body) -> Body:
        """A webhook that is made in the provider's application: also of the channel `whatsapp`."""
        description = dict(body)
        account = self._platform.accounts.named(description.pop("account"))
        channel, now = description.pop("channel", "email"), self._platform.clock.now()
        call = Call(self._platform, account, "", description, {}, {}, self._platform.clock.real(), now)
        return {"id": register(call, channel)}
