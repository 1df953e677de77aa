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
    "Purchase",
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
    "recipients",
    "unpriced",
]
