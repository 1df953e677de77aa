"""``/confirmed/<token>``: where Brevo's double opt-in link leads, which makes the opt-in a confirmed one.

GET acts: following the link in the confirmation mail is the act, and Brevo sends people here by a redirect. From here
they go on to the address that the merchant has set (``double_opt_in.redirection_url``), never to one of the request.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, redirect, request
from sqlalchemy import Engine, select
from werkzeug.wrappers import Response

from connector import confirmation, shops
from connector.db.session import transaction
from connector.models.person import persons
from connector.scope import scoped
from connector.settings import Settings
from connector.web import customer_page
from sync import confirmations


def blueprint(settings: Settings, engine: Engine, ring: Callable[[str, int], None]) -> Blueprint:
    """The route. ``ring(kind, shop_id)`` is called after the commit."""
    routes = Blueprint("confirmed", __name__)

    @routes.get("/confirmed/<token>")
    def confirm(token: str) -> Response:
        link = confirmation.read(settings.secret_keys, token)
        if link is None:
            abort(404)
        with transaction(engine) as connection:
            try:
                shop = shops.load(connection, link.shop_id)
            except LookupError:
                abort(404)
            with scoped(connection, shop, settings.clock, settings) as scope:
                stands = confirmations.confirm(scope, link, request.remote_addr or "")
        for kind in sorted(scope.bells):
            ring(kind, link.shop_id)
        onward = shop.settings["double_opt_in"]["redirection_url"]
        if stands and onward:
            return redirect(onward, 303)
        with engine.connect() as connection:
            asked = select(persons.c.locale).where(persons.c.shop_id == shop.id, persons.c.id == link.person_id)
            language = customer_page.language_of(shop, connection.scalar(asked))
        return customer_page.render("confirmed.html", shop, language, stands=stands)

    return routes
