"""How much marketing a shop sends to one person, across its flows: its settings, and the limits that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.cap_entries import CapsSchema, limits
from flows.core.caps import MOST_DAYS
from flows.core.model import Limit

__all__ = ["CapsSchema", "MarketingCapSchema", "shop_caps"]


class MarketingCapSchema(Schema):
    """At most so many messages of each channel in so many days."""

    count = fields.Integer(load_default=3, strict=True, validate=validate.Range(min=1))
    days = fields.Integer(load_default=7, strict=True, validate=validate.Range(min=1, max=MOST_DAYS))


def shop_caps(settings: Mapping[str, Any], channel: str) -> tuple[Limit, ...]:
    """The shop's limits for messages of this channel, whatever flows they are of."""
    cap = settings["marketing_cap"]
    return (Limit(cap["count"], cap["days"], channel), *limits(settings["caps"]))
