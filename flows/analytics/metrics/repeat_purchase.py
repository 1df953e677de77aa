"""How many new customers order again within a month."""

from __future__ import annotations

from datetime import timedelta

from flows.analytics.metrics.metric import ENTERED, ORDERED, Metric, of_trigger, share

DAYS = 30
# From the order itself, which is what the flow counts from.
_FIRST_ORDERS = f"SELECT first.flow, first.person_id, first.anchor_at AS at FROM ({ENTERED}) AS first"  # noqa: S608

REPEAT_PURCHASE = Metric(
    name="repeat_purchase",
    title=f"Ordered again within {DAYS} days",
    says="Of the customers who came into this flow with their first order, those who placed another one within"
    f" {DAYS} days after it.",
    of="new customers",
    counts=share(_FIRST_ORDERS, ORDERED),
    watches=of_trigger("first_order"),
    within=timedelta(days=DAYS),
    nobody="No new customer has come into this flow yet.",
)
