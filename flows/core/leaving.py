"""How a flow file says when somebody leaves: exit rules, beginning anew, the longest stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from flows.core import conditions
from flows.core.entries import NAME, ConditionField, EventField, PathField, TextOr
from flows.core.model import Exit, MessageSpec, Restart
from flows.core.problems import Finder, suggestion
from flows.core.vocabulary import UNSUBSCRIBED, event_named


class ExitSchema(Schema):
    on = EventField(required=True, metadata={"description": "The event that ends it"})
    where = ConditionField(metadata={"description": "Only if this holds of that event"})
    match = PathField(metadata={"description": "A field that must be the same as in the trigger"})
    move_to = fields.String(validate=NAME, metadata={"description": "The flow that the person is put into instead"})


class ExitField(TextOr):
    """The name of an event, or a group that says more of it; read as an Exit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            lambda: ExitSchema(unknown=RAISE),
            text=EventField(),
            wrong="write an event such as order_placed, or for example {on: message_clicked, where: {...}}",
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Exit:
        if isinstance(value, str):
            return Exit(EventField().deserialize(value))
        found = super()._deserialize(value, attr, data, partial, **kwargs)
        return Exit(found["on"], found.get("where"), found.get("match"), found.get("move_to"))


class RestartSchema(Schema):
    on = fields.List(
        EventField(),
        required=True,
        validate=validate.Length(min=1, error="name at least one event"),
        metadata={"description": "The events with which it begins anew"},
    )
    when_different = PathField(
        metadata={"description": "Only when this field is another than the one that it began with"}
    )


def exits(loaded: Mapping[str, Any], messages: Mapping[str, MessageSpec]) -> tuple[Exit, ...]:
    """The exit rules. A flow that sends nothing but marketing by one channel has nothing more to say to somebody who
    does not want to be written to there, whether it lists that or not."""
    rules: tuple[Exit, ...] = tuple(loaded.get("exit", ()))
    kinds = {(message.channel, message.purpose) for message in messages.values()}
    one_channel = len(kinds) == 1 and all(purpose == "marketing" for _, purpose in kinds)
    if one_channel and all(rule.on != UNSUBSCRIBED for rule in rules):
        rules += (Exit(UNSUBSCRIBED),)
    return rules


def restart(loaded: Mapping[str, Any]) -> Restart | None:
    """What the loaded file says of beginning anew."""
    found = loaded.get("restart")
    return Restart(tuple(found["on"]), found.get("when_different")) if found else None


def check(loaded: Mapping[str, Any], finder: Finder) -> None:
    """Exit rules ask for what their event carries; what begins a run anew carries what tells runs apart."""
    if any(path[:1] in (("exit",), ("restart",)) for path in finder.places):
        # Only what was read as a whole can be held against the events.
        return
    rules: list[Exit] = loaded.get("exit", [])
    for n, rule in enumerate(rules):
        path = ("exit", n)
        if any(one.on == rule.on and one.where is None and one.match is None for one in rules[:n]):
            finder.add(
                path, f"Never asked: “{rule.on}” has ended it by the rule above", "Put this rule first, or drop it"
            )
        for leaf in conditions.leaves(rule.where) if rule.where else ():
            if not leaf.field.startswith("event."):
                said = f"“{leaf.field}”: an exit rule asks about its event only"
                finder.add((*path, "where"), said, "Use a when in the steps for what is known of the person")
            else:
                _carried((*path, "where"), rule.on, leaf.field, finder)
        if rule.match is not None:
            _carried((*path, "match"), rule.on, rule.match, finder)
            _carried((*path, "match"), loaded["trigger"]["on"], rule.match, finder)
    again = loaded.get("restart")
    if not again:
        return
    key, different = loaded["trigger"].get("key"), again.get("when_different")
    for n, name in enumerate(again["on"]):
        for asked in (key, different):
            if asked is not None:
                _carried(("restart", "on", n), name, asked, finder)
        if any(rule.on == name and rule.where is None and rule.match is None for rule in rules):
            said = f"“{name}” ends the flow, so it cannot begin it anew"
            finder.add(("restart", "on", n), said, "Leave it out of one of them")


def _carried(path: tuple[str | int, ...], name: str, field: str, finder: Finder) -> None:
    event = event_named(name)
    props = event.props if event else {}
    if props and field.split(".")[1] not in props:
        finder.add(path, f"“{name}” does not carry “{field}”", suggestion(field, [f"event.{one}" for one in props]))
