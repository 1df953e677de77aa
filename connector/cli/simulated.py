"""What came of a simulation, in lines for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flows.content.problems import ContentProblem
from flows.content.render import Rendered
from flows.engine import story
from flows.simulator.record import Line, Record, Sent
from flows.simulator.report import in_all
from flows.simulator.writing import Draft

_UNTOLD = frozenset({"message_wanted", "action_wanted"})
"""What follows at once."""


def moments(record: Record, start: datetime) -> Iterator[list[str]]:
    """The lines of each moment at which something was decided, in the order of time."""
    entries: list[tuple[datetime, int, str]] = [
        (line.at, 0, text) for line in record.lines if (text := _said(line)) is not None
    ]
    # The trail of a moment says first what was wanted; what has left, and what it looked like, stands behind it.
    entries += [(sent.at, 1, f"SENT {sent.channel} {sent.flow}/{sent.message}{_about(sent)}") for sent in record.sent]
    entries.sort(key=lambda entry: entry[:2])
    for at, found in groupby(entries, key=lambda entry: entry[0]):
        yield [f"{after(at - start):>12}  {at:%a %Y-%m-%d %H:%M} UTC", *(f"{'':14}{text}" for _, _, text in found)]


def _said(line: Line) -> str | None:
    if line.code == "happened":
        return f"HAPPENS {line.detail['event']}"
    if line.code in _UNTOLD:
        return None
    told = story.decided(line)
    return told.text if told else None


def _about(sent: Sent) -> str:
    """How it begins, where it was kept."""
    if not isinstance(sent.written, Draft):
        return ""
    try:
        finished = sent.written.finish()
    except ContentProblem as problem:
        return f": cannot be written ({problem.sentence})"
    shown = finished.subject if isinstance(finished, Rendered) else getattr(finished, "text", finished)
    return f": {shown.splitlines()[0]}"


def after(span: timedelta) -> str:
    """``+1d 2h 30m``."""
    minutes = int(span.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return "+" + (" ".join(f"{many}{unit}" for many, unit in parts if many) or "0m")


def in_short(record: Record) -> str:
    held = sum(1 for one in record.held if one.until is None)
    put_off = len(record.held) - held
    ended = ", ".join(f"{one.flow} {one.outcome}" for one in record.ended) or "none"
    return f"{len(record.sent)} sent, {held} skipped, {put_off} put off; flows that ended: {ended}."


def as_json(record: Record, start: datetime) -> dict[str, Any]:
    """One person's, with moments as ISO 8601 and as seconds since the start."""

    def when(at: datetime) -> dict[str, Any]:
        return {"at": at.isoformat(), "after_seconds": int((at - start).total_seconds())}

    return {
        "sent": [
            {**when(one.at), "flow": one.flow, "step": one.step, "message": one.message, "channel": one.channel}
            for one in record.sent
        ],
        "held": [
            {
                **when(one.at),
                "flow": one.flow,
                "message": one.message,
                "channel": one.channel,
                "reason": one.reason,
                "until": one.until.isoformat() if one.until else None,
                "detail": one.detail,
            }
            for one in record.held
        ],
        "done": [
            {**when(one.at), "flow": one.flow, "action": one.action, "data": one.data, "result": one.result}
            for one in record.done
        ],
        "ended": [{**when(one.at), "flow": one.flow, "outcome": one.outcome} for one in record.ended],
        "trail": [
            {**when(one.at), "flow": one.flow, "step": one.step, "code": one.code, "detail": one.detail}
            for one in record.lines
        ],
    }


def tables(told: Mapping[str, Any]) -> Iterator[str]:
    """A report (flows.simulator.report) of many people."""
    most = told["most_emails_to_one_person"]
    yield f"{told['people']:,} people, {told['days']} days, seed {told['seed']}: {in_all(told):,} messages"
    yield f"to {told['written_to']:,} of them."
    yield f"At most {most['in_a_day']} emails to one of them on a day, and {most['in_a_week']} in 7 days."
    for name, flow in told["flows"].items():
        yield ""
        yield f"{name}: {flow['entered']:,} entered, {flow['goal_reached']:,} reached the goal"
        yield from (f"  {message:<28} {many:>7,} sent" for message, many in flow["sent"].items())
        yield from (f"  {one['message']:<28} {one['times']:>7,} {one['how']}: {one['reason']}" for one in flow["held"])
        yield from (f"  {action:<28} {many:>7,} done" for action, many in flow["done"].items())
        yield from (
            f"  {one['message']:<28} {one['times']:>7,} would be held by the shop's rules (cap: count): {one['reason']}"
            for one in flow["cap_would_hold"]
        )
        yield from (f"  {code:<28} {many:>7,} not let in" for code, many in flow["not_let_in"].items())
    yield ""
    yield "The gate, over all flows:"
    yield from (
        f"  {reason:<28} {many['put off']:>7,} put off {many['skipped']:>7,} skipped"
        for reason, many in told["gate"].items()
    )
    if told["busiest_day"]:
        yield f"Busiest day: {told['busiest_day']['day']} with {told['busiest_day']['messages']:,} messages."
    speed = told["speed"]
    yield f"{told['stimuli']:,} stimuli in {speed['seconds']} s: {speed['stimuli_per_second']:,} a second."
