"""Makes a discount code of the person's own in the store, good for one order, and waits until it is there.

- `percent` or `amount` (in the shop's currency) is what it takes off. It is `valid` for at least so long from the
  moment the first message that shows it leaves. `percent: shop.offers.cart.percent` takes what the shop's settings say
  when the flow gets there.
- `pool` hands out a code that was made before, of a discount with an end of its own (`connector coupon pool`).

Messages and conditions behind it read `coupon.NAME.code`, `.percent`, `.amount`, `.minimum` and `.ends_at`. When no
code could be made (the app may not make any, the store refuses, the settings name no per cent), the flow goes on
without: `coupon.NAME.code` is empty, a condition can ask for it, and a message that cannot do without it is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flows.core import durations
from flows.core.answers import Answer, Do, Go, Park, Woke
from flows.core.facts import Facts, family, lookup
from flows.core.model import EffectDone, Run, Step
from flows.core.steps.kind import StepKind, StepSchema, Written
from flows.core.vocabulary import FIELDS as KNOWN_FIELDS

COUPONS = "coupon"
"""The action that it asks for (flows/actions), and the family of facts that it leaves in the run:
``{name: {code, ...}}``, None for one that could not be made."""
FIELDS = ("code", "percent", "amount", "minimum", "ends_at")
"""What is known of a coupon that was made: facts, and values of messages."""
PERCENTS = tuple(name for name in KNOWN_FIELDS if name.startswith("shop.offers.") and name.endswith(".percent"))
"""The settings of a shop that may say how much a coupon takes off."""
_OWN = ("percent", "amount", "valid", "prefix", "minimum", "once_per_customer")
# Less than a tenth of a cent of any currency is a slip of the pen.
_AMOUNT = validate.Range(min=Decimal("0.01"), max=Decimal(1_000_000))


@dataclass(frozen=True, slots=True)
class Coupon:
    """`terms` and `prefix` are those of the discount, with `valid`; or `pool` names where it comes from. `percent_of`:
    the field that says the per cent, which the terms then lack."""

    name: str
    terms: Mapping[str, Any]
    prefix: str = ""
    valid: timedelta | None = None
    pool: str | None = None
    percent_of: str | None = None


def _is_percent(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100


class PercentField(fields.Field[Any]):
    """A whole number from 1 to 100, or the field that has it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not _is_percent(value) and value not in PERCENTS:
            raise ValidationError(f"write a whole number from 1 to 100, or one of {', '.join(PERCENTS)}")
        return value


# By from_dict, because `as` is no name for an attribute.
_CouponFields = Schema.from_dict(
    {
        "as": fields.String(
            required=True,
            validate=validate.Regexp(r"\A[a-z][a-z0-9_]{0,30}\Z", error="use small letters, digits and _"),
            metadata={"description": "What messages and conditions call it: coupon.NAME"},
        ),
        "percent": PercentField(
            metadata={"description": "Per cent off the whole order, or where the settings say it: " + PERCENTS[-1]}
        ),
        "amount": fields.Decimal(
            validate=_AMOUNT, metadata={"description": "Off the whole order, in the shop's currency"}
        ),
        "valid": fields.String(
            metadata={"description": "How long, from when the first message that shows it leaves: 3d"}
        ),
        "prefix": fields.String(
            validate=validate.Regexp(r"\A[A-Z][A-Z0-9]{0,11}\Z", error="use capitals and digits"),
            metadata={"description": "What the code begins with, e.g. CART"},
        ),
        "minimum": fields.Decimal(validate=_AMOUNT, metadata={"description": "Only for orders of at least so much"}),
        "once_per_customer": fields.Boolean(
            metadata={"description": "Shopify also ties it to one customer; true by default"}
        ),
        "pool": fields.String(
            validate=validate.Regexp(r"\A[a-z][a-z0-9-]{0,60}\Z", error="use small letters, digits and dashes"),
            metadata={"description": "In place of all of these: the pool that its code is taken from"},
        ),
    },
    name="CouponFields",
)


class DiscountSchema(_CouponFields):  # type: ignore[misc, valid-type]
    @validates_schema
    def complete(self, data: Mapping[str, Any], **_: Any) -> None:
        if len([name for name in ("percent", "amount", "pool") if name in data]) != 1:
            raise ValidationError("say one of percent, amount and pool", "as")
        own = [name for name in _OWN if name in data]
        if "pool" in data and own:
            raise ValidationError(f"the pool has its own {own[0]}; leave it out", own[0])
        if "pool" not in data and "valid" not in data:
            raise ValidationError("say how long the code is valid, for example 3d", "as")


class CouponSchema(StepSchema):
    coupon = fields.Nested(DiscountSchema, required=True, metadata={"description": "What it is worth, and its name"})


def read(data: Mapping[str, Any]) -> Written:
    given = data["coupon"]
    name = f"coupon-{given['as'].replace('_', '-')}"
    if "pool" in given:
        return Written(Coupon(given["as"], {}, pool=given["pool"]), name)
    terms: dict[str, Any] = {"once_per_customer": given.get("once_per_customer", True)}
    percent = given.get("percent")
    if isinstance(percent, int):
        terms["percent"] = percent
    # Texts, as everywhere where an amount is JSON.
    terms |= {part: f"{given[part]:.2f}" for part in ("amount", "minimum") if part in given}
    valid, percent_of = durations.parse(given["valid"]), percent if isinstance(percent, str) else None
    return Written(Coupon(given["as"], terms, given.get("prefix", ""), valid, percent_of=percent_of), name)


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    config: Coupon = step.config
    if isinstance(woke, EffectDone):
        made = dict(woke.result) if woke.outcome == "accepted" else None
        return _on(config, run, made, "made" if made else woke.outcome, woke.reason)
    terms = dict(config.terms)
    if config.percent_of is not None:
        terms["percent"] = lookup(facts, config.percent_of)
        if not _is_percent(terms["percent"]):
            return _on(config, run, None, "skipped", "no_percent")
    return Park(does=(Do(COUPONS, {"name": config.name, "terms": terms, "pool": config.pool}),))


def _on(config: Coupon, run: Run, made: Mapping[str, Any] | None, outcome: str, reason: str) -> Go:
    """With the coupon or without. It takes no time of the plan: what comes next counts from where it would have
    counted without it."""
    known = {**run.vars.get(COUPONS, {}), config.name: made}
    detail = {"coupon": config.name, **({"code": made["code"]} if made else {"reason": reason})}
    return Go(vars={COUPONS: known}, code=f"coupon_{outcome}", detail=detail)


def _needs(config: Coupon) -> frozenset[str]:
    return frozenset() if config.percent_of is None else frozenset({family(config.percent_of)})


COUPON = StepKind(
    name="coupon",
    about=__doc__,
    example={"coupon": {"as": "offer", "percent": 10, "valid": "3d", "prefix": "CART"}},
    schema=CouponSchema,
    read=read,
    needs=_needs,
    run=run,
)
