"""Playing shipped flows in virtual time, for tests of the library.

::

    played = play("cart-recovery", at("0h", "checkout_updated"), at("30h", "order_placed"), until="10d")
    assert played.plan == [("1h", "reminder"), ("1d", "second-look")]

Happenings are facts of the event log by name and properties (docs/flows.md); what is left out is filled in: an order is
that of the open checkout, a parcel that of the last order, a click is of the last message. Signals derive themselves;
one may also be told by its own name. ``"-40d"`` is before the beginning, and a length of time in the place of a moment
(``expires_at=later("30d")``) counts from the happening.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from connector.simulation import surroundings
from flows.definition_files import FlowFolder, read_folder
from flows.simulator.cast import cast
from flows.simulator.happening import Happening
from flows.simulator.life import live
from flows.simulator.persona import persona
from flows.simulator.record import Record
from flows.simulator.script import BEGINNING, span
from flows.simulator.shopper import Shopper
from flows.simulator.surroundings import Surroundings
from flows.simulator.writing import Writing

START = BEGINNING
"""A Tuesday at ten in London, where shoppers live as long as nothing else is said."""
LIBRARY = Path(__file__).parents[2] / "flows" / "library"


Flow = str | Path | FlowFolder


@dataclass(frozen=True)
class Sent:
    """A message that the gate let through."""

    after: timedelta
    flow: str
    step: str
    message: str
    channel: str


@dataclass(frozen=True)
class Held:
    """A message that was skipped, or deferred: `until` then says until when, since the beginning."""

    after: timedelta
    flow: str
    message: str
    reason: str
    channel: str = ""
    until: timedelta | None = None


@dataclass(frozen=True)
class Done:
    """An action, or a change that a step makes: ``coupon``, ``tag``, ``task``, ``enter``, ``suppress``, ``score``."""

    after: timedelta
    action: str
    data: Mapping[str, Any]
    flow: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    flow: str
    outcome: str
    after: timedelta


@dataclass(frozen=True)
class Played:
    """``record``: all of it, as the simulator wrote it down. ``shopper``: the person as they were left."""

    sent: Sequence[Sent]
    held: Sequence[Held]
    done: Sequence[Done]
    runs: Sequence[Ended]
    record: Record
    shopper: Shopper

    @property
    def plan(self) -> list[tuple[str, str]]:
        """What left and when: ``[("1h", "reminder"), ("1d", "second-look")]``."""
        return [(say(one.after), one.message) for one in self.sent]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """How each run ended, in their order: ``[("welcome", "exit:order_placed")]``; a goal that also ends it is
        ``goal``."""
        return [(one.flow, one.outcome) for one in self.runs]

    def of(self, flow: str) -> list[tuple[str, str]]:
        """The plan of one flow alone."""
        return [(say(one.after), one.message) for one in self.sent if one.flow == flow]

    def by(self, channel: str) -> list[tuple[str, str]]:
        """The plan of one channel alone."""
        return [(say(one.after), one.message) for one in self.sent if one.channel == channel]

    def reasons(self, message: str) -> list[str]:
        """Why this message was held, each time."""
        return [one.reason for one in self.held if one.message == message]

    def trail(self, flow: str | None = None) -> list[tuple[str, str, str | None]]:
        """(after, code, step) of each line of the trail."""
        return [
            (say(line.at - START), line.code, line.step)
            for line in self.record.lines
            if flow is None or line.flow == flow
        ]

    def texts(self, n: int) -> Any:
        """The n-th message that left, rendered as it was then: ``subject``, ``preview``, ``html`` and ``text`` of an
        email, a text itself, ``text`` and ``params`` of WhatsApp. What no simulation knows (products, reviews ...) is
        that of the example. Raises ContentProblem."""
        return self.record.sent[n].written.finish()


def at(after: str, name: str, /, *, stranger: bool = False, historical: bool = False, **props: Any) -> Happening:
    """Something that happens so long after the beginning: ``at("30h", "order_placed", total="40.00")``. ``stranger``:
    to somebody else, so that it reaches the flows by its key alone."""
    return Happening(START + span(after), name, props, stranger, historical)


def later(text: str) -> timedelta:
    """A moment so long after the happening whose property it is."""
    return span(text)


def say(after: timedelta) -> str:
    """``1d``, ``1d 2h``, ``1h 30m``, ``0h``: days, hours and minutes; seconds are written out."""
    if after < timedelta(0):
        return f"-{say(-after)}"
    minutes, seconds = divmod(int(after.total_seconds()), 60)
    parts = [(minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"), (seconds, "s")]
    return " ".join(f"{many}{unit}" for many, unit in parts if many) or "0h"


def shopper(
    *,
    email: bool | str = True,
    sms: bool | str = False,
    whatsapp: bool | str = False,
    push: bool | str = False,
    first_order: str | None = None,
    last_order: str | None = None,
    known_since: str = "-200d",
    **row: Any,
) -> Shopper:
    """A person. ``email``, ``sms`` ...: whether they agreed to it (True), or the state, e.g. ``"pending"``; False:
    nothing is on record. ``first_order``, ``last_order``: when, e.g. ``"-40d"``. ``row``: orders_count, total_spent,
    first_name, country, tags, timezone, phone, birthday, loyalty, answers, seed ... (flows.simulator.persona)."""
    asked = {"email": email, "sms": sms, "whatsapp": whatsapp, "push": push}
    consent = {channel: "subscribed" if state is True else str(state) for channel, state in asked.items() if state}
    ago = {"known_for": known_since, "first_order_ago": first_order, "last_order_ago": last_order}
    return persona(
        START,
        consent=consent,
        **{name: -span(text) for name, text in ago.items() if text is not None},
        **row,
    )


def shop(
    *, name: str | None = None, timezone: str | None = None, currency: str | None = None, **settings: Any
) -> Surroundings:
    """A shop with these settings (docs/settings.md): ``shop(offers={"cart": {"code": "BACK10", "percent": 10}})``."""
    about = {"name": name, "timezone": timezone, "currency": currency}
    return surroundings(settings, {field: value for field, value in about.items() if value is not None})


OFFERS: Mapping[str, Any] = {
    "welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9},
    "cart": {"percent": 10},
}
"""Offers of a shop that has both kinds: one code for all, and codes of people's own."""


