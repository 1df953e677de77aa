"""``/p/<token>``: what a person may be sent, shown and changed. The token is the one of the unsubscribe link.

GET changes nothing, because mail scanners open every link. POST needs no cookie and never redirects: whoever has the
link may act, so that the token is what keeps forged forms out.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, request
from sqlalchemy import Engine

from connector import unsubscribe
from connector.db.session import transaction
from connector.scope import Scope, scoped
from connector.settings import Settings
from connector.suppression import address_digest
from connector.unsubscribe import Unsubscribe
from connector.web import customer_page
from connector.web.preference_choices import change, choices, leave_everything
from connector.web.visitor import Visitor, look_up


def blueprint(settings: Settings, engine: Engine, ring: Callable[[str, int], None]) -> Blueprint:
    """The routes. ``ring(kind, shop_id)`` is called after the commit."""
    routes = Blueprint("preferences", __name__)

    def link_of(token: str) -> Unsubscribe:
        link = unsubscribe.read(settings.secret_keys, token)
        if link is None:
            abort(404)
        return link

    def page(token: str, link: Unsubscribe, done: str | None = None) -> Response:
        with engine.connect() as connection:
            try:
                visitor = look_up(connection, link, settings.clock.now())
            except LookupError:
                abort(404)
            found = choices(connection, visitor)
        channels = {one.channel: [other for other in found if other.channel == one.channel] for one in found}
        language = customer_page.language_of(visitor.shop, visitor.locale)
        return customer_page.render(
            "preferences.html",
            visitor.shop,
            language,
            token=token,
            channels=channels,
            days={one.name: language.date(one.since, visitor.shop.timezone) for one in found if one.since},
            done=done,
        )

    @routes.get("/p/<token>")
    def show(token: str) -> Response:
        return page(token, link_of(token))

    @routes.post("/p/<token>")
    def act(token: str) -> Response:
        link = link_of(token)
        everything = request.form.get("everything") == "1"
        with transaction(engine) as connection:
            try:
                visitor = look_up(connection, link, settings.clock.now())
            except LookupError:
                abort(404)
            with scoped(connection, visitor.shop, settings.clock, settings) as scope:
                if everything:
                    leave_everything(scope, link, _evidence(visitor, "choices.everything"))
                else:
                    _change(scope, link, visitor)
        for kind in sorted(scope.bells):
            ring(kind, link.shop_id)
        return page(token, link, "everything" if everything else "saved")

    return routes


def _change(scope: Scope, link: Unsubscribe, visitor: Visitor) -> None:
    """What the person changed of what they were shown: what they left as it was says nothing, because it may have
    changed elsewhere since."""
    form = request.form
    shown, before, ticked = (set(form.getlist(name)) for name in ("shown", "on", "want"))
    wanted = {name: name in ticked for name in shown if (name in ticked) != (name in before)}
    change(scope, link, wanted, lambda purpose: _evidence(visitor, f"purpose.{purpose}"))


def _evidence(visitor: Visitor, phrase: str) -> dict[str, str]:
    """What shows it: what was on the page, and a digest of the address from which it was asked for."""
    language = customer_page.language_of(visitor.shop, visitor.locale)
    return {
        "text": language.say(phrase),
        "language": language.code,
        "ip_digest": address_digest(visitor.shop.salt, request.remote_addr or ""),
    }
