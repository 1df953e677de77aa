"""An explanation (flows.engine.explaining) in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from flows.core.remedies import NEVER
from flows.core.wants import shown
from flows.engine.explaining.explanation import Check, Explanation, Inside, Message, Rule

_MARKS = {True: "ok", False: "NO", None: "open"}


def lines(told: Explanation) -> Iterator[str]:
    """All of it: where they stand, what might let them in, what they are and would be sent, what was decided."""
    by = "by the connector" if told.mode == "native" else "by an automation at Brevo"
    yield f"{told.name} ({told.flow}, version {told.version}, {told.status}, run {by}) and person {told.person_id},"
    yield f"at {_moment(told.at)} UTC"
    yield ""
    yield f"{told.standing.upper()}. {told.sentence}"
    if told.standing == "would not enter":
        yield from (f"  {sentence}" for sentence in _what_would_change(told))
    yield from _trigger(told)
    yield ""
    yield (
        f"If {told.trigger} happened now:"
        if told.supposed is None
        else f"If {told.supposed} happened now as it last did:"
    )
    for rule in told.rules:
        yield from _rule(rule)
    for inside in told.inside:
        yield from _inside(inside)
    if told.if_entered:
        yield ""
        yield "If they entered now, with what is known now:"
        yield from _messages(told.if_entered)
    if told.trail:
        yield ""
        yield "What was decided so far:"
        for line in told.trail:
            yield f"  {_moment(line.at)}  {line.text}"


def brief(told: Explanation) -> str:
    """One line."""
    change = f" {_what_would_change(told)[0]}" if told.standing == "would not enter" and told.changes else ""
    if told.inside:
        one = told.inside[0]
        change = f" On {one.step}, waiting for {' or '.join(one.waits_for)}." if one.waits_for else ""
    elif len(told.changes) > 1 and change.endswith(":"):
        change += f" {' and '.join(told.changes)}."
    return f"{told.flow:<24} {told.standing:<16} {told.sentence}{change}"


def _what_would_change(told: Explanation) -> list[str]:
    """Sentences; where something is beyond change, that alone."""
    for change in told.changes:
        if change.startswith(NEVER):
            return [_would(change)]
    if len(told.changes) < 2:
        return [_would(change) for change in told.changes]
    return ["It would change when all of this is so:", *(f"- {change}" for change in told.changes)]


def _would(change: str) -> str:
    if change.startswith(NEVER):
        return f"Nothing would change it{change.removeprefix(NEVER)}."
    return f"It would change when {change}."


def _trigger(told: Explanation) -> Iterator[str]:
    yield ""
    yield f"What lets people in is {told.trigger}:"
    for one in told.happened:
        why = f": {one.sentence}" if one.sentence else ""
        yield f"  {_moment(one.at)}  {one.event} {one.became}{why}"
    if not told.happened:
        yield "  it has not happened to them"
    for clock in told.clocks:
        about = f" ({clock.key})" if clock.key else ""
        yield f"  {_moment(clock.due_at)}  its clock{about} rings; it then looks whether it is still so"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"  {rule.rule:<12} {_MARKS[rule.holds]:<5} {rule.sentence}".rstrip()
    for leaf in rule.leaves:
        yield f"{'':<21}{leaf.text}: {leaf.truth} ({leaf.why or 'it is ' + shown(leaf.fact)})"
    if rule.holds is not True and rule.change:
        yield f"{'':<21}{_would(rule.change['sentence'])}"


def _inside(inside: Inside) -> Iterator[str]:
    yield ""
    about = f", for {inside.key}" if inside.key else ""
    yield f"Inside since {_moment(inside.entered_at)} (version {inside.version}{about}), on the step {inside.step}:"
    for wait in inside.waits_for:
        yield f"  waits for {wait}"
    yield f"  is over at once with {', '.join(inside.ends_on) or 'nothing but its end'}"
    yield from _messages(inside.messages)
    if inside.after_that:
        yield f"  after that: {inside.after_that}"


def _messages(messages: Iterable[Message]) -> Iterator[str]:
    """The first with every check, those behind it with what speaks against them."""
    for n, message in enumerate(messages):
        until = f" until {_moment(message.until)}" if message.until else ""
        why = f" ({message.reason})" if message.reason else ""
        yield f"  {_moment(message.at)}  {message.channel} {message.message}: {message.verdict}{until}{why}"
        for sentence in message.standing:
            yield f"      {sentence}"
        for check in message.checks:
            if n == 0 or check.reason:
                yield from _check(check)


def _check(check: Check) -> Iterator[str]:
    yield f"      {check.check:<16} {check.verdict:<9} {check.sentence or _inputs(check.inputs)}".rstrip()
    if check.reason:
        inputs = _inputs(check.inputs)
        if inputs:
            yield f"{'':<33}{inputs}"
        if check.change:
            yield f"{'':<33}{_would(check.change['sentence'])}"


def _inputs(inputs: Mapping[str, Any]) -> str:
    told = (
        f"{name.replace('_', ' ')} {_value(value)}" for name, value in inputs.items() if value not in (None, [], "")
    )
    return ", ".join(told)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_value(one)}" for name, one in value.items() if one is not None)
    if isinstance(value, list):
        return "; ".join(_value(one) for one in value)
    return shown(value)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
