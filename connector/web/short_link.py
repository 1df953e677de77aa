"""``/c/SHOP-CODE``: where the short links in our messages lead.

The target is what was stored when the message was written; nothing of the request becomes part of it. Whoever only
looks where a link leads (HEAD, a preview, a scanner) is told, and counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Blueprint, Response, abort, request
from sqlalchemy import Engine, bindparam, select
from sqlalchemy.exc import DBAPIError

from connector import shops, short_links
from connector.db.session import transaction
from connector.logging import get
from connector.models.short_link import short_links as links
from connector.scope import scoped
from connector.settings import Settings
from sync.reports import clicks

log = get(__name__)

# Programs that follow links by themselves say so in their name, as far as they are honest.
_PROGRAMS = re.compile(
    r"bot|crawl|spider|preview|scan|slurp|facebookexternalhit|whatsapp|skypeuri|safelinks|urldefense|barracuda"
    r"|proofpoint|mimecast|virustotal|headless|lighthouse|curl/|wget/|python|go-http-client|java/|okhttp|libwww|httpclient",
    re.IGNORECASE,
)


def blueprint(settings: Settings, engine: Engine, ring: Callable[[str, int], None]) -> Blueprint:
    """The route. ``ring(kind, shop_id)`` is called after the commit."""
    routes = Blueprint("short_link", __name__)

    @routes.get(f"{short_links.PATH}<named>")
    def follow(named: str) -> Response:
        found = short_links.read(named)
        if found is None:
            abort(404)
        shop_id, link_id = found
        with engine.connect() as connection:
            link = connection.execute(_LINK, {"shop_id": shop_id, "id": link_id}).first()
        # Once more: nothing else may ever stand behind a link of ours, whoever wrote the row.
        if link is None or short_links.host_of(link.target) is None:
            abort(404)
        if link.outbox_id is not None and _is_person() and not _is_ours(settings, link.target):
            try:
                bells = _note(engine, settings, shop_id, link_id, link.outbox_id, link.target)
            except (DBAPIError, LookupError) as error:
                # Whoever follows a link gets where it leads.
                log.warning("click_not_noted", shop_id=shop_id, error=type(error).__name__)
            else:
                for kind in sorted(bells):
                    ring(kind, shop_id)
        # Asked for at every click, and nobody there learns which link it was: the headers of every answer see to that.
        return Response(status=302, headers={"Location": link.target})

    return routes


def _is_person() -> bool:
    purpose = request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or ""
    agent = request.headers.get("User-Agent") or ""
    looks = request.method == "HEAD" or "prefetch" in purpose.lower() or "preview" in purpose.lower()
    return bool(agent) and not looks and not _PROGRAMS.search(agent)


def _is_ours(settings: Settings, target: str) -> bool:
    """Our own pages: to unsubscribe is no sign of interest."""
    return target.startswith((f"{settings.public_url}/u/", f"{settings.public_url}/p/"))


def _note(engine: Engine, settings: Settings, shop_id: int, link_id: str, outbox_id: int, target: str) -> set[str]:
    with transaction(engine) as connection:
        shop = shops.load(connection, shop_id)
        with scoped(connection, shop, settings.clock, settings) as scope:
            clicks.clicked(scope, outbox_id, link_id, target)
    return scope.bells


_LINK = select(links.c.target, links.c.outbox_id).where(
    links.c.shop_id == bindparam("shop_id"), links.c.id == bindparam("id")
)
