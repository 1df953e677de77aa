"""The shape of a flow file, as marshmallow schemas. Steps have their own schemas in `flows.core.steps`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from flows.core import conditions, durations
from flows.core.conditions import Condition
from flows.core.model import Reentry
from flows.core.problems import suggestion
from flows.core.vocabulary import EVENTS, event_named

NAME = validate.Regexp(r"\A[a-z][a-z0-9-]{0,60}\Z", error="use small letters, digits and dashes")
NO_HOLD = timedelta(0)


class DurationField(fields.Field[timedelta]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        try:
            return durations.parse(value if isinstance(value, str) else repr(value))
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


class HoldField(DurationField):
    """A length of time, or ``none``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        return NO_HOLD if value == "none" else super()._deserialize(value, attr, data, **kwargs)


class ConditionField(fields.Field[Condition]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Condition:
        try:
            return conditions.from_data(value)
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


class ReentryField(fields.Field[Reentry]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Reentry:
        if value == "never" or value == "always":
            return Reentry(value)
        if isinstance(value, Mapping) and set(value) == {"after"}:
            return Reentry("after", DurationField().deserialize(value["after"]))
        raise ValidationError("write never, always, or for example {after: 30d}")


class EventField(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(name, str) or event_named(name) is None:
            raise ValidationError(f"“{name}” is no event here. {suggestion(name, EVENTS)}")
        return name


class PathField(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        path = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(path, str) or not path.startswith("event.") or path.endswith("."):
            raise ValidationError(f"“{path}” must name a field of the event, such as event.checkout_token")
        return path


class TriggerSchema(Schema):
    on = EventField(required=True, metadata={"description": "The event that starts the flow"})
    after = DurationField(metadata={"description": "The signal's own threshold, not a further wait"})
    key = PathField(metadata={"description": "What tells two runs of one person apart"})
    where = ConditionField(metadata={"description": "Only events for which this holds"})


class GoalSchema(Schema):
    on = EventField(required=True, metadata={"description": "The event that the flow is for"})
    match = PathField(metadata={"description": "A field that must be the same as in the trigger"})
    within = DurationField(required=True, metadata={"description": "How long after entering it still counts"})


class AboutSchema(Schema):
    purpose = fields.String(metadata={"description": "What it is for"})
    owner = fields.String(metadata={"description": "Who answers for it"})
    reviewed = fields.Date(format="iso", metadata={"description": "When somebody last went through it"})
    benchmarks = fields.Dict(
        keys=fields.String(), values=fields.Raw(), metadata={"description": "Figures to compare with"}
    )


class MessageSpecSchema(Schema):
    channel = fields.String(required=True)
    purpose = fields.String(required=True, validate=validate.OneOf(["marketing", "transactional"]))
    deadline = DurationField(required=True)
    coupons = fields.List(fields.String())


class FlowSchema(Schema):
    flow = fields.String(
        required=True, validate=NAME, metadata={"description": "Its name in reports and links; never changes"}
    )
    name = fields.String(
        required=True, validate=validate.Length(1, 120), metadata={"description": "Its name for people"}
    )
    note = fields.String(metadata={"description": "A remark for colleagues; changes nothing"})
    about = fields.Nested(AboutSchema, metadata={"description": "For colleagues; changes nothing"})
    tags = fields.List(fields.String(validate=NAME), metadata={"description": "What other flows name in not_while_in"})
    trigger = fields.Nested(TriggerSchema, required=True, metadata={"description": "What starts it"})
    audience = ConditionField(metadata={"description": "Only people for whom this holds"})
    reentry = ReentryField(
        metadata={"description": "never (the default), always, or {after: 30d}: may somebody enter again?"}
    )
    priority = fields.Integer(
        strict=True,
        validate=validate.Range(0, 100),
        metadata={"description": "Who goes first when several flows want to write; 50 by default"},
    )
    cap = fields.String(
        validate=validate.OneOf(["count", "own", "exempt"]),
        metadata={
            "description": "count (the default): the shop's frequency cap counts and limits its messages; "
            "own: counts them, but only the flow's own plan limits them; exempt: neither"
        },
    )
    goal = fields.Nested(GoalSchema, metadata={"description": "What ends it as a success"})
    exit = fields.List(EventField(), metadata={"description": "The events that end it at once"})
    not_while_in = fields.List(
        fields.String(validate=NAME), metadata={"description": "Not while in a flow with one of these tags"}
    )
    hold_after_purchase = HoldField(
        metadata={
            "description": "No marketing that soon after an order; none switches it off. 7d by default, "
            "none where the trigger is about buying"
        }
    )
    hold_out = fields.Integer(
        strict=True,
        validate=validate.Range(1, 90),
        metadata={"description": "Per cent of people kept out, to measure what the flow is worth"},
    )
    steps = fields.List(
        fields.Raw(),
        required=True,
        validate=validate.Length(min=1, error="a flow needs at least one step"),
        metadata={"description": "What happens, in order"},
    )
    messages = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(MessageSpecSchema),
        metadata={"description": "Filled in from the files in messages/; leave it out"},
    )
