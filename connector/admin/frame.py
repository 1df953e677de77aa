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
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from connector import counts, logging, shops
from connector.admin import access, act_words, charts, shown, visiting
from connector.admin.access import Visitor
from connector.admin.acts.act import is_missing
from connector.admin.forms import safe_next
from connector.admin.revision import Outdated
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput
from connector.settings import Settings
from connector.shopify.session_token import RETRY_HEADER, NotASession
from connector.shops import Shop
from connector.web.install import to_bounce
from flows.core.calendar import zone

log = logging.get(__name__)

_APP_BRIDGE = "https://cdn.shopify.com"
# Sandboxed, so that it has no origin and runs nothing, also when it is opened by itself.
_OF_A_MESSAGE = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " sandbox; frame-ancestors {}"
)
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SAYINGS = {
    400: ("That cannot be read", "Go back, look at what you entered, and try again."),
    403: ("Not allowed", "Your role does not allow this, or the page was open for too long: load it anew."),
    404: ("Not found", "There is nothing here, or it belongs to a shop that you do not see."),
    405: ("That does not work here", "This address cannot be used that way."),
    409: ("Changed meanwhile", "Somebody has changed this since you opened it. Load the page anew."),
    413: ("Too large", "What was sent is too large."),
    422: ("That cannot be used", "Go back, look at what you entered, and try again."),
    502: ("No answer that helps", "Shopify or Brevo did not answer as expected. Try again in a few minutes."),
    429: ("Too many attempts", "Wait a minute, then try again."),
}
_SAYING = ("Something went wrong", "Please try again in a few minutes. If it stays, tell whoever runs this connector.")

NOTES: Mapping[str, tuple[str, str]] = {
    "replayed": ("good", "The delivery is back in the line; a worker applies it now."),
    "all_replayed": ("good", "The deliveries are back in the line; a worker applies them now."),
    "left_alone": ("attention", "Nothing was stopped there any more, so it was left alone."),
    "resent": ("good", "It is sent once more, now."),
    "nothing_resent": ("attention", "There was nothing to send once more."),
    "webhook_named": ("good", "Saved. Flows tell it by this name from now on."),
    "webhook_on": ("good", "It is told again what happens from now on. What it missed can be sent once more, below."),
    "webhook_off": ("good", "It is told nothing more. What it was to be told has been given up."),
    "webhook_removed": ("good", "The address is forgotten, with what it was to be told."),
    "tried_again": ("good", "It is tried again now. What is refused again comes back to this list."),
    "resumed": ("good", "The channel goes on. If Brevo still refuses, it is paused again."),
    "sync_ended": ("attention", "The sync had ended already."),
    "alert_seen": ("good", "Noted: you look after it. It goes by itself when its cause is gone."),
    "gaps_asked": ("good", "Everything is being compared with the store. What is found appears here."),
    "merged": ("good", "The two are one person now."),
    "second_factor_needed": (
        "attention",
        "Set up a second factor first: this installation asks all staff for one. Everything else waits behind it.",
    ),
    "second_factor_set": ("good", "From now on signing in also asks for a code of your app."),
    "second_factor_dropped": ("attention", "Signing in asks for your password only."),
    "second_factor_reset": ("good", "They sign in by their password alone now, and set up a new factor themselves."),
    "proven": ("good", "Thank you. Now do it once more."),
    "task_done": ("good", "The task is done."),
    "task_dropped": ("good", "The task is dropped."),
    "task_reopened": ("good", "The task is to be done again. Flows that went on meanwhile stay where they are."),
    "task_assigned": ("good", "The task is given away."),
    "saved": ("good", "Saved. It holds from now on."),
    "nothing_changed": ("attention", "Nothing was different, so nothing was saved."),
    "rates_kept": ("good", "Saved. It holds from now on."),
    "rates_woken": ("good", "Saved. Orders and products that waited for a rate are told to Brevo now."),
    "rate_removed": ("good", "The rate is left out from now on."),
    "pool_made": ("good", "The codes are being made in the store. How many are ready is shown below."),
    "pool_resized": ("good", "Saved. The codes that are lacking are being made in the store."),
    "templates_read": ("good", "Read just now. Messages go by what stands here."),
    "key_revoked": ("good", "The key lets nobody in any more."),
    "staff_changed": ("good", "Saved. It holds from their next click on."),
    "staff_removed": ("good", "They may not see this shop any more."),
    "sessions_ended": ("good", "They are signed out everywhere."),
    "welcome": ("good", "Your password is saved. Sign in with it."),
    "draft_begun": ("good", "The draft is there. Change what is not yours yet, then publish it."),
    "draft_uploaded": ("good", "The files are there, as a draft. What there is to say of them stands below."),
    "draft_uploaded_in_part": (
        "attention",
        "The files of the flow are there, as a draft. What else was in the zip is no part of a flow and was left out.",
    ),
    "draft_saved": ("good", "Saved."),
    "draft_dropped": ("good", "The draft is discarded."),
    "flow_published": ("good", "It is published: people enter this version from now on."),
    "flow_published_paused": ("good", "It is published. The flow is paused: people enter it once the flow goes on."),
    "flow_stored": ("good", "It is stored as a draft of the shop and lets nobody in before it is activated."),
    "rolled_back": ("good", "The flow is what it was, under a new number."),
    "kept_apart": ("good", "Noted: these are two people."),
    "left_in_peace": ("good", "Noted: they get no marketing by this channel any more."),
    "lifted": ("good", "Marketing by this channel may reach them again, as far as they have agreed to it."),
    "export_asked": ("good", "What is stored of them is being put together. It can be downloaded once it is ready."),
    "erasing": ("good", "Their erasure is under way: a worker carries it out here and at Brevo within minutes."),
    "flow_paused": ("good", "The flow is paused: nobody comes in, and what it wants to send is held."),
    "flow_resumed": ("good", "The flow is active: people come in, and it sends."),
    "flow_archived": ("good", "The flow is archived: nobody comes in any more. Publishing it anew brings it back."),
    "taken_out": ("good", "They are being taken out of the flow; it takes a few seconds."),
    "not_inside": ("attention", "They were not in the flow any more, so nothing was changed."),
    "starters_in": ("good", "The first flows are there, as drafts: they send nothing yet."),
    "test_sent": ("good", "The test is on its way. It is marked as one, and counts nowhere."),
    "activated": ("good", "The flow is active: it lets people in and sends."),
}
"""What a page says at its top after an act. The name travels in the address: in the Shopify admin no cookie does."""

