"""What flows have brought, in numbers (ADR 52)."""

from flows.analytics.figures import (
    NOTHING,
    Day,
    Figures,
    MessageFigures,
    Purchase,
    Recipient,
    StepFigures,
    WeekOfMessages,
)
from flows.analytics.metric_reading import Reading, of_flow, of_flows, of_shop
from flows.analytics.metric_reading import as_json as metric_json
from flows.analytics.metric_reading import counted_at as metrics_counted_at
from flows.analytics.metric_reading import lines as metric_lines
from flows.analytics.metrics import Published
from flows.analytics.purchases import buyers, recipients, unpriced
from flows.analytics.reading import (
    MOST_DAYS,
    by_channel,
    by_day,
    by_flow,
    by_message,
    by_step,
    measured_at,
    messages_a_week,
)

__all__ = [
    "MOST_DAYS",
    "NOTHING",
    "Day",
    "Figures",
    "MessageFigures",
    "Published",
    "Purchase",
    "Reading",
    "Recipient",
    "StepFigures",
    "WeekOfMessages",
    "buyers",
    "by_channel",
    "by_day",
    "by_flow",
    "by_message",
    "by_step",
    "measured_at",
    "messages_a_week",
    "metric_json",
    "metric_lines",
    "metrics_counted_at",
    "of_flow",
    "of_flows",
    "of_shop",
    "recipients",
    "unpriced",
]
