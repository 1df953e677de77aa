"""What a signal is made of. One signal is one module beside this one and one line in the registry.

A signal is an event that is derived: at once from another event and the person's facts, or by a clock that
events arm and that looks at the last change when it fires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from marshmallow import Schema

from flows.core.facts import Facts
from flows.core.loyalty import Programme
from flows.core.model import Event, FlowVersion


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. `identity` names the fact, so that deriving it again has no effect. `also`: the names under
    which the same fact may have been told, of people who turned out to be this one."""

    name: str
    occurred_at: datetime
    subject: str
    key: str | None
    identity: str
    props: Mapping[str, Any]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """See to it that the person's clock (signal, key) fires at `due_at` or earlier.

    One that is due earlier stays as it is: clocks look at the last change when they fire, so a clock that
    restarts often needs no write each time. One that is due later is replaced.
    """

    signal: str
    key: str
    due_at: datetime
    anchor_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CancelTimer:
    signal: str
    key: str


@dataclass(frozen=True, slots=True)
class Derived:
    events: tuple[NewEvent, ...] = ()
    arm: tuple[ArmTimer, ...] = ()
    cancel: tuple[CancelTimer, ...] = ()


@lru_cache(maxsize=64)
def _defaults(schema: type[Schema]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema().load({})
    return found


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """What the shop's settings and active flows ask of signals.

    `thresholds`: signal -> the different `trigger.after` of active flows, ascending; a signal is told once
    per threshold. `heard`: the events that some active flow hears of or that the provider is told of; a
    clock that runs for months is armed for nobody else. `values`: what the shop has set of each signal, by the
    names of its schema.
    """

    thresholds: Mapping[str, tuple[timedelta, ...]] = field(default_factory=dict)
    heard: frozenset[str] = frozenset()
    test_orders: bool = False
    pos_orders: bool = False
    draft_orders: bool = False
    loyalty: Programme = Programme()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        flows: Iterable[FlowVersion],
        *,
        told: Iterable[str] = (),
        test_orders: bool = False,
        pos_orders: bool = False,
        draft_orders: bool = False,
        loyalty: Programme | None = None,
        values: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> SignalSettings:
        """The thresholds that these flows ask for, each list ascending. `told`: what the provider is told of;
        `values`: the shop's setting ``signals``."""
        asked: dict[str, set[timedelta]] = {}
        heard = set(told)
        for flow in flows:
            heard |= flow.listens
            if flow.trigger.after is not None:
                asked.setdefault(flow.trigger.on, set()).add(flow.trigger.after)
        thresholds = {name: tuple(sorted(spans)) for name, spans in asked.items()}
        programme = loyalty or Programme()
        return cls(thresholds, frozenset(heard), test_orders, pos_orders, draft_orders, programme, values or {})

    def chosen(self, signal: str, schema: type[Schema]) -> Mapping[str, Any]:
        """What the shop has set of this signal, by the names of its schema; where it has not, the schema's defaults."""
        found = self.values.get(signal)
        return _defaults(schema) if found is None else found

    def seconds(self, signal: str, default: timedelta) -> tuple[int, ...]:
        """The thresholds of this signal in seconds, ascending."""
        return tuple(int(span.total_seconds()) for span in self.thresholds.get(signal) or (default,))

    def counts(self, order: Mapping[str, Any]) -> bool:
        """Whether an order starts anything: test, point-of-sale and draft orders if the shop says so."""
        if order.get("test") and not self.test_orders:
            return False
        if order.get("source_name") == "pos" and not self.pos_orders:
            return False
        return order.get("source_name") != "shopify_draft_order" or self.draft_orders


@dataclass(frozen=True, slots=True)
class Anchor:
    """Something of the past that a clock can count from. `seed` is the person's; `zone` names the person's time
    zone, else the shop's; `detail`: what else is known of it, as `flows.engine.arming.anchors` says."""

    person_id: int
    seed: str
    key: str
    at: datetime
    zone: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PastClock:
    """The clock that an anchor would have armed, and the identity of the fact that it tells when it fires."""

    timer: ArmTimer
    tells: str


@dataclass(frozen=True, slots=True)
class Past:
    """How people who were there before are armed, whose history derives nothing by itself.

    `anchors`: what the clock counts from, a name of `flows.engine.arming.anchors`; `clock`: the clock of one
    anchor, None when there is none. A clock that should have rung already is `late`: it may be put off
    (`put_off`), or it is of no use any more.
    """

    anchors: str
    clock: Callable[[Anchor, SignalSettings, datetime], PastClock | None]
    late: bool = True


def put_off(timer: ArmTimer, until: datetime) -> ArmTimer:
    """The same clock as if its anchor were so much later that it rings at `until`.

    Everything that counts from the anchor keeps its distance from the ringing.
    """
    anchor = timer.anchor_at + (until - timer.due_at)
    return replace(timer, due_at=until, anchor_at=anchor, payload={**timer.payload, "anchor_at": anchor.isoformat()})


@dataclass(frozen=True, slots=True)
class Signal:
    """`listens`: the events it is derived from. `needs`: the families of facts it reads.

    `fire` answers for its clock; `threshold` is the clock's span when no flow says otherwise. `buying`: the
    person is buying or has bought; flows that start on it are not held back after a purchase. `past`: how a
    clock is armed for those who were there before. `settings`: what a shop can set of it, each with a default.
    `only_heard`: it derives nothing while nobody hears of it, so that its events need not be looked at.
    """

    name: str
    about: str
    listens: frozenset[str]
    needs: frozenset[str]
    props: Mapping[str, str]
    derive: Callable[[Event, Facts, SignalSettings, datetime], Derived]
    fire: Callable[[Mapping[str, Any], Facts, datetime], Derived] | None = None
    threshold: timedelta | None = None
    buying: bool = False
    past: Past | None = None
    settings: type[Schema] | None = None
    only_heard: bool = False
