"""Where Brevo sends a merchant back to, after asking whether the app may work in their account.

Nothing is changed here: the answer goes on to the page of the admin where whoever asked, signed in as an owner of that
shop, gives it its effect. No redirect leaves to an address that a request has named: they go to our own page, inside
the Shopify admin of the shop that the sealed state names when the question came from there.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from connector import logging, shops
from connector.brevo import oauth
from connector.db.session import transaction
from connector.deps import Deps

log = logging.get(__name__)

_MERCHANT = "merchant:"


def blueprint(deps: Deps) -> Blueprint:
    """The route."""
    routes = Blueprint("brevo_callback", __name__)

    @routes.get(oauth.CALLBACK)
    def answered() -> Response:
        told = request.args
        try:
            question = oauth.read_state(deps.secrets, told.get("state", ""), deps.clock.machine().timestamp())
        except oauth.NotOurs as error:
            log.info("brevo_callback_refused", reason=str(error))
            return _page(403, "This cannot be trusted", f"Start again on the shop's Brevo page: {error}.")
        try:
            with transaction(deps.engine) as connection:
                shop = shops.load(connection, question.shop_id)
        except LookupError:
            return _page(404, "There is no such shop any more", "Connect the store first.")
        if not told.get("code"):
            return _page(200, "Brevo is not connected", "Brevo was not allowed to give access. Nothing has changed.")
        path = f"/admin/shops/{shop.id}/brevo/agreed?{urlencode({'code': told['code'], 'state': told['state']})}"
        if question.actor.startswith(_MERCHANT):
            # Cookies do not count there: the merchant is known again inside the admin of their own shop.
            return redirect(f"https://{shop.domain}/admin/apps/{deps.settings.shopify_api_key}{path}", 303)
        return redirect(path, 303)

    return routes


def _page(status: int, title: str, sentence: str) -> Response:
    return make_response(render_template("error.html", title=title, sentence=sentence), status)
