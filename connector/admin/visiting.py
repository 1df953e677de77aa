"""Who is asking: a merchant in the Shopify admin by the session token of each request, or staff by their cookie.

A request that carries a token in ``Authorization`` or ``id_token`` is an embedded one, and no cookie counts in it.
"""

from __future__ import annotations

from flask import Request, session
from sqlalchemy import Engine

from connector import shops
from connector.admin import sessions
from connector.admin.access import Visitor
from connector.clock import Clock
from connector.db.session import transaction
from connector.settings import Settings
from connector.shopify.session_token import verify
from connector.shopify_users import role_of

TOKEN = "token"  # noqa: S105  the name of a field of the cookie
_BEARER = "Bearer "


def session_token_of(request: Request) -> str | None:
    """The session token that came along; "" when the header is no bearer's, None when there is none."""
    header = request.headers.get("Authorization")
    if header is not None:
        return header.removeprefix(_BEARER) if header.startswith(_BEARER) else ""
    # With a document, which only ever reads.
    return request.args.get("id_token") if request.method in ("GET", "HEAD") else None


def merchant(engine: Engine, settings: Settings, clock: Clock, token: str) -> tuple[Visitor, str] | None:
    """The merchant whom this token names, in the role that this one shop gives them, and its domain; None when it is
    not connected.

    Raises NotASession (connector.shopify.session_token).
    """
    proven = verify(token, settings, clock.machine().timestamp())
    with transaction(engine) as connection:
        shop = shops.by_domain(connection, proven.shop)
    if shop is None or shop.state == "uninstalled":
        return None
    name = f"{shop.name} (user {proven.user_id})"
    role = role_of(shop.settings, proven.user_id)
    visitor = Visitor(f"merchant:{proven.user_id}", name, role, frozenset({shop.id}), embedded=True)
    return visitor, shop.domain


def token() -> str:
    """What the cookie of this request carries; "" for nothing."""
    held = session.get(TOKEN)
    return held if isinstance(held, str) else ""


def member(engine: Engine, clock: Clock) -> Visitor | None:
    """The one of the staff whose cookie this request carries."""
    held = token()
    if not held:
        return None
    machine = clock.machine()
    with transaction(engine) as connection:
        found = sessions.of(connection, held, machine)
    if found is None:
        return None
    account = found.account
    return Visitor(
        account.actor,
        account.email,
        account.role,
        account.shop_ids,
        fresh=found.is_fresh(machine),
        second_factor=account.second_factor,
    )
