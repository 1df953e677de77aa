"""Subscriptions that the store has deleted are made again: after eight deliveries in a row that nobody took it deletes
those that were made through its API."""

from __future__ import annotations

from functools import partial

from connector.backoff import in_turn
from connector.deps import Deps
from connector.install.store import topics_to_subscribe
from connector.logging import get
from connector.shopify.subscriptions import standing, subscribe
from connector.shops import Shop
from webhooks import addresses

log = get(__name__)

# Machine seconds for which the store's query budget is waited for.
_PATIENCE = 20.0


def renew(deps: Deps, shop: Shop) -> list[str]:
    """Have the store report to us what it reported since it was installed; sentences on what it did not any more. What
    it refuses is said by the doctor.

    Raises ProviderError when the store does not say what it reports.
    """
    if shop.live_since is None:
        # Nobody has seen it report: whoever connected it may have arranged that elsewhere.
        return []
    store = deps.store(shop)
    in_turn(partial(standing, store), _PATIENCE)
    found = subscribe(store, topics_to_subscribe(shop), addresses.of_shopify(deps.settings.public_url))
    if not found.made:
        return []
    log.warning("subscriptions_renewed", shop_id=shop.id, count=len(found.made))
    return [
        f"The store had given up telling of {', '.join(found.made)}: subscribed again. What it changed meanwhile is"
        " found by the other looks."
    ]
