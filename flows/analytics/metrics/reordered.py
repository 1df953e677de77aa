"""How many order the same again when it is about to run out."""

from __future__ import annotations

from datetime import timedelta

from flows.analytics.metrics.metric import ENTERED, Metric, of_trigger, share

DAYS = 30
_THE_SAME = """
EXISTS (
    SELECT FROM orders CROSS JOIN LATERAL jsonb_array_elements(orders.items) AS bought (item)
    WHERE orders.shop_id = :shop_id AND orders.person_id = begun.person_id AND orders.counted IS NOT NULL
        AND orders.created_at > begun.at AND orders.created_at <= begun.at + CAST(:within AS interval)
        AND bought.item ->> 'product_id' = begun.position -> 'trigger' ->> 'product_id'
)"""

REORDERED = Metric(
    name="reordered",
    title="Ordered the same again",
    says="Of the times that something was about to run out and this flow began, those in which that product was ordered"
    f" again within {DAYS} days.",
    of="times",
    counts=share(ENTERED, _THE_SAME),
    watches=of_trigger("replenishment_due"),
    within=timedelta(days=DAYS),
    guides={"replenishment": "20 %"},
    nobody="Nobody has come into this flow yet.",
)
