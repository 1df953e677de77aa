"""What was found, told by stretches of time: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sync.reconcile.kinds import KINDS

# Changes further apart than this belong to two stretches.
APART = timedelta(minutes=30)
# A stretch begins and ends on the clock's tens of minutes, in seconds.
_GRID = 600


@dataclass
class Count:
    """Records of one kind: ``missed``, ``behind`` or ``gone``, and what became of them."""

    missed: int = 0
    behind: int = 0
    gone: int = 0
    repaired: int = 0
    failed: int = 0

    def add(self, finding: str, state: str) -> None:
        """``finding`` and ``state`` as in the table ``gaps``; what is open still is failed."""
        setattr(self, finding, getattr(self, finding) + 1)
        end = "repaired" if state == "repaired" else "failed"
        setattr(self, end, getattr(self, end) + 1)


@dataclass
class Stretch:
    """From ``begin`` to ``end`` these records were missed, {kind: Count}; ``messages``: {expired, delayed, late}."""

    begin: datetime
    end: datetime
    records: dict[str, Count] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As ``gap_reports.findings`` keeps it, kinds by their words."""
        return {
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "records": {KINDS[kind].words[1]: vars(count) for kind, count in self.records.items()},
            "messages": self.messages,
        }


@dataclass(frozen=True)
class Found:
    """A row of ``gaps``."""

    kind: str
    finding: str
    changed_at: datetime
    state: str


def stretches(found: Sequence[Found]) -> list[Stretch]:
    """What deliveries did not tell, by the stretches of time in which the store changed it. What is gone has no time at
    which the store deleted it, and is in none."""
    made: list[Stretch] = []
    newest: datetime | None = None
    for one in sorted((one for one in found if one.finding != "gone"), key=lambda one: one.changed_at):
        if newest is None or one.changed_at - newest > APART:
            made.append(Stretch(_down(one.changed_at), one.changed_at))
        newest = one.changed_at
        # Of one moment on the grid it has to be something, too.
        made[-1].end = max(_up(newest), made[-1].begin + timedelta(seconds=_GRID))
        made[-1].records.setdefault(one.kind, Count()).add(one.finding, one.state)
    return made


def totals(found: Sequence[Found]) -> dict[str, Count]:
    """{kind: what was found of it}."""
    counts: dict[str, Count] = {}
    for one in found:
        counts.setdefault(one.kind, Count()).add(one.finding, one.state)
    return counts


def _down(at: datetime) -> datetime:
    return at - timedelta(seconds=at.timestamp() % _GRID)


def _up(at: datetime) -> datetime:
    return at + timedelta(seconds=-at.timestamp() % _GRID)


def sentences(findings: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    """What ``gap_reports.findings`` holds, in words and in the shop's time."""
    said = [_stretch(one, zone) for one in findings.get("stretches", ())]
    for name, count in _in_order(findings.get("records", {})):
        if count["gone"]:
            are = "is" if count["gone"] == 1 else "are"
            said.append(f"{_many(count['gone'], name)} deleted in the store and {are} gone here now.")
    return said


def _stretch(one: Mapping[str, Any], zone: ZoneInfo) -> str:
    begin, end = (datetime.fromisoformat(one[name]).astimezone(zone) for name in ("from", "to"))
    until = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    messages = one["messages"]
    told = [_messages(messages["expired"], "expired")]
    told += [f"{messages['delayed']} left late and in time"] if messages["delayed"] else []
    told.append(f"{messages['late']} sent late")
    parts = [_records(name, count) for name, count in _in_order(one["records"])]
    return f"{begin:%Y-%m-%d %H:%M}-{until}: {'; '.join([*parts, ', '.join(told)])}."


def _in_order(records: Mapping[str, Any]) -> list[tuple[str, Any]]:
    names = [kind.words[1] for kind in KINDS.values()]
    return [(name, records[name]) for name in names if name in records]


def _records(name: str, count: Mapping[str, int]) -> str:
    said = [f"{_many(count['missed'], name)} missed"] if count["missed"] else []
    if count["behind"]:
        said.append(f"{count['behind']} were out of date" if said else f"{_many(count['behind'], name)} out of date")
    failed = f", {count['failed']} could not be" if count["failed"] else ""
    return f"{' and '.join(said)}, {count['repaired']} repaired{failed}"


def _many(number: int, name: str) -> str:
    one = next(kind.words[0] for kind in KINDS.values() if kind.words[1] == name)
    return f"1 {one} was" if number == 1 else f"{number} {name} were"


def _messages(number: int, became: str) -> str:
    return f"1 message {became}" if number == 1 else f"{number} messages {became}"
