"""``/u/<token>``: the page behind every unsubscribe link, which is also the one-click address of RFC 8058.

GET only asks, because mail scanners open every link. POST acts, by the button or by a mail program, needs no
cookie and never redirects. ``again=1`` takes it back.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, request
from sqlalchemy import Engine

from connector import shops, unsubscribe
from connector.db.session import transaction
from connector.scope import scoped
from connector.settings import Settings
from connector.web import choice, customer_page
from connector.web.visitor import look_up


def blueprint(settings: Settings, engine: Engine, ring: Callable[[str, int], None]) -> Blueprint:
    """The routes. ``ring(kind, shop_id)`` is called after the commit."""
    routes = Blueprint("unsubscribe", __name__)

    def link_of(token: str) -> unsubscribe.Unsubscribe:
        link = unsubscribe.read(settings.secret_keys, token)
        if link is None:
            abort(404)
        return link

    def page(token: str, link: unsubscribe.Unsubscribe, chosen: str | None = None) -> Response:
        with engine.connect() as connection:
            try:
                visitor = look_up(connection, link, settings.clock.now())
            except LookupError:
                abort(404)
        state = choice.state_of(visitor)
        return customer_page.render(
            "unsubscribe.html",
            visitor.shop,
            customer_page.language_of(visitor.shop, visitor.locale),
            token=token,
            channel=link.channel,
            # Whoever pressed the button is out, also when nothing is known of them any more.
            out=state == choice.UNSUBSCRIBED or (state is None and chosen is not None),
            chosen=chosen,
            waiting=state == "pending",
        )

    @routes.get("/u/<token>")
    def ask(token: str) -> Response:
        return page(token, link_of(token))

    @routes.post("/u/<token>")
    def act(token: str) -> Response:
        link = link_of(token)
        again = request.form.get("again") == "1"
        with transaction(engine) as connection:
            try:
                shop = shops.load(connection, link.shop_id)
            except LookupError:
                abort(404)
            act_on = choice.stay if again else choice.leave
            with scoped(connection, shop, settings.clock, settings) as scope:
                act_on(scope, link)
        for kind in sorted(scope.bells):
            ring(kind, link.shop_id)
        return page(token, link, "stay" if again else "leave")

    return routes
