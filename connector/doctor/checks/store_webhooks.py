"""The store reports every topic to us."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import exists, select

from connector.doctor.finding import Check, Finding, broken, ok, warning
from connector.doctor.subject import ConnectedShop
from connector.install.store import topics_to_subscribe
from connector.models.inbox import inbox
from connector.models.shop import shops
from connector.shopify.subscriptions import standing, topic_enum
from webhooks import addresses
from webhooks.topics import TOPICS

_RECENT = timedelta(days=2)


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    again = f"Subscribe them: `connector shop add {shop.shop.domain}` does, with the shop's credentials."
    settings = shop.deps.settings
    if not settings.shopify_api_secret and not _has_own_secret(shop):
        yield broken(
            "No secret is known that the store signs its deliveries with: all of them are turned away.",
            "Set SHOPIFY_API_SECRET, or connect the shop with --secret.",
        )
    uri = addresses.of_shopify(settings.public_url)
    subscribed = shop.in_turn(lambda: standing(shop.store))
    here = {one.topic for one in subscribed if one.uri == uri}
    topics = {name: TOPICS["shopify", name] for name in topics_to_subscribe(shop.shop)}
    missing = [name for name in topics if topic_enum(name) not in here]
    if not missing:
        return
    if not here and _hears_from_the_store(shop):
        yield ok(
            "The store reports to us, though nothing was subscribed with this token: the app's own configuration must"
            " say so. Which topics it has cannot be seen from here."
        )
        return
    elsewhere = sorted({one.uri for one in subscribed if one.uri != uri})
    if elsewhere:
        again += f" Subscriptions that this token made lead to {', '.join(elsewhere)}: PUBLIC_URL may have changed."
    urgent = [name for name in missing if topics[name].lane == "commerce"]
    for say, names, effect in (
        (broken, urgent, "messages may go out that should not"),
        (warning, [name for name in missing if name not in urgent], "what it changes arrives late or never"),
    ):
        if names:
            yield say(f"{len(names)} of {len(topics)} topics are not reported to {uri}: {effect}.", again, names)


def _has_own_secret(shop: ConnectedShop) -> bool:
    with shop.connection() as connection:
        return connection.scalar(select(shops.c.shopify_secret).where(shops.c.id == shop.shop.id)) is not None


def _hears_from_the_store(shop: ConnectedShop) -> bool:
    since = shop.deps.clock.now() - _RECENT
    with shop.connection() as connection:
        query = select(exists().where(inbox.c.shop_id == shop.shop.id, inbox.c.source == "shopify",
                                      inbox.c.received_at > since))  # fmt: skip
        return bool(connection.scalar(query))


CHECK = Check("webhooks of the store", "The store reports every topic to us.", _run, 20.0, ("store",), calls=True)
