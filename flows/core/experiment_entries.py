"""How a flow file says that it is one arm of a test, and what splits and tests have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flows.core.experiments import HOLD_OUT, WholeFlowTest, arms_said

_NAME = validate.Regexp(r"\A[a-z][a-z0-9-]{0,40}\Z", error="use small letters, digits and dashes")


class SharesSchema(Schema):
    """What every comparison of arms has."""

    name = fields.String(
        required=True,
        validate=_NAME,
        metadata={"description": "Its name in reports; chance is hashed from it"},
    )
    shares = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"\A[a-z][a-z0-9_-]{0,40}\Z")),
        values=fields.Integer(strict=True, validate=validate.Range(1, 100)),
        required=True,
        metadata={"description": "Per cent of people by arm, 100 in all"},
    )
    winner = fields.String(
        metadata={"description": "The arm that everybody gets from now on; who is in another stays there"}
    )
    learned = fields.String(metadata={"description": "What was learned from it, for whoever plans the next one"})

    @validates_schema
    def sums_up(self, data: Mapping[str, Any], **_: Any) -> None:
        shares = data["shares"]
        said = arms_said(shares, shares, data.get("winner"))
        if said:
            raise ValidationError(said, "shares" if sum(shares.values()) != 100 else "winner")


class WholeFlowTestSchema(SharesSchema):
    arm = fields.String(required=True, metadata={"description": "The arm whose people take this flow"})

    @validates_schema
    def takes_an_arm(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["arm"] not in data["shares"] or data["arm"] == HOLD_OUT:
            named = ", ".join(sorted(set(data["shares"]) - {HOLD_OUT}))
            raise ValidationError(f"“{data['arm']}” has no share; the arms are {named}", "arm")


def shares_of(data: Mapping[str, Any]) -> Mapping[str, int]:
    """The shares in one order: stored as JSON the arms come back in another, and everybody must keep their arm."""
    return dict(sorted(data["shares"].items()))


def whole_flow_test(loaded: Mapping[str, Any]) -> WholeFlowTest | None:
    """The test that the loaded file is an arm of."""
    found = loaded.get("test")
    return WholeFlowTest(found["name"], found["arm"], shares_of(found), found.get("winner")) if found else None
