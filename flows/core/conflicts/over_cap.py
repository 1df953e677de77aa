"""A flow that means to send one person more than the shop's frequency cap, or its own, lets through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flows.core.conflicts.conflict import Clash, Conflict, Shelf
from flows.core.lints.lint import Subject
from flows.core.model import Limit
from flows.core.plans import Sending

SAME_DAY = timedelta(hours=12)
"""What is not further apart is on one day as a rule."""


@dataclass(frozen=True, slots=True)
class _Most:
    """The fullest stretch of a flow: what leaves in it, the first message too many, and how long it takes."""

    sendings: tuple[Sending, ...]
    extra: Sending
    took: timedelta


def look(shelf: Shelf) -> Iterator[Clash]:
    for subject in shelf.subjects:
        flow = subject.flow
        for limit in _limits(subject, shelf):
            own = limit in flow.caps
            # A flow with a plan of its own is not held to the shop's cap, and is still worth looking at.
            planned = not own and flow.cap != "count"
            most = _most(subject, limit)
            if most is None:
                continue
            whose = "its own cap" if own else "the shop's cap"
            sentence = (
                f"It sends {len(most.sendings)} {_called(limit)} within {_said(most.took)}; {whose} is"
                f" {limit.count} {'a day' if limit.days is None else f'in {limit.days} days'}"
            )
            extra = most.extra.message.name
            if planned:
                todo = f"This is what “cap: {flow.cap}” says; other flows wait until there is room again"
            else:
                todo = f"“{extra}” is put off until there is room, or left out: send fewer, or further apart"
            yield Clash(flow.flow, subject.where(most.extra.step), sentence, todo, planned=planned)


def _limits(subject: Subject, shelf: Shelf) -> list[Limit]:
    """Those that some message of the flow counts in, each once."""
    channels = {message.channel for message in subject.flow.messages.values() if message.purpose == "marketing"}
    found = [limit for channel in sorted(channels) for limit in shelf.caps.get(channel, ())]
    found += [limit for limit in subject.flow.caps if limit.channel is None or limit.channel in channels]
    return list(dict.fromkeys(found))


def _most(subject: Subject, limit: Limit) -> _Most | None:
    """The fullest stretch of all ways, None when the limit holds on all of them."""
    span = SAME_DAY if limit.days is None else timedelta(days=limit.days)
    found: _Most | None = None
    for way in subject.plan.ways:
        counted = [s for s in way.sendings if s.message.purpose == "marketing" and limit.binds(s.message.channel)]
        for n, first in enumerate(counted):
            within = _within(counted[n:], first.at + span)
            if len(within) > limit.count and (found is None or len(within) > len(found.sendings)):
                found = _Most(tuple(within), within[limit.count], within[-1].at - first.at)
    return found


def _within(sendings: Sequence[Sending], until: timedelta) -> list[Sending]:
    return [sending for sending in sendings if sending.at < until]


def _called(limit: Limit) -> str:
    return {"email": "emails", "sms": "texts", "whatsapp": "WhatsApp messages", "push": "pushes"}.get(
        limit.channel or "", "messages"
    )


def _said(span: timedelta) -> str:
    if not span:
        return "one moment"
    hours = -(-span // timedelta(hours=1))
    return f"{hours} h" if hours < 48 else f"{-(-hours // 24)} days"


OVER_CAP = Conflict("over_cap", __doc__, look)
