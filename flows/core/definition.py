"""The shape of a flow file, as marshmallow schemas. Steps have their own schemas in `flows.core.steps`."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from flows.core.cap_entries import CapsSchema
from flows.core.entries import (
    NAME,
    ConditionField,
    DurationField,
    EventField,
    HoldField,
    PathField,
    ReentryField,
    StepsField,
)
from flows.core.experiment_entries import WholeFlowTestSchema
from flows.core.leaving import ExitField, RestartSchema
from flows.core.schedule_entries import FIELDS as SCHEDULE_FIELDS


class _TriggerSchema(Schema):
    on = EventField(required=True, metadata={"description": "The event that starts the flow"})
    after = DurationField(metadata={"description": "The signal's own threshold, not a further wait"})
    key = PathField(metadata={"description": "What tells two runs of one person apart"})
    where = ConditionField(metadata={"description": "Only events for which this holds"})


class TriggerSchema(_TriggerSchema):
    every, day, date, at, zone, exact, deadline = SCHEDULE_FIELDS.values()


class GoalSchema(Schema):
    on = EventField(required=True, metadata={"description": "The event that the flow is for"})
    match = PathField(metadata={"description": "A field that must be the same as in the trigger"})
    within = DurationField(required=True, metadata={"description": "How long after entering it still counts"})
    metric = fields.String(metadata={"description": "The one figure that tells whether it works, e.g. recovery rate"})
    target = fields.String(metadata={"description": "What that figure is to be, e.g. 10 %"})
    audience = fields.String(metadata={"description": "Whose behaviour it is to change, in words"})


class AboutSchema(Schema):
    purpose = fields.String(metadata={"description": "What it is for"})
    assumptions = fields.String(metadata={"description": "What it takes for granted"})
    owner = fields.String(metadata={"description": "Who answers for it"})
    reviewed = fields.Date(format="iso", metadata={"description": "When somebody last went through it"})
    refresh = fields.Date(format="iso", metadata={"description": "When its messages are to be made new"})
    naming = fields.String(metadata={"description": "How messages and variants are named here"})
    instead_of = fields.List(
        fields.String(validate=NAME),
        metadata={"description": "Flows whose place it takes: only one of them is meant to be active"},
    )
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
            "description": "count (the default): the shop's frequency caps limit its messages; own: only its own "
            "plan does; exempt: nothing does. In all three its messages count, so that other flows give way"
        },
    )
    caps = fields.Nested(
        CapsSchema, metadata={"description": "Its own plan: at most so many messages to one person, by channel"}
    )
    goal = fields.Nested(GoalSchema, metadata={"description": "What ends it as a success"})
    exit = fields.List(ExitField(), metadata={"description": "The events that end it at once"})
    limit = DurationField(metadata={"description": "Nobody stays in it for longer"})
    restart = fields.Nested(RestartSchema, metadata={"description": "What makes it begin anew for those inside"})
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
    test = fields.Nested(
        WholeFlowTestSchema, metadata={"description": "Several flows share the people of one trigger; this is one arm"}
    )
    steps = StepsField(
        required=True,
        validate=validate.Length(min=1, error="a flow needs at least one step"),
        metadata={"description": "What happens, in order"},
    )
    messages = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(MessageSpecSchema),
        metadata={"description": "Filled in from the files in messages/; leave it out"},
    )
