"""The simulated platform over HTTP: every shop under its own path, `/{shop}/...`, and `/_control/`."""

from __future__ import annotations

import hmac
import json
import re
from html import escape
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, abort, jsonify, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.store.bulk.outputs import bulk_outputs
from sandbox.store.control import control_api
from sandbox.store.oauth import oauth_pages
from sandbox.store.platform import API_VERSION, Platform
from sandbox.store.shop import Shop, Unknown


def create_app(platform: Platform) -> Flask:
    app = Flask("sandbox.store", static_folder=None)
    app.register_blueprint(control_api(platform))
    app.register_blueprint(oauth_pages(platform))
    app.register_blueprint(bulk_outputs(platform))

    def shop_of(domain: str) -> Shop:
        return platform.shops.get(domain) or abort(404)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok", shops=list(platform.shops), now=platform.clock.now())

    @app.post("/<domain>/admin/api/<version>/graphql.json")
    def graphql(domain: str, version: str) -> Response:
        shop = shop_of(domain)
        if not re.fullmatch(r"\d{4}-\d{2}|unstable", version):
            abort(404)
        # A version that is gone falls forward to one that is served; the header says which.
        served = {"X-Shopify-API-Version": API_VERSION}
        token = request.headers.get("X-Shopify-Access-Token", "")
        with shop.lock:
            opened = shop.installation.opened_by(token, platform.clock.wire())
        if not opened:
            problem = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return _json({"errors": problem}, 401)
        try:
            body = json.loads(request.get_data())
            query, variables = body["query"], body.get("variables") or {}
            if not isinstance(query, str) or not isinstance(variables, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError):
            return _json({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        answer = platform.admin_api.answer(shop, query, variables, body.get("operationName"), API_VERSION)
        return _json(answer, 200, served)

    @app.get("/<domain>/checkouts/<token>/recover")
    def recover(domain: str, token: str) -> Response:
        """The recovery link of a checkout: looking at it is logged and changes nothing."""
        shop = shop_of(domain)
        with shop.lock:
            try:
                cart = shop.checkout(token)
            except Unknown:
                abort(404)
            if not hmac.compare_digest(request.args.get("key", "").encode(), cart.recovery_key.encode()):
                abort(403)
            titles = "".join(f"<li>{escape(line.variant.product.title)}</li>" for line in cart.lines)
        platform.journal.append("recovery_link", shop=shop.domain, checkout_token=token, email=cart.email)
        return Response(f"<!doctype html><title>Your checkout</title><ul>{titles}</ul>", mimetype="text/html")

    @app.get("/<domain>/goods/<handle>.svg")
    def picture(domain: str, handle: str) -> Response:
        """A plain picture for each product, so that messages show something."""
        shop_of(domain)
        hue = sum(handle.encode()) * 47 % 360
        drawing = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 600">'
            f'<rect width="600" height="600" fill="hsl({hue},45%,88%)"/>'
            f'<circle cx="300" cy="300" r="170" fill="hsl({hue},45%,55%)"/></svg>'
        )
        return Response(drawing, mimetype="image/svg+xml")

    @app.get("/<domain>/products/<handle>")
    def product(domain: str, handle: str) -> Response:
        found = [p for p in shop_of(domain).products.values() if p.handle == handle] or abort(404)
        return Response(f"<!doctype html><title>{escape(found[0].title)}</title>", mimetype="text/html")

    return app


def make_http_server(host: str, port: int) -> BaseWSGIServer:
    """A threaded server with kept-alive connections; give it its `app` and call `serve_forever()`."""
    return make_server(host, port, _not_ready, threaded=True, request_handler=_Handler)


def _not_ready(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Length", "0")])
    return []


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are written apart: without this each answer on a kept connection waits for an ACK.
    disable_nagle_algorithm = True

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """The journal is the log of this server."""


def _json(body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, headers, content_type="application/json; charset=utf-8")
