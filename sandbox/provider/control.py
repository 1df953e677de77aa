"""The control API under /_control/, for tests and demo drivers on the same machine. See README.md."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from sandbox.provider import double_opt_in
from sandbox.provider.accounts import Account
from sandbox.provider.contacts import Change, normal
from sandbox.provider.payloads import FIELDS
from sandbox.provider.platform import Platform
from sandbox.provider.recipients import FOLLOW_UNSUBSCRIBE, UNSUBSCRIBE_PATH, links
from sandbox.provider.wire import Answer, Refusal

if TYPE_CHECKING:
    from sandbox.provider.api import Request

LONGEST_WAIT = 60.0
Query = dict[str, list[str]]


class Control:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._actions: dict[tuple[str, str], Callable[[dict[str, Any], Query], Any]] = {
            ("GET", "health"): lambda body, query: {"ok": True},
            ("POST", "accounts"): self._add_account,
            ("GET", "next"): lambda body, query: {"at": platform.recipients.next_at()},
            ("POST", "advance"): self._advance,
            ("GET", "idle"): lambda body, query: {"pending_deliveries": platform.deliveries.pending()},
            ("POST", "faults"): lambda body, query: {"id": platform.faults.add(body)},
            ("GET", "faults"): lambda body, query: {"faults": platform.faults.listing()},
            ("DELETE", "faults"): lambda body, query: platform.faults.clear(),
            ("POST", "settings"): self._settings,
            ("POST", "act"): self._act,
            ("POST", "confirm"): lambda body, query: double_opt_in.confirm(
                platform, self._account(body["account"]), body["email"], platform.clock.now()
            ),
            ("GET", "log"): self._log,
            ("GET", "state"): self._state,
        }

    def answer(self, method: str, path: str, query: str, request: Request) -> Answer:
        if not ipaddress.ip_address(request.peer).is_loopback:
            return Answer(403, {"error": "the control API is for this machine only"})
        action = self._actions.get((method, path.removeprefix("/_control/")))
        if action is None:
            return Answer(404, {"error": "no such control call"})
        try:
            raw = request.read()
            body = orjson.loads(raw) if raw else {}
            return Answer(200, action(body, parse_qs(query)) or {})
        except (ValueError, KeyError, TypeError) as problem:
            return Answer(400, {"error": f"{type(problem).__name__}: {problem}"})
        except Refusal as refusal:
            return refusal.answer

    def _account(self, key: str) -> Account:
        account = self._platform.accounts.get(key)
        if account is None:
            raise ValueError(f"no account with key {key!r}")
        return account

    def _add_account(self, body: dict[str, Any], query: Query) -> dict[str, Any]:
        account = self._platform.accounts.add(body, self._platform.clock.now())
        return {"key": account.key, "senders": account.senders}

    def _advance(self, body: dict[str, Any], query: Query) -> dict[str, Any]:
        done = self._platform.recipients.run_due(self._platform.clock.now())
        unanswered = self._platform.deliveries.wait_first_answers(LONGEST_WAIT)
        return {"done": done, "unanswered": unanswered}

    def _settings(self, body: dict[str, Any], query: Query) -> dict[str, Any]:
        """With "account" for one account, without for all, the ones still to come included."""
        values = dict(body)
        key = values.pop("account", None)
        targets = [self._account(key)] if key else self._platform.accounts.all()
        for account in targets:
            account.settings.update(values)
        if key is None:
            self._platform.accounts.defaults |= values
        return {account.key: asdict(account.settings) for account in targets}

    def _act(self, body: dict[str, Any], query: Query) -> dict[str, Any]:
        """One recipient does one thing at once; returns when its webhooks got a first answer."""
        account, event = self._account(body["account"]), body["event"]
        platform, now = self._platform, self._platform.clock.now()
        if event == "marketing_unsubscribe":
            with account.lock:
                contact = account.contacts.find(body["email"], "email_id")
                change = Change(email_blocklisted=True)
                account.contacts.write(contact, change, now, platform.clock.wire())
            platform.webhooks.unsubscribed(account, contact, now)
            return {"unanswered": platform.deliveries.wait_first_answers(LONGEST_WAIT)}
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
        action: dict[str, Any] = {
            "event": event,
            "at": now,
            **{k: body[k] for k in ("link", "reason") if k in body},
        }
        if event == FOLLOW_UNSUBSCRIBE and "link" not in action:
            ways_out = [link for link in links(message.html) if UNSUBSCRIBE_PATH in link]
            if not ways_out:
                raise ValueError("the message has no unsubscribe link")
            action["link"] = ways_out[0]
        platform.recipients.act(account, message, action)
        unanswered = platform.deliveries.wait_first_answers(LONGEST_WAIT)
        return {"message_id": message.message_id, "unanswered": unanswered}

    def _log(self, body: dict[str, Any], query: Query) -> dict[str, Any]:
        """`since` (a seq), `kind` (repeatable), `bodies=0` leaves html and text out."""
        kinds = frozenset(query.get("kind", []))
        entries, last = self._platform.record.since(int(query.get("since", ["0"])[0]), kinds)
        if query.get("bodies") == ["0"]:
            entries = [{k: v for k, v in entry.items() if k not in ("html", "text")} for entry in entries]
        return {"entries": entries, "next": last}

    def _state(self, body: dict[str, Any], query: Query) -> dict[str, Any]:
        keys = query.get("account")
        chosen = [self._account(key) for key in keys] if keys else self._platform.accounts.all()
        return {"accounts": {account.key: _snapshot(account) for account in chosen}}


def _snapshot(account: Account) -> dict[str, Any]:
    with account.lock:
        return {
            "organisation": account.organisation,
            "tier": account.tier,
            "contacts": [contact.as_json() for contact in account.contacts.all()],
            "attributes": [attribute.as_json() for attribute in account.attributes.all()],
            "lists": [{"id": lst.id, "name": lst.name} for lst in account.lists.all()],
            "events": list(account.events),
            "emails": [message.as_row() for message in account.mailbox.messages],
            "blocked": [asdict(block) for block in account.mailbox.blocks()],
            "webhooks": [hook.as_json() for hook in account.hooks.values()],
            "orders": dict(account.shop.orders),
            "products": dict(account.shop.products),
            "categories": dict(account.shop.categories),
            "imports": [asdict(process) for process in account.processes.values()],
            "settings": asdict(account.settings),
        }
