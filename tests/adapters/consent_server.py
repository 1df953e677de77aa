"""A server where a merchant agrees that an app may use their Brevo account, with a little of the API behind it.

Authorization code grant with PKCE and rotating refresh tokens, after RFC 6749, 7636 and the advice of RFC 9700: a
refresh token that is shown twice ends the access.
"""

from __future__ import annotations

import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import orjson

APP = "public-app"


@dataclass
class Told:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Consent:
    """What the server knows."""

    redirect_uri: str = "http://c.test/brevo/callback"
    offline: bool = True
    slow: float = 0.0
    """Seconds that an answer of the token endpoint takes."""
    refusing: tuple[int, dict[str, str]] | None = None
    """What the token endpoint answers instead."""
    strays: int = 0
    """How many calls of the API are yet to be answered 401 though the token is good."""
    codes: dict[str, str] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    spent: set[str] = field(default_factory=set)
    grants: Counter[str] = field(default_factory=Counter)
    ended: bool = False
    requests: list[Told] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def agree(self, authorize: str) -> str:
        """What a merchant's browser does who opens this address and agrees: the address that it is led back to."""
        asked = dict(parse_qsl(urlsplit(authorize).query, strict_parsing=True))
        assert asked["response_type"] == "code" and asked["client_id"] == APP
        assert asked["redirect_uri"] == self.redirect_uri and asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked["code_challenge"]
        return f"{self.redirect_uri}?{urlencode({'code': code, 'state': asked['state']})}"

    def expire(self) -> None:
        """The access tokens that were given so far serve no longer."""
        self.access.clear()

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form.get("client_id") != APP or "client_secret" in form:
            return 401, {"error": "invalid_client"}
        self.grants[form.get("grant_type", "")] += 1
        if form["grant_type"] == "authorization_code":
            digest = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
            if form["redirect_uri"] != self.redirect_uri or self.codes.pop(form["code"], None) != digest:
                return 400, {"error": "invalid_grant", "error_description": "Code not valid"}
        else:
            shown = form["refresh_token"]
            if shown in self.spent:
                self.ended = True
                self.access.clear()
                self.refresh.clear()
            if shown not in self.refresh:
                return 400, {"error": "invalid_grant", "error_description": "Token is not active"}
            self.refresh.discard(shown)
            self.spent.add(shown)
        token, refresh = f"at-{secrets.token_urlsafe(9)}", f"rt-{secrets.token_urlsafe(9)}"
        self.access.add(token)
        given: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "account:read",
        }
        if self.offline:
            self.refresh.add(refresh)
            given |= {"refresh_token": refresh, "refresh_expires_in": 2592000}
        return 200, given


@contextmanager
def consent_server(**rules: Any) -> Iterator[Consent]:
    """The server on a port of this machine. ``url`` is its address: tokens at ``/oauth``, the API at ``/v3``."""
    known = Consent(**rules)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = Told(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            known.requests.append(told)
            status, said = self._token(body) if self.path == "/oauth/token" else self._api(told)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(said)

        def _token(self, body: bytes) -> tuple[int, bytes]:
            if known.refusing is not None:
                return known.refusing[0], orjson.dumps(known.refusing[1])
            with known.guard:
                status, said = known.token({name: value[0] for name, value in parse_qs(body.decode()).items()})
            time.sleep(known.slow)
            return status, orjson.dumps(said)

        def _api(self, told: Told) -> tuple[int, bytes]:
            shown = told.headers.get("authorization", "").removeprefix("Bearer ")
            if shown not in known.access or known.strays > 0:
                known.strays -= 1
                return 401, orjson.dumps({"code": "unauthorized", "message": "Key not found"})
            return 200, orjson.dumps({"senders": [{"id": 1, "email": "shop@x.test", "name": "Shop", "active": True}]})

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
