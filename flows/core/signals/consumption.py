"""How long what somebody has bought lasts: the shop's table of consumption cycles, and which of them a line of an order
is of.

A product has its own first day of a reminder; only where none is named it is so many days before the cycle ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

_DAYS = validate.Range(min=1, max=1_000)
_WHICH = ("variant", "sku", "product", "product_type", "tag")
"""By what products are named, the most exact first."""

TABLE: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "supplement-30": {"cycle_days": 30, "first_reminder_day": 23},
        "supplement-90": {"cycle_days": 90, "first_reminder_day": 75},
        # 14 to 21 days.
        "coffee-1lb": {"cycle_days": 21, "first_reminder_day": 12},
        # 45 to 60 days.
        "skincare-60ml": {"cycle_days": 60, "first_reminder_day": 40},
        # 30 to 45 days.
        "pet-food-15lb": {"cycle_days": 45, "first_reminder_day": 28},
        "razor-blades-8": {"cycle_days": 60, "first_reminder_day": 53},
    }
)
"""Kinds of consumables that need not be set: for how long one lasts at most, and on which day somebody is reminded."""


class CycleSchema(Schema):
    cycle_days = fields.Integer(load_default=None, allow_none=True, strict=True, validate=_DAYS)
    first_reminder_day = fields.Integer(load_default=None, allow_none=True, strict=True, validate=_DAYS)

    @validates_schema
    def _ends_after_it(self, data: Mapping[str, Any], **options: Any) -> None:
        cycle, first = data.get("cycle_days"), data.get("first_reminder_day")
        if cycle is not None and first is not None and first > cycle:
            raise ValidationError("The first reminder comes after the cycle has ended.", "first_reminder_day")


class KindSchema(CycleSchema):
    cycle_days = fields.Integer(required=True, strict=True, validate=_DAYS)


class ProductSchema(CycleSchema):
    """Which products, and how long they last: by a kind, or by days of their own, which go before it."""

    variant = fields.Integer(strict=True, validate=validate.Range(min=1))
    sku = fields.String(validate=validate.Length(1, 255))
    product = fields.Integer(strict=True, validate=validate.Range(min=1))
    product_type = fields.String(validate=validate.Length(1, 255))
    tag = fields.String(validate=validate.Length(1, 255))
    kind = fields.String(load_default=None, allow_none=True)
    # Two pieces last twice as long.
    per_piece = fields.Boolean(load_default=False)

    @validates_schema
    def _names_products(self, data: Mapping[str, Any], **options: Any) -> None:
        if sum(name in data for name in _WHICH) != 1:
            raise ValidationError(f"Name the products by one of: {', '.join(_WHICH)}.")
        if data.get("kind") is None and data.get("cycle_days") is None:
            raise ValidationError("Say how long they last: by a kind, or by cycle_days.")


class ReplenishmentSchema(Schema):
    days_before = fields.Integer(
        load_default=7,
        strict=True,
        validate=_DAYS,
        metadata={"description": "how many days before the end of a cycle that has no first reminder day of its own"},
    )
    kinds = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[a-z0-9][a-z0-9-]{0,63}\Z")),
        values=fields.Nested(KindSchema),
        load_default=dict,
        metadata={"description": "kinds of consumables beside those of the table, or instead of them"},
    )
    products = fields.List(
        fields.Nested(ProductSchema),
        load_default=list,
        validate=validate.Length(max=1_000),
        metadata={"description": "which products are of which kind, or how long they last"},
    )

    @validates_schema
    def _kinds_are_there(self, data: Mapping[str, Any], **options: Any) -> None:
        known = {**TABLE, **data.get("kinds", {})}
        for place, one in enumerate(data.get("products", ())):
            if one["kind"] is not None and one["kind"] not in known:
                raise ValidationError({"products": {place: {"kind": [f"Name one of: {', '.join(sorted(known))}."]}}})


@dataclass(frozen=True, slots=True)
class Cycle:
    """`first`: after how many days somebody is reminded who has bought one piece; `days`: how long a piece lasts."""

    first: int
    days: int
    per_piece: bool

    def reminder(self, pieces: int) -> int:
        """The day of the first reminder of so many pieces."""
        return self.first + (self.days * (pieces - 1) if self.per_piece else 0)


def cycle_of(line: Mapping[str, Any], product: Mapping[str, Any], chosen: Mapping[str, Any]) -> Cycle | None:
    """The cycle of a line of an order; None for what is not consumed. Of several that fit it is the most exact one, of
    those the first.

    `product`: ``{product_type, tags}``, as far as they are known; `chosen`: as ``ReplenishmentSchema`` reads it.
    """
    has: Mapping[str, Any] = {
        "variant": line.get("variant_id"),
        "sku": line.get("sku"),
        "product": line.get("product_id"),
        "product_type": product.get("product_type"),
        "tag": product.get("tags") or (),
    }
    for name in _WHICH:
        for one in chosen["products"]:
            if name in one and (one[name] in has[name] if name == "tag" else one[name] == has[name]):
                return _cycle(one, chosen)
    return None


def _cycle(one: Mapping[str, Any], chosen: Mapping[str, Any]) -> Cycle:
    kind: Mapping[str, Any] = {**TABLE, **chosen["kinds"]}[one["kind"]] if one["kind"] is not None else {}
    days = one["cycle_days"] or kind["cycle_days"]
    # The first day of its kind belongs to the kind's cycle, and says nothing of days of its own.
    first = one["first_reminder_day"] or (None if one["cycle_days"] else kind.get("first_reminder_day"))
    return Cycle(first or max(days - chosen["days_before"], 1), days, one["per_piece"])
