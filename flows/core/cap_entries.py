"""How limits are written down, in a flow's file and in a shop's settings: `{email: {count: 1, per: day}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flows.core.caps import MOST_DAYS
from flows.core.model import Limit
from flows.core.permission import OWN

ALL = "all"


class LimitSchema(Schema):
    """One limit: in any `days` x 24 hours, or on one day of the calendar."""

    count = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(min=1, max=100),
        metadata={"description": "At most so many messages"},
    )
    per = fields.String(
        validate=validate.OneOf(["day"]), metadata={"description": "day: on one day, where the person lives"}
    )
    days = fields.Integer(
        strict=True,
        validate=validate.Range(min=1, max=MOST_DAYS),
        metadata={"description": "Instead of per: in any so many times 24 hours"},
    )

    @validates_schema
    def _one_window(self, data: Mapping[str, Any], **options: Any) -> None:
        if ("per" in data) == ("days" in data):
            raise ValidationError("write either per: day, or days: 7", "per")


CapsSchema: type[Schema] = type(
    "CapsSchema",
    (Schema,),
    {
        **{channel: fields.Nested(LimitSchema, metadata={"description": f"Messages by {channel}"}) for channel in OWN},
        ALL: fields.Nested(LimitSchema, metadata={"description": "Messages of all channels together"}),
    },
)
"""Limits by channel."""


def limits(caps: Mapping[str, Any]) -> tuple[Limit, ...]:
    """What CapsSchema has loaded, as the gate reads it."""
    return tuple(
        Limit(one["count"], one.get("days"), None if channel == ALL else channel) for channel, one in caps.items()
    )
