"""What must hold of everything that reached one person, counted anew from the deliveries alone: the oracle of the caps.

Nothing of the product is used but its words for a message. Written from the promise: when a marketing email of a
`count` flow leaves, at most two other marketing emails of any flow reached that person in the 7 x 24 hours before;
a flow's own plan is never exceeded; and a `count` flow writes on no day on which another flow has written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flows.core.caps import Sent
from flows.core.gate import Defer, GateFacts, GateMessage, Rival, Send, Verdict

WEEK = timedelta(hours=7 * 24)


@dataclass(frozen=True)
class Delivery:
    """One message as it reached its person. ``cap``: what its flow says. They are given in the order in which they were
    let go: on the way one may overtake another by seconds."""

    flow: str
    channel: str
    cap: str
    at: datetime
    purpose: str = "marketing"


def over_the_cap(deliveries: Sequence[Delivery], others: int = 2, window: timedelta = WEEK) -> list[Delivery]:
    """Emails of `count` flows before which too many others came."""
    emails = [one for one in deliveries if (one.channel, one.purpose) == ("email", "marketing")]
    return [
        mail
        for number, mail in enumerate(emails)
        if mail.cap == "count" and sum(mail.at - before.at <= window for before in emails[:number]) > others
    ]


def beyond_a_day(deliveries: Sequence[Delivery], most: Mapping[str, int], where: ZoneInfo) -> list[object]:
    """(flow, day) on which a flow wrote more than its plan has for a day of the person's."""
    days = Counter((one.flow, one.at.astimezone(where).date()) for one in deliveries if one.purpose == "marketing")
    return [place for place, count in days.items() if count > most.get(place[0], count)]


def beyond_a_window(deliveries: Sequence[Delivery], most: Mapping[str, tuple[int, int]]) -> list[Delivery]:
    """Messages of flows with a plan of (count, days) with which more than ``count`` came within so many days."""
    ordered = [one for one in deliveries if one.purpose == "marketing"]
    return [
        last
        for number, last in enumerate(ordered)
        if last.flow in most
        and sum(
            one.flow == last.flow and last.at - one.at <= timedelta(hours=24 * most[last.flow][1])
            for one in ordered[: number + 1]
        )
        > most[last.flow][0]
    ]


def two_flows_on_a_day(deliveries: Sequence[Delivery], where: ZoneInfo) -> list[Delivery]:
    """Messages of `count` flows that came on a day on which another flow had written already."""
    ordered = [one for one in deliveries if one.purpose == "marketing"]
    return [
        later
        for number, later in enumerate(ordered)
        if later.cap == "count"
        and any(
            before.flow != later.flow and before.at.astimezone(where).date() == later.at.astimezone(where).date()
            for before in ordered[:number]
        )
    ]


Decide = Callable[[GateMessage, GateFacts, datetime], Verdict]


@dataclass(frozen=True)
class Wanted:
    """A message that becomes due so many minutes after the one before. ``late``: how many seconds after it was counted
    it reaches the person."""

    minutes: int
    flow: str
    channel: str = "email"
    purpose: str = "marketing"
    late: int = 0


def delivered(
    wanted: Sequence[Wanted],
    plans: Mapping[str, str],
    decide: Decide,
    facts: Callable[[str], GateFacts],
    begin: datetime,
    days: int = 60,
) -> list[Delivery]:
    """What reaches one person when these become due, one after the other, deferrals and rivals included.

    ``plans``: what each flow says for `cap`. ``facts``: what is known for a flow besides ledger and rivals.
    """
    moments = [begin + timedelta(minutes=sum(one.minutes for one in wanted[: n + 1])) for n in range(len(wanted))]
    waiting = [_asked(n, one, plans[one.flow], moments[n], days) for n, one in enumerate(wanted)]
    ledger: list[Sent] = []
    found: list[Delivery] = []
    while waiting:
        message = min(waiting, key=lambda one: (one.due_at, one.run_id))
        now = message.due_at
        waiting.remove(message)
        rivals = [
            Rival(other.priority, other.due_at, other.run_id, other.flow)
            for other in waiting
            # Only what has been wanted by now can be known.
            if moments[other.run_id.int] <= now and other.purpose == "marketing"
        ]
        verdict = decide(message, replace(facts(message.flow), ledger=tuple(ledger), rivals=rivals), now)
        if isinstance(verdict, Send):
            ledger.append(Sent(message.flow, message.run_id, message.channel, message.purpose, message.cap, now))
            left = now + timedelta(seconds=wanted[message.run_id.int].late)
            found.append(Delivery(message.flow, message.channel, message.cap, left.astimezone(UTC), message.purpose))
        elif isinstance(verdict, Defer):
            assert verdict.until > now, "a deferral to the past is asked again for ever"
            waiting.append(replace(message, due_at=verdict.until, deferrals=message.deferrals + 1))
    return found


def _asked(number: int, one: Wanted, plan: str, due_at: datetime, days: int) -> GateMessage:
    return GateMessage(
        flow=one.flow,
        run_id=UUID(int=number),
        channel=one.channel,
        purpose=one.purpose,  # type: ignore[arg-type]
        cap=plan,  # type: ignore[arg-type]
        priority=number % 3,
        due_at=due_at,
        deadline=due_at + timedelta(days=days),
    )
