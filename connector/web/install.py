"""How a merchant installs the app: opening it in the Shopify admin, or by authorization where it stands alone.

* ``/`` is the app's address. A document with a session token installs the app if need be (token exchange) and goes on
  to the admin pages; one without goes to ``/auth/bounce``, where App Bridge gets a token and comes back.
* ``/auth?shop=`` asks the store, ``/auth/callback`` takes its answer (authorization code grant).

No redirect leaves to an address that a request has named: they go to our own pages, or to the store's own question at a
checked domain.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from connector import audit, logging, shops
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, InvalidInput, ProviderError, Refused
from connector.install import store
from connector.settings import Settings
from connector.shopify import oauth
from connector.shopify.domain import shop_domain
from connector.shopify.session_token import NotASession, verify
from connector.shops import Shop
from connector.tokens import FIXED, ShopTokens
from connector.web import responses

log = logging.get(__name__)

HOME = "/admin/"
_COOKIE = "connector_install"
_BRIDGE = "https://cdn.shopify.com"


def blueprint(deps: Deps) -> Blueprint:
    """The routes."""
    routes = Blueprint("install", __name__)
    settings = deps.settings

    @routes.get("/")
    def open_app() -> AnyResponse:
        if not request.args:
            return redirect(HOME, 303)
        token = request.args.get("id_token", "")
        if not token and request.args.get("embedded") != "1":
            return _stand_alone(deps)
        try:
            session = verify(token, settings, _now(deps))
        except NotASession as error:
            if not token or error.expired:
                return to_bounce(deps.settings, _shop_argument())
            log.info("session_refused")
            return _page(401, "This page was not opened by Shopify", "Open the app in the Shopify admin again.")
        shop = _known(deps, session.shop)
        if shop is None or _needs_token(shop):
            actor = f"merchant:{session.user_id}"
            try:
                _install(deps, session.shop, actor, lambda tokens: tokens.exchange(token))
            except Refused as error:
                if error.code == "invalid_subject_token":
                    return to_bounce(deps.settings, _shop_argument())
                return _failed(error, session.shop)
            except ProviderError as error:
                return _failed(error, session.shop)
        # With the token along: the pages behind prove it anew.
        return redirect(f"{HOME}?{urlencode(list(request.args.items(multi=True)))}", 303)

    @routes.get("/auth/bounce")
    def bounce() -> Response:
        # A frame that is loaded anew may have lost the shop's name: the token that comes names it.
        shop = _shop_argument() if "shop" in request.args else "*.myshopify.com"
        if not request.args.get("shopify-reload", "").startswith(f"{settings.public_url}/"):
            abort(400)
        answer = make_response(render_template("bounce.html", api_key=settings.shopify_api_key))
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src {_BRIDGE}; connect-src {_BRIDGE} https://{shop} https://admin.shopify.com;"
            f" base-uri 'none'; frame-ancestors https://{shop} https://admin.shopify.com"
        )
        return answer

    @routes.get("/auth")
    def ask() -> AnyResponse:
        shop = _shop_argument()
        if not settings.shopify_api_key or not settings.shopify_api_secret:
            return _page(503, "Not set up yet", "SHOPIFY_API_KEY and SHOPIFY_API_SECRET are missing here.")
        nonce = secrets.token_urlsafe(24)
        state, cookie = oauth.new_state(settings.secret_keys, shop, nonce, _now(deps))
        answer = redirect(oauth.authorize_url(settings, shop, state), 302)
        answer.set_cookie(
            _COOKIE,
            cookie,
            max_age=int(oauth.STATE_SECONDS),
            path="/auth/callback",
            secure=settings.public_url.startswith("https://"),
            httponly=True,
            samesite="Lax",
        )
        return answer

    @routes.get("/auth/callback")
    def answered() -> AnyResponse:
        query, cookie = request.query_string.decode("latin-1"), request.cookies.get(_COOKIE, "")
        try:
            callback = oauth.read_callback(settings, query, cookie, _now(deps))
        except oauth.NotOurs as error:
            log.info("callback_refused", reason=str(error))
            return _page(403, "This cannot be trusted", f"Start the installation again: {error}.")
        try:
            _install(deps, callback.shop, "merchant", lambda tokens: tokens.redeem(callback.code))
        except ProviderError as error:
            return _failed(error, None)
        answer = redirect(HOME, 303)
        answer.delete_cookie(_COOKIE, path="/auth/callback")
        return answer

    return routes


def _now(deps: Deps) -> float:
    """Real time, unix seconds: what the platform stamps is compared with it."""
    return deps.clock.machine().timestamp()


def _install(deps: Deps, domain: str, actor: str, ask: Callable[[ShopTokens], None]) -> None:
    """Take a token and do what follows it. Raises ProviderError."""
    shop = store.take_token(deps, store.arrive(deps, domain), ask)
    said: list[str] = []
    installed = store.set_up(deps, shop, said.append)
    for sentence in said:
        log.info("installing", shop_id=installed.id, said=sentence)
    with transaction(deps.engine) as connection:
        audit.record(
            connection,
            shop_id=installed.id,
            actor=actor,
            act="app.install",
            object_kind="shop",
            object_id=str(installed.id),
            detail={"state": installed.state, "before": shop.state},
            now=deps.clock.now(),
        )


def _needs_token(shop: Shop) -> bool:
    """Whether opening the app has to bring a token: there is none, or none that can be renewed."""
    if shop.state == "uninstalled" or shop.shopify_token is None or shop.token_trouble is not None:
        return True
    return shop.token_kind == FIXED and not shop.own_app


def _known(deps: Deps, domain: str) -> Shop | None:
    with transaction(deps.engine) as connection:
        return shops.by_domain(connection, domain)


def _stand_alone(deps: Deps) -> AnyResponse:
    """Opened outside of the admin's frame: to our own pages, or first to the store's question."""
    domain = _shop_argument()
    shop = _known(deps, domain)
    if shop is not None and not _needs_token(shop):
        return redirect(HOME, 303)
    return redirect(f"/auth?{urlencode({'shop': domain})}", 303)


def _shop_argument() -> str:
    """The shop that the address names, once and in full."""
    named = request.args.getlist("shop")
    try:
        if len(named) == 1 and shop_domain(named[0]) == named[0].lower():
            return named[0].lower()
    except InvalidInput:
        pass
    abort(400)


def to_bounce(settings: Settings, shop: str | None) -> AnyResponse:
    """To where App Bridge gets a new session token, with the way back to the address that is asked for. ``shop``: None
    when the address does not say it."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in ("id_token", "hmac")]
    back = f"{settings.public_url}{request.path}?{urlencode(kept)}"
    host = {"host": request.args["host"]} if "host" in request.args else {}
    named = {"shop": shop} if shop else {}
    return redirect(f"/auth/bounce?{urlencode({**named, **host, 'shopify-reload': back})}", 302)


def _failed(error: ProviderError, shop: str | None) -> AnyResponse:
    """``shop``: the proven shop that the page is shown in."""
    log.warning("install_failed", error=type(error).__name__, status=error.status, reason=error.code)
    if isinstance(error, (ActionNeeded, Refused)):
        return _page(502, "Shopify gives no access", f"{error.detail.capitalize()}.", shop)
    return _page(503, "Shopify does not answer", "Please load this page again in a minute.", shop)


def _page(status: int, title: str, sentence: str, shop: str | None = None) -> AnyResponse:
    answer = make_response(render_template("error.html", title=title, sentence=sentence), status)
    answer.headers["Content-Security-Policy"] = responses.policy(shop)
    return answer
