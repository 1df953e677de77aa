"""Facts that are true of a person once: named by the person's seed, also under the seeds of others who turned out to be
the same person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.core import chance
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.signal import NewEvent


def identity(seed: str, what: str) -> str:
    """`what`: which fact of the person it is."""
    return f"person:{seed}:{what}"


def new(
    name: str, at: datetime, facts: Facts, what: str, props: Mapping[str, Any], *, about: Event | None = None
) -> NewEvent:
    """The event `name` about the person of these facts, or about what another event is about. Raises LookupError
    without `person.seed`."""
    was = lookup(facts, "person.was")
    others = tuple(identity(seed, what) for seed in was) if isinstance(was, list) else ()
    subject, key = (about.subject, about.key) if about else (f"person:{lookup(facts, 'person.id')}", None)
    return NewEvent(name, at, subject, key, identity(chance.seed(facts), what), props, others)
