"""Webhook subscriptions of a shop: who is told what, and where."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.store.records import Subscription
from sandbox.store.search import BadSearch, compile_search
from sandbox.store.shop import Shop, Unknown
from sandbox.store.topics import AFTERWARDS, COMPLIANCE_TOPICS, TOPICS

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TAKEN = "Address for this topic has already been taken"


class Refused(ValueError):
    """The platform's answer to a bad subscription; `field` is the path it names."""

    def __init__(self, message: str, field: list[str]) -> None:
        super().__init__(message)
        self.field = field


def subscribe(
    shop: Shop, now: float, topic: str, uri: str | None, *, origin: str, api_version: str, **options: Any
) -> Subscription:
    """Add a subscription. Raises Refused, Unknown (for a topic that does not exist)."""
    if topic not in TOPICS and not (origin == "app" and topic in COMPLIANCE_TOPICS):
        raise Unknown(f"no topic {topic!r}")
    _check_address(uri)
    _check_filter(options.get("filter"))
    if any(s.topic == topic and s.uri == uri for s in shop.subscriptions.values()):
        raise Refused(_TAKEN, ["webhookSubscription", "callbackUrl"])
    subscription = Subscription(
        id=shop.next_subscription_id(),
        topic=topic,
        uri=str(uri),
        api_version=api_version,
        origin=origin,
        created_at=now,
        updated_at=now,
        **options,
    )
    shop.subscriptions[subscription.id] = subscription
    return subscription


def change(shop: Shop, now: float, subscription_id: int, changes: dict[str, Any]) -> Subscription:
    """Change what `changes` names. Raises Refused, Unknown."""
    subscription = shop.subscriptions.get(subscription_id)
    if subscription is None:
        raise Unknown("Webhook subscription does not exist")
    if "uri" in changes:
        _check_address(changes["uri"])
    _check_filter(changes.get("filter"))
    for name, value in changes.items():
        setattr(subscription, name, value)
    subscription.updated_at = now
    return subscription


def unsubscribe(shop: Shop, subscription_id: int) -> None:
    """Raises Unknown."""
    if shop.subscriptions.pop(subscription_id, None) is None:
        raise Unknown("Webhook subscription does not exist")


def listeners(shop: Shop, topic: str, payload: dict[str, Any]) -> list[Subscription]:
    """The subscriptions that want this payload: each gets its own delivery, as on the platform."""
    if not shop.installation.present and topic not in AFTERWARDS:
        return []
    return [
        subscription
        for subscription in shop.subscriptions.values()
        if subscription.topic == topic and _wants(subscription, payload)
    ]


def body_for(subscription: Subscription, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload, cut down to `includeFields` (top-level names, or dot paths through objects and lists)."""
    if not subscription.include_fields:
        return payload
    return _only(payload, [path.split(".") for path in subscription.include_fields])


def _only(value: Any, paths: list[list[str]]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [_only(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, inner in value.items():
        deeper = [path[1:] for path in paths if path[0] == key]
        if deeper:
            kept[key] = _only(inner, deeper)
    return kept


def _wants(subscription: Subscription, payload: dict[str, Any]) -> bool:
    if not subscription.filter:
        return True
    return compile_search(subscription.filter, _payload_fields(payload)).matches(payload)


def _payload_fields(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: (lambda record, name=name: record.get(name)) for name in payload}


def _check_address(uri: str | None) -> None:
    """Shopify takes https only. Plain http is let through to this machine, for development."""
    parts = urlsplit(uri or "")
    host = parts.hostname or ""
    if not host:
        raise Refused("Address can't be blank", ["webhookSubscription", "callbackUrl"])
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise Refused("Address protocol http:// is not supported", ["webhookSubscription", "callbackUrl"])
    if parts.scheme not in ("http", "https"):
        raise Refused("Address is invalid", ["webhookSubscription", "callbackUrl"])
    if host.endswith((".myshopify.com", ".shopify.com")):
        raise Refused("Address cannot be a Shopify or an internal domain", ["webhookSubscription", "callbackUrl"])


def _check_filter(text: str | None) -> None:
    """Every term must name a field; a bare word is refused."""
    try:
        valid = not compile_search(text, {}).bare_words
    except BadSearch:
        valid = False
    if not valid:
        raise Refused(
            "The specified filter is invalid, please ensure you specify the field(s) you wish to filter on.",
            ["webhookSubscription", "filter"],
        )
