"""Subscriptions that the store has deleted are made again: after eight deliveries in a row that nobody took it deletes
those that were made through its API."""

from __future__ import annotations

from connector.deps import Deps
from connector.errors import Retry
from connector.install.store import topics_to_subscribe
from connector.logging import get
from connector.shopify.graphql import PROVIDER
from connector.shopify.subscriptions import subscribe
from connector.shops import Shop
from webhooks import addresses

log = get(__name__)


def renew(deps: Deps, shop: Shop) -> list[str]:
    """Have the store report to us what it reported since it was installed; sentences on what it did not any more.

    Raises Retry when the store does not say what it reports.
    """
    if shop.live_since is None:
        # Nobody has seen it report: whoever connected it may have arranged that elsewhere.
        return []
    topics = topics_to_subscribe(shop)
    found = subscribe(deps.store(shop), topics, addresses.of_shopify(deps.settings.public_url))
    if topics and not found.standing:
        raise Retry(PROVIDER, f"subscriptions cannot be seen to: {next(iter(found.problems.values()), 'no reason')}")
    said = []
    if found.made:
        log.warning("subscriptions_renewed", shop_id=shop.id, topics=list(found.made))
        said.append(
            f"The store had given up telling of {', '.join(found.made)}: subscribed again. What it changed meanwhile"
            " is found by the other looks."
        )
    said += [f"The store cannot be subscribed to {topic}: {problem}" for topic, problem in found.problems.items()]
    return said
