"""The registry of webhook topics. Adding one is a file here (or a line in one) and its recorded payload."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from webhooks.topics import (
    api_events,
    app,
    brevo_contact,
    brevo_marketing,
    brevo_notices,
    brevo_sms,
    brevo_transactional,
    brevo_whatsapp,
    bulk_operations,
    carts,
    checkouts,
    collections,
    customer_tags,
    customers,
    draft_orders,
    email_consent,
    fulfillments,
    inventory_levels,
    order_transactions,
    orders,
    privacy,
    products,
    purchasing_summary,
    refunds,
    returns,
    segments,
    sms_consent,
    whatsapp_consent,
)
from webhooks.topics.topic import Topic


def _register(*modules: tuple[Topic, ...]) -> Mapping[tuple[str, str], Topic]:
    topics: dict[tuple[str, str], Topic] = {}
    for module in modules:
        for topic in module:
            if (topic.source, topic.name) in topics:
                raise ValueError(f"topic {topic.source} {topic.name} is registered twice")
            topics[(topic.source, topic.name)] = topic
    return MappingProxyType(topics)


TOPICS = _register(
    customers.TOPICS,
    email_consent.TOPICS,
    sms_consent.TOPICS,
    whatsapp_consent.TOPICS,
    customer_tags.TOPICS,
    purchasing_summary.TOPICS,
    segments.TOPICS,
    carts.TOPICS,
    checkouts.TOPICS,
    orders.TOPICS,
    order_transactions.TOPICS,
    refunds.TOPICS,
    returns.TOPICS,
    fulfillments.TOPICS,
    draft_orders.TOPICS,
    products.TOPICS,
    collections.TOPICS,
    inventory_levels.TOPICS,
    privacy.TOPICS,
    app.TOPICS,
    bulk_operations.TOPICS,
    brevo_transactional.TOPICS,
    brevo_marketing.TOPICS,
    brevo_sms.TOPICS,
    brevo_whatsapp.TOPICS,
    brevo_contact.TOPICS,
    brevo_notices.TOPICS,
    api_events.TOPICS,
)
