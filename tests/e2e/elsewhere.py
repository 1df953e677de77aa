"""A store and a provider that the project has never seen: the contracts, followed otherwise than the sandbox does.

One small server on loopback. The provider sends no rate limit headers and adds fields that nobody knows; the
store tells no cost, adds unknown data, knows only some of the objects it is asked for, or answers nothing at all.
Everything that comes in is kept.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.clock import Clock

REAL = Clock()


@dataclass(frozen=True)
class Heard:
    """One request. ``who``: the API key or the access token; ``at``: real unix seconds."""

    at: float
    who: str
    call: str
    body: Any

    @property
    def address(self) -> str:
        """Whom a contact, an event or an email is about."""
        body = self.body or {}
        if "to" in body:
            return str(body["to"][0]["email"])
        return str(body.get("email") or body.get("identifiers", {}).get("email_id") or "")


class Elsewhere:
    """Use as a context manager. ``silent``: shops whose store answers 404 to everything; ``customers``: what the
    other stores know, Customer nodes by id."""

    def __init__(self, *, silent: Collection[str], customers: Mapping[str, Any]) -> None:
        self.heard: list[Heard] = []
        self._silent = silent
        self._customers = customers
        self._numbers = count(1)
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Elsewhere:
        elsewhere = self

        class Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                at = REAL.real()
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = elsewhere.answer(at, self.command, urlsplit(self.path).path, self.headers, raw)
                said = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Type", "application/json; charset=utf-8")
                    self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, *ignored: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Connection)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """What the product needs to know."""
        return {"SHOPIFY_BASE_URL": f"{self.url}/stores/{{shop}}", "BREVO_BASE_URL": f"{self.url}/provider"}

    def calls(self, who: str, call: str) -> list[Heard]:
        """What came from this key or token, in order; ``call`` is method and path."""
        with self._lock:
            return [one for one in self.heard if one.who == who and one.call == call]

    def answer(self, at: float, method: str, path: str, headers: Any, raw: bytes) -> tuple[int, Any]:
        """Status and body, None for an empty one."""
        body = json.loads(raw) if raw else None
        _, side, rest = path.split("/", 2)
        who = headers.get("api-key") or headers.get("X-Shopify-Access-Token") or ""
        call = f"{method} /{unquote(rest)}"
        with self._lock:
            self.heard.append(Heard(at, who, call, body))
            if side == "provider":
                return self._provider(who, call, body)
        shop = rest.partition("/")[0]
        return (404, None) if shop in self._silent else (200, self._store(body))

    def _provider(self, key: str, call: str, body: Any) -> tuple[int, Any]:
        if call == "GET /senders":
            sender = {"id": 7, "name": "Teahouse", "email": "tea@teahouse.example", "active": True, "ips": [], "new": 1}
            return 200, {"senders": [sender], "pages": {"next": None}}
        if call == "GET /contacts/attributes":
            known = [
                {"name": name, "category": "normal", "type": "text", "since": 1} for name in ("EMAIL", "FIRSTNAME")
            ]
            return 200, {"attributes": known, "hint": "none"}
        if call.startswith("POST /contacts/attributes/"):
            return 201, None
        if call == "POST /contacts":
            new = (key, body["email"]) not in self._known
            self._known.add((key, body["email"]))
            return (201, {"id": next(self._numbers), "kind": "contact"}) if new else (204, None)
        if call.startswith("PUT ") or call == "POST /events":
            return 204, None
        if call == "POST /smtp/email":
            accepted = {"messageId": f"<{next(self._numbers)}@elsewhere.example>", "queue": "fast"}
            return (202 if "scheduledAt" in body else 201), accepted
        if call == "POST /webhooks":
            return 201, {"id": next(self._numbers), "active": True}
        # Also GET /webhooks: the contract's answer when there are none.
        return 404, {"code": "document_not_found", "message": "Nothing here", "trace": "abc"}

    def _store(self, body: Mapping[str, Any]) -> dict[str, Any]:
        query, variables = body["query"], body.get("variables") or {}
        if "nodes(ids:" in query:
            return {"data": {"nodes": [self._customers.get(one) for one in variables["ids"]], "unasked": {"x": 1}}}
        if re.search(r"\bwebhookSubscriptionCreate\b", query):
            made = {"id": f"gid://shopify/WebhookSubscription/{next(self._numbers)}", "userErrors": []}
            return {"data": {"webhookSubscriptionCreate": {"webhookSubscription": made, "userErrors": []}}}
        if "shopAddress" in query:
            return {"data": {"shop": {"shopAddress": None, "plan": {"name": "x"}}}, "extensions": {"context": {}}}
        if re.search(r"\bshop\s*\{", query):
            told = {"name": "Teahouse", "currencyCode": "EUR", "ianaTimezone": "UTC", "primaryDomain": None}
            return {"data": {"shop": told}}
        field = "webhookSubscriptions" if "webhookSubscriptions" in query else "orders"
        return {"data": {field: {"nodes": [], "pageInfo": {"hasNextPage": False}}}}
