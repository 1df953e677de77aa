"""How an app comes to its tokens: the merchant's consent by redirects, and the token endpoint with its five grants.

Request parameters are taken as JSON or as a form. Errors are HTTP 400 with `{"error", "error_description"}`.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import socket
from math import ceil
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from sandbox.store.apps import App
from sandbox.store.installation import Code
from sandbox.store.platform import Platform
from sandbox.store.session_tokens import host_of, read_session_token
from sandbox.store.shop import Shop
from sandbox.store.tokens import Refused, Token

CODE_SECONDS = 600
_URN = "urn:ietf:params:oauth:"
TOKEN_EXCHANGE = f"{_URN}grant-type:token-exchange"
ID_TOKEN = f"{_URN}token-type:id_token"
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"
# What faults and the log call the grants.
_NAMES = {
    None: "authorization_code",
    "authorization_code": "authorization_code",
    "refresh_token": "refresh_token",
    "client_credentials": "client_credentials",
    TOKEN_EXCHANGE: "token_exchange",
}


def oauth_pages(platform: Platform) -> Blueprint:
    """`GET /{shop}/admin/oauth/authorize` and `POST /{shop}/admin/oauth/access_token`."""
    places = itertools.count(1)
    pages = Blueprint("oauth", __name__, url_prefix="/<domain>/admin/oauth")

    @pages.get("authorize")
    def authorize(domain: str) -> AnyResponse:
        """The merchant agrees at once; what was asked for is granted, the app's own scopes when nothing was."""
        shop = platform.shops.get(domain) or abort(404)
        app = platform.apps.get(request.args.get("client_id", ""))
        back = request.args.get("redirect_uri", "")
        if app is None or back not in app.redirect_urls:
            what = "could not find the app" if app is None else "redirect_uri is not whitelisted"
            return Response(f"Oauth error invalid_request: {what}", 400, mimetype="text/html")
        asked = tuple(one for one in request.args.get("scope", "").replace(" ", ",").split(",") if one)
        now = platform.clock.real()
        with shop.lock:
            shop.install(app, asked or app.scopes)
            code = hashlib.sha256(f"{domain}:{next(places)}:{now}".encode()).hexdigest()[:32]
            online = "per-user" in request.args.getlist("grant_options[]")
            shop.installation.codes[code] = Code(app.client_id, platform.clock.wire() + CODE_SECONDS, online)
        said = {
            "code": code,
            "host": host_of(domain),
            "shop": domain,
            "state": request.args.get("state", ""),
            "timestamp": str(int(now)),
        }
        platform.journal.append("authorized", shop=domain, client_id=app.client_id)
        return redirect(f"{back}{'&' if '?' in back else '?'}{urlencode(signed(said, app.secret))}")

    @pages.post("access_token")
    def access_token(domain: str) -> Response:
        shop = platform.shops.get(domain) or abort(404)
        asked = _asked()
        grant = _NAMES.get(asked.get("grant_type"), "unknown")
        if asked.get("subject_token_type") == OFFLINE:
            grant = "migration"
        faults = platform.token_faults.striking(domain, grant)
        if "throttled" in faults:
            wait = str(faults["throttled"].retry_after)
            return _log(platform, domain, grant, _refuse("throttled", "Too many requests", 429, {"Retry-After": wait}))
        if "error" in faults:
            return _log(platform, domain, grant, _refuse("server_error", "Try again", faults["error"].status))
        if "cut" in faults:
            _log(platform, domain, grant, _refuse("cut", "nothing was done", 500))
            return _cut_off()
        if "delay" in faults:
            platform.clock.pause(faults["delay"].seconds)
        try:
            with shop.lock:
                token = _granted(platform, shop, grant, asked)
                body = _body(token, platform.clock.wire())
                token.delivered = token.delivered or "lost" not in faults
        except Refused as refusal:
            return _log(platform, domain, grant, _refuse(refusal.error, refusal.description))
        lost = "lost" in faults
        platform.journal.append("token", shop=domain, grant=grant, error=None, number=token.number, lost=lost)
        if "slow" in faults:
            platform.clock.pause(faults["slow"].seconds)
        return _cut_off() if lost else jsonify(body)

    return pages