PLACES = (
    ("", (("admin.overview", "Home"), ("admin.onboarding", "Set-up"), ("admin.alerts", "Alerts"))),
    (
        "Flows",
        (
            ("admin.flows", "Flows"),
            ("admin.reports", "Reports"),
            ("admin.messages", "Messages"),
            ("admin.tasks", "Tasks"),
        ),
    ),
    ("People", (("admin.people", "People"),)),
    (
        "Syncs",
        (
            ("admin.syncs", "Syncs"),
            ("admin.gaps", "Gaps"),
            ("admin.deliveries", "Deliveries"),
            ("admin.webhooks", "Webhooks"),
            ("admin.standing", "Stopped work"),
            ("admin.armings", "People from before"),
        ),
    ),
    (
        "Settings",
        (
            ("admin.settings", "Settings"),
            ("admin.mapping", "Mapping"),
            ("admin.brevo", "Brevo"),
            ("admin.checklist", "Checklist"),
            ("admin.keys", "API keys"),
            ("admin.staff", "Staff"),
            ("admin.audit", "Audit log"),
        ),
    ),
)
"""The pages of a shop that its navigation names, in groups; a visitor is shown those that they may ask."""


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
        if any(isinstance(value, int) and value >= 2**63 for value in (request.view_args or {}).values()):
            # No row of ours has such a number.
            abort(404)
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
        return _first(deps.settings, visitor, request.endpoint or "")

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
            "timezone": zone(here.shop.timezone).key if here and here.shop else None,
            "eyes": here.eyes if here else None,
            "nonce": g.get("nonce", ""),
            "api_key": deps.settings.shopify_api_key,
            "navigation_groups": _places(here.visitor) if here else (),
            "note": NOTES.get(request.args.get("note", "")),
        }

    routes.add_app_template_filter(_moment, "admin_moment")
    routes.add_app_template_filter(_told, "admin_told")
    routes.add_app_template_filter(act_words.did, "admin_did")
    routes.add_app_template_filter(act_words.kind, "admin_kind")
    for name in ("amount", "ago", "words", "pairs", "plain"):
        routes.add_app_template_filter(getattr(shown, name), f"admin_{name}")
    routes.add_app_template_filter(counts.said, "admin_bounded")
    routes.add_app_template_global(charts.lines, "chart_lines")
    routes.add_app_template_global(charts.bars, "chart_bars")

    @routes.errorhandler(CSRFError)
    def unproven(error: CSRFError) -> tuple[str, int]:
        return _refusal(403)

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return _refusal(error.code or 500)

    @routes.errorhandler(Outdated)
    def changed_meanwhile(error: Outdated) -> tuple[str, int]:
        return _refusal(409, str(error))

    @routes.errorhandler(InvalidInput)
    def wrong(error: InvalidInput) -> tuple[str, int]:
        return _refusal(422, str(error))

    @routes.errorhandler(ConnectorError)
    def no_answer(error: ConnectorError) -> tuple[str, int]:
        eyes = shown.Eyes(False)
        return _refusal(502, eyes.text(error))

    @routes.errorhandler(LookupError)
    def missing(error: LookupError) -> tuple[str, int]:
        return _refusal(404) if is_missing(error) else failed(error)

    @routes.errorhandler(Exception)
    def failed(error: Exception) -> tuple[str, int]:
        log.error("request_failed", exc_info=error)
        return _refusal(500)

    return routes


