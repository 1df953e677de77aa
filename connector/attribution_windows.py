"""For how long after somebody opened or followed a message an order is owed to it: the merchant's settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from marshmallow import Schema, fields, validate

MOST_DAYS = 90
CHANNELS = ("email", "sms", "whatsapp", "push")
TOUCHES = ("clicked", "opened", "sent")
"""What may bring an order about, the surest first."""
# An open says that somebody has seen it, a text that was sent was read as a rule; nobody tells of opened texts.
_DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "email": {"clicked_days": 5, "opened_days": 5},
    "sms": {"clicked_days": 2, "sent_days": 1},
    "whatsapp": {"clicked_days": 2, "opened_days": 2},
    "push": {"clicked_days": 1},
}


def _days(channel: str, touch: str) -> fields.Integer:
    default = _DEFAULTS[channel].get(f"{touch}_days", 0)
    return fields.Integer(load_default=default, strict=True, validate=validate.Range(min=0, max=MOST_DAYS))


def _channel(channel: str) -> fields.Nested:
    schema: type[Schema] = type(
        f"{channel.title()}WindowsSchema", (Schema,), {f"{touch}_days": _days(channel, touch) for touch in TOUCHES}
    )
    return fields.Nested(schema, load_default=lambda: schema().load({}))


class AttributionSchema(Schema):
    """Days for each channel and touch; 0: this touch counts for nothing."""

    email = _channel("email")
    sms = _channel("sms")
    whatsapp = _channel("whatsapp")
    push = _channel("push")


def windows(settings: Mapping[str, Any]) -> dict[tuple[str, str], timedelta]:
    """{(channel, touch): how long it counts} of the touches that count."""
    return {
        (channel, touch): timedelta(days=days)
        for channel in CHANNELS
        for touch in TOUCHES
        if (days := settings["attribution"][channel][f"{touch}_days"])
    }
