"""Never after a purchase: what a message must wait for before it may leave.

A message whose flow ends with an order waits until every order webhook that was acknowledged before is applied,
and the store itself is asked whether the checkouts of the batch were completed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from connector import eventlog
from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.logging import get
from connector.models.inbox import inbox
from connector.models.store import checkouts
from connector.queue.bells import ring
from connector.shopify.graphql import PartialData
from connector.shops import Shop

log = get(__name__)

# Machine seconds. Together with the time from the claim to the first byte they stay below the promised second.
_POLL, _LONGEST_POLL = 0.01, 0.4


def _open_rows(deps: Deps, shop_id: int, up_to: int | None) -> int | None:
    """The highest (``up_to`` None) or lowest inbox id of unprocessed commerce rows, None when there is none.

    Rows that wait for a retry have left the lane, as poison has: they would hold every message back.
    """
    query = select(inbox.c.id).where(inbox.c.shop_id == shop_id, inbox.c.state == "new", inbox.c.lane == "commerce")
    order = inbox.c.id.desc()
    if up_to is not None:
        query, order = query.where(inbox.c.id <= up_to), inbox.c.id.asc()
    with transaction(deps.engine) as connection:
        return connection.scalar(query.order_by(order).limit(1))


def clear(deps: Deps, shop: Shop) -> bool:
    """Wait a moment until the commerce rows that are visible now are applied; whether they were.

    Every row acknowledged before this call is visible to it, so a message that leaves within a second of this
    call leaves at most a second after the acknowledgement of a row that it did not wait for.
    """
    mark = _open_rows(deps, shop.id, None)
    if mark is None:
        return True
    ring(deps.redis, "intake", shop.id)
    end = monotonic() + _LONGEST_POLL
    while monotonic() < end:
        pause(_POLL)
        if _open_rows(deps, shop.id, mark) is None:
            return True
    return False


def ask_store(deps: Deps, shop: Shop, tokens: Collection[str]) -> bool:
    """Ask the store which of these checkouts became orders, and log those; whether it could be asked.

    One query for the whole batch. What it tells beyond what the webhooks told becomes an event like theirs.
    """
    if not tokens:
        return True
    whole = True
    wanted = " OR ".join(f'checkout_token:"{_quotable(token)}"' for token in sorted(tokens))
    try:
        data = deps.store(shop).query("orders_of_checkouts", {"first": 2 * len(tokens), "query": wanted})
    except PartialData as error:
        # What it does tell counts; that the others were not completed it has not said.
        data, whole = dict(error.data), False
    except ProviderError as error:
        log.warning("store_not_asked", shop_id=shop.id, error=type(error).__name__)
        return False
    found = {
        node["checkoutToken"]: datetime.fromisoformat(node["createdAt"])
        for node in (data.get("orders") or {}).get("nodes") or []
        if node and node.get("checkoutToken") in tokens and node.get("createdAt")
    }
    if found:
        _note_completed(deps, shop, found)
    return whole


def _quotable(token: str) -> str:
    return token.replace("\\", "").replace('"', "")


def _note_completed(deps: Deps, shop: Shop, found: dict[str, datetime]) -> None:
    with deps.open(shop) as scope:
        lock_shop(scope, NORMALISE)
        rows = scope.connection.execute(
            select(checkouts.c.token, checkouts.c.person_id).where(
                checkouts.c.shop_id == shop.id, checkouts.c.token.in_(found)
            )
        ).all()
        lock_persons(scope, {row.person_id for row in rows if row.person_id is not None})
        eventlog.append(
            scope,
            [
                eventlog.Fact(
                    "checkout_completed",
                    f"checkout:{row.token}:completed",
                    found[row.token],
                    f"checkout:{row.token}",
                    row.person_id,
                    row.token,
                    {"checkout_token": row.token, "source": "asked"},
                )
                for row in rows
            ],
        )
