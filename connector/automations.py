"""What an automation at Brevo is told of a run that it carries out: that somebody enters, and that they must leave.

Each is an event of the log, once for a run however often it is decided, and goes to Brevo under the name that the
mapping gives it (``connector.event_mapping``). Nothing here decides about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from connector import eventlog
from connector.event_mapping import ENTERED, LEFT
from connector.scope import Scope

# What messages name of a checkout, as it is now; the event that started the run may tell an older one.
_OF_CHECKOUT = ("items", "total", "currency", "recovery_url")


class _Run(Protocol):
    """The run, as the core has it or as a row of ``runs``."""

    @property
    def id(self) -> UUID: ...
    @property
    def flow(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def person_id(self) -> int: ...


class _Begun(_Run, Protocol):
    @property
    def trigger(self) -> Mapping[str, Any]:
        """The properties of the event that started it."""
        ...


def enter(scope: Scope, run: _Begun, facts: Mapping[str, Any]) -> None:
    """The run has begun. ``facts``: of the shop and, when the run is about one, the checkout: what the flow's messages
    would say.
    """
    checkout = facts.get("checkout") or {}
    now = {name: checkout[name] for name in _OF_CHECKOUT if checkout.get(name) is not None}
    # Nobody makes a code of one's own there.
    offers = {name: offer for name, offer in facts["shop"]["offers"].items() if offer["code"]}
    _tell(scope, ENTERED, run, {**run.trigger, **now, "offers": offers})


def leave(scope: Scope, run: _Run, reason: str) -> None:
    """The run is over. ``reason``: goal, time_limit, the event of an exit rule, or what became of the person."""
    _tell(scope, LEFT, run, {"reason": reason})


def _tell(scope: Scope, name: str, run: _Run, props: Mapping[str, Any]) -> None:
    about = f"run:{run.id}"
    known = {**props, "flow": run.flow, "key": run.key, "run": str(run.id)}
    fact = eventlog.Fact(name, about, scope.now, about, run.person_id, props=known, source="flow")
    eventlog.append_decided(scope, [fact])
