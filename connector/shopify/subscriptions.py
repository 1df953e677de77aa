"""Webhook subscriptions of one shop, for shops that are connected by token.

A topic that the app's own configuration already covers must not be subscribed here too: each event would come
twice. That is harmless (an event is taken once) but wasteful.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from connector.backoff import in_turn
from connector.errors import ProviderError, Refused
from connector.shopify.graphql import Store

COMPLIANCE = ("customers/data_request", "customers/redact", "shop/redact")
"""Topics that only the app's configuration can name, as its compliance topics."""

API_ONLY = frozenset({"customer.joined_segment", "customer.left_segment"})
"""Topics that the app's configuration cannot name."""

_PAGE = 250
# Machine seconds for which the store's query budget is waited for, with each topic.
_PATIENCE = 20.0


@dataclass(frozen=True)
class Subscription:
    """``topic`` as the API names it ("ORDERS_CREATE"); ``uri``: where the store reports it to."""

    topic: str
    uri: str


@dataclass(frozen=True)
class Subscribed:
    """``standing``: how many of the topics are subscribed now, ``made``: those that were not before; ``problems``:
    topic -> why it is not."""

    standing: int
    problems: Mapping[str, str]
    made: tuple[str, ...] = ()


def standing(store: Store) -> list[Subscription]:
    """What was subscribed with this token, up to 250. Raises ProviderError."""
    found = store.query("webhook_subscriptions", {"first": _PAGE})
    nodes = (found.get("webhookSubscriptions") or {}).get("nodes") or []
    return [Subscription(str(node.get("topic")), str(node.get("uri"))) for node in nodes]


def subscribe(store: Store, topics: Sequence[str], uri: str) -> Subscribed:
    """Have the store report these topics ("orders/create") to ``uri``; what already stands stays.

    Never raises a ProviderError: connecting a shop goes on without.
    """
    try:
        found = in_turn(partial(standing, store), _PATIENCE)
    except ProviderError as error:
        return Subscribed(0, dict.fromkeys(topics, str(error)))
    here = {one.topic for one in found if one.uri == uri}
    problems: dict[str, str] = {}
    missing = [topic for topic in topics if topic_enum(topic) not in here]
    for number, topic in enumerate(missing):
        try:
            problem = in_turn(partial(_create, store, topic, uri), _PATIENCE)
        except Refused as error:
            problem = str(error)
        except ProviderError as error:
            # Not about this topic: the others would meet it too, each after its own time-out.
            problems |= dict.fromkeys(missing[number:], str(error))
            break
        if problem is not None:
            problems[topic] = problem
    made = tuple(topic for topic in missing if topic not in problems)
    return Subscribed(len(topics) - len(problems), problems, made)


def _create(store: Store, topic: str, uri: str) -> str | None:
    variables = {"topic": topic_enum(topic), "subscription": {"uri": uri, "format": "JSON"}}
    answer = store.query("webhook_subscription_create", variables)
    created = answer.get("webhookSubscriptionCreate") or {}
    errors = created.get("userErrors") or []
    return "; ".join(str(error.get("message")) for error in errors) or None


def topic_enum(topic: str) -> str:
    """ "orders/create" as the API names it."""
    return topic.replace("/", "_").replace(".", "_").upper()
