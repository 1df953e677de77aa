"""The part of the control API that is about the app: its registration, its tokens, and the merchant who installs it."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from sandbox.store.apps import App
from sandbox.store.browser import visit
from sandbox.store.control_requests import body_of
from sandbox.store.deliveries import summary
from sandbox.store.oauth import signed
from sandbox.store.platform import Platform
from sandbox.store.session_tokens import host_of, session_token
from sandbox.store.shop import Shop
from sandbox.store.tokens import Rules


def add_app_controls(control: Blueprint, platform: Platform) -> None:
    """Add the routes to the control API."""
    numbers = itertools.count(1)

    def app_of(body: dict[str, Any], shop: Shop) -> App:
        client_id = body.get("client_id")
        return platform.apps[client_id] if client_id else shop.installation.app

    def id_token(shop: Shop, app: App, body: dict[str, Any]) -> str:
        now, number = platform.clock.real(), next(numbers)
        return session_token(app, shop.domain, int(body.get("user_id", 1)), now, number, **body.get("claims", {}))

    @control.get("app")
    def apps() -> Response:
        return jsonify(apps=[asdict(app) for app in platform.apps.values()])

    @control.post("app")
    def change_app() -> Response:
        """`{"client_id", "secret", "old_secret", "url", "redirect_urls", "scopes", ...}`: registers or changes it."""
        body = body_of(request)
        client_id = body.pop("client_id", None) or next(iter(platform.apps))
        app = platform.apps.get(client_id)
        if app is None:
            app = platform.apps[client_id] = App(client_id, body["secret"])
        app.change(body)
        return jsonify(asdict(app))

    @control.post("session_token")
    def make_session_token() -> Response:
        """`{"shop", "user_id": 1, "client_id", "claims": {...}}`: what App Bridge would give the page of a user."""
        body = body_of(request)
        shop = platform.shops[body["shop"]]
        return jsonify(id_token=id_token(shop, app_of(body, shop), body), host=host_of(shop.domain))

    @control.post("install")
    def install() -> Response:
        """`{"shop", "client_id", "app_url", "scopes", "user_id": 1, "embedded": true, "open": true}`."""
        body = body_of(request)
        shop = platform.shops[body["shop"]]
        app, embedded = app_of(body, shop), bool(body.get("embedded", True))
        said = {"host": host_of(shop.domain), "shop": shop.domain, "timestamp": str(int(platform.clock.real()))}
        if embedded:
            with shop.lock:
                shop.install(app, body.get("scopes") or app.scopes)
            platform.journal.append("installed", shop=shop.domain, client_id=app.client_id)
            said |= {"embedded": "1", "locale": shop.settings.locale, "id_token": id_token(shop, app, body)}
        url = body.get("app_url") or app.url
        if not url or not body.get("open", True):
            return jsonify(opened=None)
        opened = visit(f"{url}{'&' if '?' in url else '?'}{urlencode(signed(said, app.secret))}")
        return jsonify(opened=asdict(opened))

    @control.post("uninstall")
    def uninstall() -> Response:
        """`{"shop", "wait_seconds": 30}`: as the action `uninstall`."""
        body = body_of(request)
        touched, webhooks = platform.actions.perform("uninstall", {"shop": body["shop"]})
        platform.deliveries.wait_answered(webhooks, float(body.get("wait_seconds", 30)))
        return jsonify({**touched, "webhooks": [summary(webhook) for webhook in webhooks]})

    @control.post("visit")
    def open_page() -> Response:
        """`{"url"}`: the merchant's browser opens a page of this machine."""
        return jsonify(asdict(visit(body_of(request)["url"])))

    @control.get("tokens")
    def tokens() -> Response:
        """`?shop=`: every token that was ever issued, and what the app can still do."""
        shop, now = platform.shops[request.args["shop"]], platform.clock.wire()
        with shop.lock:
            found = shop.installation
            return jsonify(
                installed=found.present,
                now=now,
                tokens=found.tokens.journal(now),
                refused=found.tokens.refused,
                locked_out=found.tokens.locked_out(now),
            )

    @control.post("tokens")
    def fix_token() -> Response:
        """`{"shop", "token"}`: a token that never expires, as the admin shows one for an app of the shop's own."""
        body = body_of(request)
        shop = platform.shops[body["shop"]]
        with shop.lock:
            found = shop.installation
            scope = tuple(sorted(found.scopes))
            found.tokens.fix(body["token"], found.app.client_id, scope, platform.clock.wire())
        return jsonify(ok=True)

    @control.post("token_rules")
    def token_rules() -> Response:
        """`{"retry": "new_pair" or "same_pair", "old_access": "dies" or "lives"}`, for all shops."""
        rules = Rules(**body_of(request))
        for shop in platform.shops.values():
            with shop.lock:
                shop.installation.tokens.rules = rules
        return jsonify(ok=True)

    @control.post("token_faults")
    def token_faults() -> Response:
        """`{"faults": [...]}` replaces those in force; an empty list ends them."""
        platform.token_faults.replace(body_of(request)["faults"])
        return jsonify(ok=True)

    @control.post("expire")
    def expire() -> Response:
        """`{"shop", "what": "access", "refresh" or "both"}`: what could still live is expired now."""
        body = body_of(request)
        shop = platform.shops[body["shop"]]
        with shop.lock:
            ended = shop.installation.tokens.expire(body.get("what", "access"), platform.clock.wire())
        return jsonify(expired=ended)
