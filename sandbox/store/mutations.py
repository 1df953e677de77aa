"""The mutations of the Admin API: those about customers, and webhook subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from sandbox.store import subscriptions
from sandbox.store.actions import Actions
from sandbox.store.customer_mutations import customer_mutations
from sandbox.store.resolvers import number_of
from sandbox.store.shop import Unknown
from sandbox.store.topics import BY_ENUM_NAME
from sandbox.store.values import gid


def mutation_resolvers(actions: Actions) -> dict[str, dict[str, Callable[..., Any]]]:
    """The resolvers of `Mutation`; what they change is announced through `actions`."""
    return {
        "Mutation": {
            **customer_mutations(actions),
            "webhookSubscriptionCreate": _create_subscription,
            "webhookSubscriptionUpdate": _update_subscription,
            "webhookSubscriptionDelete": _delete_subscription,
        }
    }


def _create_subscription(
    source: Any, info: GraphQLResolveInfo, topic: str, webhookSubscription: dict[str, Any]
) -> dict[str, Any]:
    changes = _changes(webhookSubscription)
    try:
        made = subscriptions.subscribe(
            info.context.shop,
            info.context.now,
            BY_ENUM_NAME[topic],
            changes.pop("uri", None),
            origin="admin_api",
            api_version=info.context.api_version,
            **changes,
        )
    except subscriptions.Refused as refusal:
        return _refused("webhook_subscription", refusal.field, str(refusal))
    return {"webhook_subscription": made, "user_errors": []}


def _update_subscription(
    source: Any, info: GraphQLResolveInfo, id: str, webhookSubscription: dict[str, Any]
) -> dict[str, Any]:
    number = number_of(id, "WebhookSubscription") or 0
    try:
        changed = subscriptions.change(info.context.shop, info.context.now, number, _changes(webhookSubscription))
    except Unknown as problem:
        return _refused("webhook_subscription", ["id"], str(problem))
    except subscriptions.Refused as refusal:
        return _refused("webhook_subscription", refusal.field, str(refusal))
    return {"webhook_subscription": changed, "user_errors": []}


def _delete_subscription(source: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any]:
    number = number_of(id, "WebhookSubscription") or 0
    try:
        subscriptions.unsubscribe(info.context.shop, number)
    except Unknown as problem:
        return _refused("deleted_webhook_subscription_id", ["id"], str(problem))
    return {"deleted_webhook_subscription_id": gid("WebhookSubscription", number), "user_errors": []}


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """The input by our names; `callbackUrl` is the old name of `uri`, and only JSON is delivered."""
    if given.get("format") == "XML":
        raise GraphQLError("The simulated store delivers JSON only")
    changes = {"uri": given.get("uri") or given.get("callbackUrl")} if {"uri", "callbackUrl"} & set(given) else {}
    for theirs, ours in (
        ("filter", "filter"),
        ("name", "name"),
        ("includeFields", "include_fields"),
        ("metafieldNamespaces", "metafield_namespaces"),
    ):
        if theirs in given:
            changes[ours] = given[theirs]
    return changes


def _refused(result: str, field: list[str], message: str, code: str | None = None) -> dict[str, Any]:
    return {result: None, "user_errors": [{"field": field, "message": message, "code": code}]}


def parse_datetime(value: Any) -> float:
    """An ISO 8601 time as unix seconds; UTC where it names no zone. Raises GraphQLError."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"invalid DateTime '{value}'") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