def _moment(at: datetime | None) -> str:
    """A moment on the shop's clocks, on a page of a shop; elsewhere in UTC."""
    here: Asking | None = g.get("asking")
    return shown.moment(at, here.shop.timezone if here and here.shop else None)


def _told(sentence: object) -> str:
    """A sentence of ours with its moments on the shop's clocks."""
    return shown.told(sentence, _moment)


def _places(visitor: Visitor) -> list[tuple[str, list[tuple[str, str]]]]:
    """The groups of PLACES with the pages that are there and that this visitor may ask."""
    served = current_app.view_functions
    groups = (
        (group, [(endpoint, label) for endpoint, label in pages if endpoint in served and visitor.may_ask(endpoint)])
        for group, pages in PLACES
    )
    return [(group, pages) for group, pages in groups if pages]


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


def _first(settings: Settings, visitor: Visitor, endpoint: str) -> AnyResponse | None:
    """Where staff are led before they may do what they asked for: to a second factor, or to proving who they are."""
    if endpoint in access.ONES_OWN:
        return None
    if settings.admin_require_second_factor and not visitor.second_factor:
        return redirect(url_for("admin.account", note="second_factor_needed"), 303)
    if endpoint in access.FRESH and not visitor.fresh:
        # A form that was sent is not kept: its page is shown again, where it is sent once more.
        page = request.full_path.rstrip("?") if request.method == "GET" else urlsplit(request.referrer or "").path
        return redirect(url_for("admin.confirm", next=safe_next(page)), 303)
    return None


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
    # Not even a file that is downloaded: it may hold somebody's data.
    response.headers["Cache-Control"] = "public, max-age=3600" if request.endpoint == "admin.static" else "no-store"
    bridge = f" {_APP_BRIDGE}" if domain else ""
    connect = f"'self'{bridge} https://{domain} https://admin.shopify.com" if domain else "'self'"
    if g.get("framed_message"):
        # Every page around it is asked: ours, and the Shopify admin around that.
        around = f"'self' {ancestors}" if domain else "'self'"
        response.headers["Content-Security-Policy"] = _OF_A_MESSAGE.format(around)
        return
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'{bridge}; style-src 'self'; img-src 'self'; frame-src 'self';"
        f" connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    # Without it a form of ours would come with no origin.
    response.headers["Referrer-Policy"] = "same-origin"
