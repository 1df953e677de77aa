"""The flows that a simulation plays, with what all lives of it share: who listens to what, and what may be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from flows.core import conditions, scores, signals, standing
from flows.core.activity import NOTED
from flows.core.conditions import All
from flows.core.model import FlowVersion
from flows.core.segments import FAMILY
from flows.core.signals import SIGNALS, SignalSettings
from flows.core.signals.score_reached import NAME as SCORE_REACHED
from flows.simulator.surroundings import Surroundings

BEHAVIOUR = frozenset({"activity", "opens", "score", "rfm", "segment"})
"""The families of facts that tell how somebody behaves."""
AGREED = "consent_changed"


@dataclass(frozen=True)
class Cast:
    """``flows``: in the order in which they are asked, the higher priority first."""

    flows: tuple[FlowVersion, ...]
    around: Surroundings
    settings: SignalSettings = field(init=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.flows, key=lambda flow: (-flow.priority, flow.flow)))
        object.__setattr__(self, "flows", ordered)
        object.__setattr__(self, "settings", self.around.signals(ordered))

    @cached_property
    def by_name(self) -> Mapping[str, FlowVersion]:
        return {flow.flow: flow for flow in self.flows}

    @cached_property
    def starting_on(self) -> Mapping[str, tuple[FlowVersion, ...]]:
        """The flows that an event of this name may start."""
        found: dict[str, list[FlowVersion]] = {}
        for flow in self.flows:
            for name in (flow.trigger.on, standing.moved(flow.flow)):
                found.setdefault(name, []).append(flow)
        return {name: tuple(several) for name, several in found.items()}

    @cached_property
    def scheduled(self) -> tuple[FlowVersion, ...]:
        return tuple(flow for flow in self.flows if flow.trigger.schedule is not None)

    @cached_property
    def listens(self) -> Mapping[str, frozenset[str]]:
        """By flow, what can change anything for somebody inside."""
        return {flow.flow: flow.listens for flow in self.flows}

    @cached_property
    def derived_from(self) -> frozenset[str]:
        """The events that some signal is derived from."""
        return signals.listens(self.settings.heard)

    @cached_property
    def noted(self) -> frozenset[str]:
        """The events that change what is remembered of how somebody behaves."""
        return NOTED | scores.listens(self.around.scoring)

    @cached_property
    def heard(self) -> frozenset[str]:
        """The events about which anything is decided; the others are remembered at most."""
        found = frozenset({AGREED}).union(self.derived_from, *self.listens.values(), self.starting_on)
        return found | scores.listens(self.around.scoring) if SCORE_REACHED in self.settings.heard else found

    @cached_property
    def behaviour_wanted(self) -> bool:
        """Whether anything that is decided reads it."""
        needs = frozenset[str]().union(
            *(flow.needs for flow in self.flows),
            *(SIGNALS[name].needs for name in self.settings.heard if name in SIGNALS),
        )
        return bool(needs & BEHAVIOUR)


def within(flow: FlowVersion, segment: str) -> FlowVersion:
    """The same flow for people in this segment alone: what it would be to let it loose on a few first."""
    asked = conditions.from_data({f"{FAMILY}.{segment}": True})
    audience = asked if flow.audience is None else All((flow.audience, asked))
    return replace(flow, audience=audience, needs=flow.needs | {FAMILY})


def cast(flows: Iterable[FlowVersion], around: Surroundings) -> Cast:
    """These flows side by side, all of them active. Raises ValueError for two of one name."""
    found = tuple(flows)
    names = [flow.flow for flow in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"Two flows are called “{twice}”")
    return Cast(found, around)
