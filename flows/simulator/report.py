"""What came of a simulation, added up: who got what when, what the gate stopped and why, and the load of each day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flows.core.calendar import zone
from flows.simulator.record import Record, Sent

WEEK = timedelta(days=7)


@dataclass
class Flow:
    """``refused``: why people did not enter. ``sent``: by message. ``held``: by message, reason, and whether it was put
    off or skipped; the reason of one that would have come too late is what kept it so long. ``would_wait``: by message
    and reason, what of ``sent`` the shop's caps would have held.
    """

    entered: int = 0
    goals: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    held: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    would_wait: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)


@dataclass
class Report:
    """Of people whose days are those of the zone ``timezone``. ``load``: by day and channel. ``most_in_a_day`` and
    ``most_in_a_week``: emails to one person on one day, and in any seven times 24 hours."""

    timezone: str
    people: int = 0
    written_to: int = 0
    stimuli: int = 0
    asked: int = 0
    most_in_a_day: int = 0
    most_in_a_week: int = 0
    flows: dict[str, Flow] = field(default_factory=lambda: defaultdict(Flow))
    load: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, record: Record) -> None:
        """What became of one more person."""
        self.people += 1
        self.written_to += bool(record.sent)
        self.stimuli += record.stimuli
        self.asked += record.asked
        for name, many in record.entered.items():
            self.flows[name].entered += many
        for name, many in record.goals.items():
            self.flows[name].goals += many
        for (name, code), many in record.refused.items():
            self.flows[name].refused[code] += many
        for sent in record.sent:
            self._sent(sent)
        for held in record.held:
            what = "put off" if held.until else "skipped"
            self.flows[held.flow].held[held.message, held.because, what] += 1
        for done in record.done:
            self.flows[done.flow].done[done.action] += 1
        for ended in record.ended:
            self.flows[ended.flow].ended[ended.outcome] += 1
        emails = [one.at for one in record.sent if one.channel == "email"]
        days = Counter(self._day(at) for at in emails)
        self.most_in_a_day = max(self.most_in_a_day, *days.values(), 0)
        for n, at in enumerate(emails):
            within = sum(1 for other in emails[n:] if other < at + WEEK)
            self.most_in_a_week = max(self.most_in_a_week, within)

    def _sent(self, sent: Sent) -> None:
        flow = self.flows[sent.flow]
        flow.sent[sent.message] += 1
        self.load[self._day(sent.at)][sent.channel] += 1
        if sent.would_wait:
            flow.would_wait[sent.message, sent.would_wait] += 1

    def _day(self, at: datetime) -> str:
        return at.astimezone(zone(self.timezone)).date().isoformat()

    def gate(self) -> dict[str, dict[str, int]]:
        """By reason, how many messages were put off and how many skipped, of all flows."""
        found: dict[str, dict[str, int]] = {}
        for flow in self.flows.values():
            for (_, reason, what), many in flow.held.items():
                one = found.setdefault(reason, {"put off": 0, "skipped": 0})
                one[what] += many
        return dict(sorted(found.items(), key=lambda pair: -sum(pair[1].values())))

    def busiest(self) -> tuple[str, int] | None:
        """The day with the most messages."""
        return max(((day, sum(many.values())) for day, many in self.load.items()), key=lambda one: one[1], default=None)

    def to_json(self) -> dict[str, Any]:
        busiest = self.busiest()
        return {
            "people": self.people,
            "written_to": self.written_to,
            "stimuli": self.stimuli,
            "gate_asked": self.asked,
            "most_emails_to_one_person": {"in_a_day": self.most_in_a_day, "in_a_week": self.most_in_a_week},
            "flows": {name: _flow(flow) for name, flow in sorted(self.flows.items())},
            "gate": self.gate(),
            "busiest_day": {"day": busiest[0], "messages": busiest[1]} if busiest else None,
            "load": {day: dict(sorted(many.items())) for day, many in sorted(self.load.items())},
        }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "entered": flow.entered,
        "goal_reached": flow.goals,
        "sent": dict(sorted(flow.sent.items())),
        "held": [
            {"message": message, "reason": reason, "how": what, "times": many}
            for (message, reason, what), many in sorted(flow.held.items())
        ],
        "cap_would_hold": [
            {"message": message, "reason": reason, "times": many}
            for (message, reason), many in sorted(flow.would_wait.items())
        ],
        "done": dict(sorted(flow.done.items())),
        "ended": dict(sorted(flow.ended.items())),
        "not_let_in": dict(sorted(flow.refused.items())),
    }


def in_all(told: Mapping[str, Any]) -> int:
    """How many messages left, by a report as JSON."""
    return sum(sum(flow["sent"].values()) for flow in told["flows"].values())
