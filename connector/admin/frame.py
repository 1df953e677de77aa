"""The frame of the admin: before any page is asked, who is asking, whether they may, and for which shop; after it, the
headers that keep it in its place.

A page gets ``asking()``: the visitor, the shop of its address and what of people they see. Every object is looked up
with that shop's id, so what is another shop's is not found.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, g, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from connector import logging, shops
from connector.admin import access, shown, visiting
from connector.admin.access import Visitor
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput
from connector.settings import Settings
from connector.shopify.session_token import RETRY_HEADER, NotASession
from connector.shops import Shop
from connector.web.install import to_bounce

log = logging.get(__name__)

_APP_BRIDGE = "https://cdn.shopify.com"
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SAYINGS = {
    400: ("That cannot be read", "Go back, look at what you entered, and try again."),
    403: ("Not allowed", "Your role does not allow this, or the page was open for too long: load it anew."),
    404: ("Not found", "There is nothing here, or it belongs to a shop that you do not see."),
    405: ("That does not work here", "This address cannot be used that way."),
    413: ("Too large", "What was sent is too large."),
    422: ("That cannot be used", "Go back, look at what you entered, and try again."),
    502: ("No answer that helps", "Shopify or Brevo did not answer as expected. Try again in a few minutes."),
    429: ("Too many attempts", "Wait a minute, then try again."),
}
_SAYING = ("Something went wrong", "Please try again in a few minutes. If it stays, look at the log.")

NOTES: Mapping[str, tuple[str, str]] = {
    "replayed": ("good", "The delivery is back in the line; a worker applies it now."),
    "all_replayed": ("good", "The deliveries are back in the line; a worker applies them now."),
    "left_alone": ("attention", "Nothing was stopped there any more, so it was left alone."),
    "resent": ("good", "It is sent once more, now."),
    "nothing_resent": ("attention", "There was nothing to send once more."),
    "resumed": ("good", "The channel goes on. If Brevo still refuses, it is paused again."),
    "sync_ended": ("attention", "The sync had ended already."),
    "merged": ("good", "The two are one person now."),
    "kept_apart": ("good", "Noted: these are two people."),
}
"""What a page says at its top after an act. The name travels in the address: in the Shopify admin no cookie does."""

PLACES = (
    ("admin.overview", "Overview"),
    ("admin.people", "People"),
    ("admin.syncs", "Syncs"),
    ("admin.gaps", "Gaps"),
    ("admin.armings", "Arming"),
    ("admin.deliveries", "Deliveries"),
    ("admin.webhooks", "Webhooks"),
    ("admin.standing", "Stopped work"),
    ("admin.mapping", "Mapping"),
    ("admin.audit", "Audit log"),
    ("admin.checklist", "Checklist"),
    ("admin.brevo", "Brevo"),
)
"""The pages of a shop that its navigation names."""


@dataclass(frozen=True)
class Asking:
    """Who asks for what. ``domain`` is set in the Shopify admin: the shop whose admin it is."""

    visitor: Visitor
    shop: Shop | None = None
    domain: str | None = None

    @property
    def eyes(self) -> shown.Eyes:
        return shown.Eyes(self.visitor.sees_addresses)


def asking() -> Asking:
    """Who asks, on a page that asks for a role."""
    asked: Asking = g.asking
    return asked


def shop() -> Shop:
    """The shop in the address of this page, which the visitor sees."""
    found = asking().shop
    assert found is not None, "this page's address names no shop"
    return found


def install(app: Flask, settings: Settings) -> CSRFProtect:
    """What the cookie of the admin is like, for the whole application."""
    keys = [_derived(key) for key in settings.secret_keys]
    app.config.update(
        # A cookie that was signed with an older key is read until its session ends.
        SECRET_KEY=keys[0] if keys else None,
        SECRET_KEY_FALLBACKS=keys[1:],
        SESSION_COOKIE_NAME="admin" if settings.development else "__Host-admin",
        SESSION_COOKIE_SECURE=not settings.development,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        # Asked by the frame, for the pages of the admin only.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        # The frame compares origins itself, with what it is reached by.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf = CSRFProtect()
    csrf.init_app(app)
    return csrf


def _derived(key: str) -> str:
    return hmac.new(key.encode(), b"connector.admin", sha256).hexdigest()


def blueprint(deps: Deps, csrf: CSRFProtect) -> Blueprint:
    """The blueprint without its pages."""
    routes = Blueprint("admin", __name__, url_prefix="/admin", template_folder="templates", static_folder="static")

    @routes.before_request
    def admit() -> AnyResponse | None:
        g.nonce = secrets.token_urlsafe(18)
        least = access.ROUTES.get(request.endpoint or "")
        if least is None:
            abort(404)
        if _has_nul():
            abort(400)
        if request.method in _CHANGING and _is_from_elsewhere(deps.settings):
            abort(403)
        token = None if request.endpoint == "admin.static" else visiting.session_token_of(request)
        if token is None and request.method in _CHANGING:
            csrf.protect()
        if least == access.NOBODY:
            return None
        if token is not None:
            return _admit_merchant(deps, token, least)
        visitor = visiting.member(deps.engine, deps.clock)
        if visitor is None:
            if request.headers.get("Sec-Fetch-Dest") == "iframe":
                return to_bounce(deps.settings, request.args.get("shop"))
            target = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("admin.sign_in", next=target), 303)
        _admit(deps, visitor, None, least)
        return None

    @routes.after_request
    def protect(response: Response) -> Response:
        _set_headers(response, deps.settings)
        return response

    @routes.context_processor
    def surroundings() -> dict[str, Any]:
        here: Asking | None = g.get("asking")
        return {
            "asking": here,
            "visitor": here.visitor if here else None,
            "shop": here.shop if here else None,
            "eyes": here.eyes if here else None,
            "nonce": g.get("nonce", ""),
            "api_key": deps.settings.shopify_api_key,
            "places": PLACES,
            "note": NOTES.get(request.args.get("note", "")),
        }

    for name in ("moment", "amount", "ago", "words", "pairs", "plain"):
        routes.add_app_template_filter(getattr(shown, name), f"admin_{name}")

    @routes.errorhandler(CSRFError)
    def unproven(error: CSRFError) -> tuple[str, int]:
        return _refusal(403)

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return _refusal(error.code or 500)

    @routes.errorhandler(InvalidInput)
    def wrong(error: InvalidInput) -> tuple[str, int]:
        return _refusal(422, str(error))

    @routes.errorhandler(ConnectorError)
    def no_answer(error: ConnectorError) -> tuple[str, int]:
        eyes = shown.Eyes(False)
        return _refusal(502, eyes.text(error))

    @routes.errorhandler(Exception)
    def failed(error: Exception) -> tuple[str, int]:
        log.error("request_failed", exc_info=error)
        return _refusal(500)

    return routes


def _admit_merchant(deps: Deps, token: str, least: str) -> AnyResponse | None:
    try:
        found = visiting.merchant(deps.engine, deps.settings, deps.clock, token)
    except NotASession:
        if "id_token" in request.args and "Authorization" not in request.headers:
            return to_bounce(deps.settings, request.args.get("shop"))
        answer = make_response(_refusal(401, "The session with the Shopify admin has ended: load the page anew."))
        answer.headers[RETRY_HEADER] = "1"
        return answer
    if found is None:
        abort(404)
    visitor, domain = found
    _admit(deps, visitor, domain, least)
    return None


def _admit(deps: Deps, visitor: Visitor, domain: str | None, least: str) -> None:
    """The one place that says which shop this is and whether the role is enough. What is not theirs is not found."""
    g.asking = Asking(visitor, domain=domain)
    shop_id = (request.view_args or {}).get("shop_id")
    if shop_id is not None:
        if not visitor.sees(shop_id):
            abort(404)
        with transaction(deps.engine) as connection:
            try:
                found = shops.load(connection, shop_id)
            except LookupError:
                abort(404)
        g.asking = Asking(visitor, found, domain)
    if not visitor.may(least):
        abort(403)


def _has_nul() -> bool:
    """Whether something has the one character that PostgreSQL's text cannot hold."""
    texts = [*request.args.values(), *request.form.values(), *(request.view_args or {}).values()]
    return any("\x00" in text for text in texts if isinstance(text, str))


def _is_from_elsewhere(settings: Settings) -> bool:
    """Whether another site sent this: the browser says so in one of two ways, and neither can be forged in one."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    return origin != settings.public_url and urlsplit(origin).netloc != request.host


def _refusal(status: int, sentence: str = "") -> tuple[str, int]:
    title, saying = _SAYINGS.get(status, _SAYING)
    return render_template("admin/refusal.html", title=title, sentence=sentence or saying, status=status), status


def _set_headers(response: Response, settings: Settings) -> None:
    here: Asking | None = g.get("asking")
    domain = here.domain if here else None
    nonce = g.get("nonce", "")
    ancestors = f"https://{domain} https://admin.shopify.com" if domain else "'none'"
    bridge = f" {_APP_BRIDGE}" if domain else ""
    connect = f"'self'{bridge} https://{domain} https://admin.shopify.com" if domain else "'self'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'{bridge}; style-src 'self'; img-src 'self';"
        f" connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    # Without it a form of ours would come with no origin.
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint == "admin.static":
        response.headers["Cache-Control"] = "public, max-age=3600"
