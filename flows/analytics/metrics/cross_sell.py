"""How many order after they were shown what goes with what they have."""

from __future__ import annotations

from datetime import timedelta

from flows.analytics.metrics.metric import ORDERED, WRITTEN_TO, Metric, of_messages, share

DAYS = 14
_NAMES = ("cross-sell", "goes-with", "recommend")

CROSS_SELL = Metric(
    name="cross_sell",
    title="Orders after recommendations",
    says="Of the people who were sent this flow's recommendations (messages with cross-sell, goes-with or recommend in"
    f" their name), those who ordered within {DAYS} days after the first of them.",
    of="people",
    counts=share(WRITTEN_TO, ORDERED),
    watches=of_messages(lambda name, body: any(part in name for part in _NAMES)),
    within=timedelta(days=DAYS),
    guides={"post-purchase": "3-5 %", "cross-sell": "3-5 %"},
    nobody="Nobody was sent recommendations yet.",
)