def signed(said: dict[str, str], secret: str) -> dict[str, str]:
    """Query parameters with their `hmac`: hex, over the sorted pairs."""
    message = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
    return said | {"hmac": hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()}


def _granted(platform: Platform, shop: Shop, grant: str, asked: dict[str, str]) -> Token:
    """The token that the request earns. Raises Refused."""
    now, app = platform.clock.wire(), _client(platform, shop, asked)
    book, scope, client_id = shop.installation.tokens, tuple(sorted(shop.installation.scopes)), app.client_id
    kind = "expiring" if asked.get("expiring") in ("1", "true") else "offline"
    if grant == "refresh_token":
        return book.refresh(asked.get("refresh_token", ""), client_id, now)
    if grant == "client_credentials":
        if not app.own_organisation:
            raise Refused("shop_not_permitted", "Client credentials cannot be performed on this shop")
        return book.issue("client_credentials", grant, client_id, scope, now)
    if grant == "migration":
        if asked.get("requested_token_type") != OFFLINE or kind != "expiring":
            raise Refused("invalid_request", "An offline token is exchanged for an expiring one only")
        return book.migrate(asked.get("subject_token", ""), client_id, now)
    if grant == "token_exchange":
        if asked.get("subject_token_type") != ID_TOKEN:
            raise Refused("invalid_request", "Unknown subject_token_type")
        claims = read_session_token(app, shop.domain, asked.get("subject_token", ""), platform.clock.real())
        wanted = asked.get("requested_token_type")
        if wanted == ONLINE:
            return book.issue("online", grant, client_id, scope, now, user=shop.installation.staff(int(claims["sub"])))
        if wanted != OFFLINE:
            raise Refused("invalid_request", "Unknown requested_token_type")
        return book.issue(kind, grant, client_id, scope, now)
    if grant == "authorization_code":
        # One code, one use: it is gone whatever comes of it.
        code = shop.installation.codes.pop(asked.get("code", ""), None)
        if code is None or code.client_id != client_id or now >= code.expires_at:
            raise Refused("invalid_request", "The authorization code was not found or was already used")
        if code.online:
            return book.issue("online", grant, client_id, scope, now, user=shop.installation.staff(1))
        return book.issue(kind, grant, client_id, scope, now)
    raise Refused("unsupported_grant_type", "The grant type is not supported")


def _client(platform: Platform, shop: Shop, asked: dict[str, str]) -> App:
    """The app that asks, when it is installed and knows its secret. Raises Refused."""
    app = platform.apps.get(asked.get("client_id", ""))
    given = asked.get("client_secret", "").encode()
    if app is None or not any(hmac.compare_digest(given, one.encode()) for one in app.secrets):
        raise Refused("invalid_client", "The client credentials are wrong")
    if not shop.installation.present or shop.installation.app is not app:
        raise Refused("invalid_client", "The app is not installed on this shop")
    return app


def _body(token: Token, now: float) -> dict[str, Any]:
    body: dict[str, Any] = {"access_token": token.access_token, "scope": ",".join(token.scope)}
    if token.access_expires_at is not None:
        body["expires_in"] = max(0, ceil(token.access_expires_at - now))
    if token.refresh_token is not None and token.refresh_expires_at is not None:
        body["refresh_token"] = token.refresh_token
        body["refresh_token_expires_in"] = max(0, ceil(token.refresh_expires_at - now))
    if token.user is not None:
        body |= {"associated_user_scope": body["scope"], "associated_user": token.user}
    return body


def _asked() -> dict[str, str]:
    found = request.form.to_dict()
    if request.mimetype == "application/json":
        try:
            found = json.loads(request.get_data())
        except ValueError:
            found = {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _refuse(error: str, description: str, status: int = 400, headers: dict[str, str] | None = None) -> Response:
    answer = jsonify(error=error, error_description=description)
    answer.status_code = status
    answer.headers.update(headers or {})
    return answer


def _log(platform: Platform, domain: str, grant: str, answer: Response) -> Response:
    error = answer.get_json()["error"]
    platform.journal.append("token", shop=domain, grant=grant, error=error, number=None, lost=error == "cut")
    return answer


def _cut_off() -> Response:
    """End the connection under the answer: the caller reads nothing of it."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
