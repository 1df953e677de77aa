"""Coupons in a flow: which messages show one, and that its code is still good when they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.durations import LONGEST
from flows.core.model import Effect, FlowVersion, MessageSpec, Step
from flows.core.problems import Finder, Path
from flows.core.steps.coupon import FIELDS, Coupon
from flows.core.steps.until import TRIGGER, Offset
from flows.core.steps.wait import For, longest

Messages = Mapping[str, MessageSpec]
_NONE = timedelta(0)
_DAY = timedelta(days=1, hours=1)


def fields_of(names: Iterable[str]) -> frozenset[str]:
    """What conditions may ask of coupons with these names."""
    return frozenset(f"coupon.{name}.{field}" for name in names for field in FIELDS)


def lead(flow: FlowVersion, step: str) -> timedelta:
    """How long after this coupon step was reached the first message that shows its code may leave, at the latest.

    Counted with all that may hold it up: waits, the time that messages before it may take, its own deadline.
    """
    name, messages = flow.steps[step].config.name, flow.messages
    soonest = _soonest(flow.steps, flow.first)

    def late(one: Step) -> timedelta:
        shown = _message(one, messages)
        return _waits(one, soonest) + (shown.deadline if shown else _NONE)

    firsts = _reached(flow.steps, step, late, lambda one: _shows(one, name, messages))
    return max(
        (after + late(flow.steps[one]) for one, after in firsts.items() if _shows(flow.steps[one], name, messages)),
        default=_NONE,
    )


def supposed(flow: FlowVersion, effect: Effect, sign: str, now: datetime) -> dict[str, Any]:
    """What a coupon step would be told of a code of the person's own that was made now (flows/actions/coupon.py).
    ``sign``: how the code ends; one of a pool begins with the pool's name."""
    step: Coupon = flow.steps[effect.step].config
    terms = (effect.data or {}).get("terms", {})
    code = "-".join(part for part in (step.prefix or (step.pool or "").upper(), sign) if part)
    ends_at = now + lead(flow, effect.step) + step.valid if step.valid else None
    worth = {name: terms.get(name) for name in ("percent", "amount", "minimum")}
    return {"code": code, **worth, "ends_at": ends_at.isoformat() if ends_at else None}


def check(
    first: str | None, steps: Mapping[str, Step], paths: Mapping[str, Path], messages: Messages, finder: Finder
) -> None:
    """Coupons that a message shows are made in this flow, and a message that leaves on time does so before the code
    ends. One that is late finds that out when it is about to leave."""
    made = {step.config.name for step in steps.values() if isinstance(step.config, Coupon)}
    soonest = _soonest(steps, first)
    for step in steps.values():
        shown = _message(step, messages)
        for name in sorted(set(shown.coupons if shown else ()) - made):
            finder.add(
                (*paths[step.id], step.kind),
                f"The message shows the coupon “{name}”, which no step makes",
                f"Add a step coupon with as: {name}, before it",
            )
        if isinstance(step.config, Coupon) and step.config.valid is not None:
            _check_end(step, step.config, step.config.valid, steps, soonest, paths, messages, finder)


def _check_end(
    step: Step,
    coupon: Coupon,
    valid: timedelta,
    steps: Mapping[str, Step],
    soonest: Mapping[str, timedelta],
    paths: Mapping[str, Path],
    messages: Messages,
    finder: Finder,
) -> None:
    def waits(one: Step) -> timedelta:
        return _waits(one, soonest)

    def shows(one: Step) -> bool:
        return _shows(one, coupon.name, messages)

    # Another step of the same name brings another code.
    def ends(one: Step) -> bool:
        return isinstance(one.config, Coupon) and one.config.name == coupon.name

    firsts = [one for one in _reached(steps, step.id, waits, shows) if shows(steps[one])]
    for first in firsts:
        for later, after in _reached(steps, first, waits, ends).items():
            if shows(steps[later]) and after >= valid:
                finder.add(
                    (*paths[later], steps[later].kind),
                    f"The message shows the code of “{coupon.name}” when it has ended: it leaves so long after the"
                    f" first one that shows it ({_days(after)}), and the code is valid for {_days(valid)}",
                    "Make the code valid for longer",
                )
                return


def _reached(
    steps: Mapping[str, Step], start: str, takes: Callable[[Step], timedelta], stops: Callable[[Step], bool]
) -> dict[str, timedelta]:
    """The steps behind `start` and how long after it each begins at the latest, not looking behind those that stop."""
    found: dict[str, timedelta] = {}
    todo = [(after, _NONE) for after in steps[start].ports.values()]
    while todo:
        at, waited = todo.pop()
        # A way round would grow for ever.
        if at is None or waited > LONGEST or waited <= found.get(at, -LONGEST):
            continue
        found[at] = waited
        if not stops(steps[at]):
            todo += [(after, waited + takes(steps[at])) for after in steps[at].ports.values()]
    return found


def _soonest(steps: Mapping[str, Step], first: str | None) -> dict[str, timedelta]:
    """How long after the fact that started the flow each step is reached at the earliest."""
    found: dict[str, timedelta] = {}
    todo = [(first, _NONE)]
    while todo:
        at, after = todo.pop()
        if at is None or after >= found.get(at, LONGEST):
            continue
        found[at] = after
        match steps[at].config:
            case For(span=span):
                after += span
            case Offset(span=span, anchor=anchor, at=by_clock) if anchor == TRIGGER:
                # Of so many days by the calendar one may be half over.
                after = max(after, span if by_clock is None else span - _DAY)
        todo += [(port, after) for port in steps[at].ports.values()]
    return found


def _waits(step: Step, soonest: Mapping[str, timedelta]) -> timedelta:
    """How long the flow stays here at most."""
    if step.kind != "wait":
        return _NONE
    span = longest(step.config)
    # Counted from the trigger a part of it has passed already.
    from_trigger = isinstance(step.config, Offset) and step.config.anchor == TRIGGER
    return max(span - soonest.get(step.id, _NONE), _NONE) if from_trigger else span


def _message(step: Step, messages: Messages) -> MessageSpec | None:
    """What this step sends, None for a step of another kind."""
    return messages.get(getattr(step.config, "message", ""))


def _shows(step: Step, name: str, messages: Messages) -> bool:
    shown = _message(step, messages)
    return shown is not None and name in shown.coupons


def _days(span: timedelta) -> str:
    hours = round(span.total_seconds() / 3600)
    return f"{hours // 24} days" if hours % 24 == 0 and hours else f"{hours} hours"
