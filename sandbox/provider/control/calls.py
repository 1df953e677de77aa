"""The control calls and their answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from sandbox.provider.accounts import Account
from sandbox.provider.control.access import AccessControl
from sandbox.provider.control.people import LONGEST_WAIT, PeopleControl
from sandbox.provider.opening import open_account
from sandbox.provider.platform import Platform
from sandbox.provider.wire import Answer, Refusal

if TYPE_CHECKING:
    from sandbox.provider.api import Request

Body = dict[str, Any]
Query = dict[str, list[str]]


class Control:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        access, people = AccessControl(platform), PeopleControl(platform)
        self._reads: dict[str, Callable[[Query], Any]] = {
            "health": lambda query: {"ok": True},
            "next": lambda query: {"at": platform.agenda.next_at()},
            "idle": lambda query: {"pending_deliveries": platform.deliveries.pending()},
            "faults": lambda query: {"faults": platform.faults.listing()},
            "log": self._log,
            "state": self._state,
        }
        self._writes: dict[tuple[str, str], Callable[[Body], Any]] = {
            ("POST", "accounts"): self._add_account,
            ("POST", "advance"): self._advance,
            ("POST", "settings"): self._settings,
            ("POST", "faults"): lambda body: {"id": platform.faults.add(body)},
            ("DELETE", "faults"): lambda body: platform.faults.clear(),
            ("POST", "act"): people.act,
            ("POST", "confirm"): people.confirm,
            ("POST", "campaign"): people.campaign,
            ("POST", "hooks"): people.register_hook,
            ("POST", "keys"): access.add_key,
            ("DELETE", "keys"): access.revoke_key,
            ("POST", "apps"): access.register_app,
            ("POST", "consent"): access.consent,
            ("POST", "expire"): access.expire,
            ("POST", "domain"): access.set_domain,
        }

    def answer(self, method: str, path: str, query: str, request: Request) -> Answer:
        if not ipaddress.ip_address(request.peer).is_loopback:
            return Answer(403, {"error": "the control API is for this machine only"})
        name = path.removeprefix("/_control/")
        try:
            if method == "GET" and name in self._reads:
                return Answer(200, self._reads[name](parse_qs(query)))
            action = self._writes.get((method, name))
            if action is None:
                return Answer(404, {"error": "no such control call"})
            raw = request.read()
            return Answer(200, action(orjson.loads(raw) if raw else {}) or {})
        except (ValueError, KeyError, TypeError) as problem:
            return Answer(400, {"error": f"{type(problem).__name__}: {problem}"})
        except Refusal as refusal:
            return refusal.answer

    def _add_account(self, body: Body) -> Body:
        account = open_account(self._platform, body, self._platform.clock.now())
        return {"key": account.key, "senders": account.senders.rows}

    def _advance(self, body: Body) -> Body:
        done = self._platform.agenda.run_due(self._platform.clock.now())
        return {"done": done, "unanswered": self._platform.deliveries.wait_first_answers(LONGEST_WAIT)}

    def _settings(self, body: Body) -> Body:
        """With "account" for one account, without for all, the ones still to come included."""
        values = dict(body)
        key = values.pop("account", None)
        accounts = self._platform.accounts
        targets = [accounts.named(key)] if key else accounts.all()
        for account in targets:
            account.settings.update(values)
        if key is None:
            accounts.defaults |= values
        return {account.key: asdict(account.settings) for account in targets}

    def _log(self, query: Query) -> Body:
        """`since` (a seq), `kind` and `account` (repeatable), `bodies=0` leaves html and text out."""
        kinds = frozenset(query.get("kind", []))
        entries, last = self._platform.record.since(int(query.get("since", ["0"])[0]), kinds)
        if accounts := frozenset(query.get("account", [])):
            entries = [entry for entry in entries if entry.get("account") in accounts]
        if query.get("bodies") == ["0"]:
            entries = [{k: v for k, v in entry.items() if k not in ("html", "text")} for entry in entries]
        return {"entries": entries, "next": last}

    def _state(self, query: Query) -> Body:
        accounts, keys = self._platform.accounts, query.get("account")
        chosen = [accounts.named(key) for key in keys] if keys else accounts.all()
        return {"accounts": {account.key: _snapshot(account) for account in chosen}}


def _snapshot(account: Account) -> Body:
    with account.lock:
        return {
            "organisation": account.organisation,
            "tier": account.tier,
            "contacts": [contact.as_json() for contact in account.contacts.all()],
            "attributes": [attribute.as_json() for attribute in account.attributes.all()],
            "coupon_collections": [
                {"id": one.id, "name": one.name, "default": one.default, "codes": list(one.codes)}
                for one in account.coupon_collections.values()
            ],
            "lists": [{"id": lst.id, "name": lst.name} for lst in account.lists.all()],
            "events": list(account.events),
            "emails": [message.as_row() for message in account.mailbox.messages],
            "texts": [asdict(text) for text in account.phone.texts],
            "blocked": [asdict(block) for block in account.mailbox.blocks()],
            "webhooks": [hook.as_json() for hook in account.hooks.values()],
            "orders": dict(account.shop.orders),
            "products": dict(account.shop.products),
            "categories": dict(account.shop.categories),
            "alerts": sorted(account.shop.alerts),
            "imports": [
                {"id": one.id, "status": one.status, "imported": one.imported, "refused": one.counts}
                for one in account.processes.values()
            ],
            "settings": asdict(account.settings),
        }