def play(
    flows: Flow | Sequence[Flow],
    *happenings: Happening,
    shopper: Shopper | None = None,
    shop: Surroundings | None = None,
    until: str = "400d",
    render: bool = False,
) -> Played:
    """Play the flows of the library with these names, those in these folders or these themselves for one person, side
    by side.

    ``shop``: none: one with OFFERS. ``until``: since the beginning. ``render``: messages are finished before the gate
    is asked, which takes longer, so that one that cannot be is held with the reason ``render``. Raises DefinitionError
    for a flow that cannot be read, ValueError for a happening that cannot be told.
    """
    named = [flows] if isinstance(flows, str | Path | FlowFolder) else list(flows)
    folders = [
        one if isinstance(one, FlowFolder) else _folder(LIBRARY / one if isinstance(one, str) else one) for one in named
    ]
    around = shop or _shop()
    person = shopper or globals()["shopper"]()
    writing = Writing({folder.flow.flow: folder for folder in folders}, finishes=render)
    record = live(
        cast([folder.flow for folder in folders], around),
        person,
        sorted(happenings, key=lambda one: one.at),
        START,
        START + span(until),
        record=Record(keeps_lines=True),
        writer=writing,
    )
    return Played(
        [Sent(one.at - START, one.flow, one.step, one.message, one.channel) for one in record.sent],
        [
            Held(one.at - START, one.flow, one.message, one.reason, one.channel, one.until and one.until - START)
            for one in record.held
        ],
        [Done(one.at - START, one.action, one.data, one.flow, one.result) for one in record.done],
        [Ended(one.flow, one.outcome, one.at - START) for one in record.ended],
        record,
        person,
    )


@cache
def _shop() -> Surroundings:
    return surroundings({"offers": OFFERS})


_READ: dict[Path, tuple[tuple[float, ...], FlowFolder]] = {}


def _folder(place: Path) -> FlowFolder:
    """As it is on disk now: whoever writes a flow plays it again and again."""
    stamp = tuple(path.stat().st_mtime for path in sorted([place / "flow.yaml", *place.glob("messages/*.liquid")]))
    known = _READ.get(place)
    if known is None or known[0] != stamp:
        known = _READ[place] = (stamp, read_folder(place))
    return known[1]
