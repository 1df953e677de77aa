"""A flow that nobody is in yet, tried on one real person: what would happen to them, step by step (ADR 60).

The desk, the machine and the gate decide as they always do, moment by moment in virtual time, on the person's own
facts, caps and consent. Nothing is written and nothing is sent: the transaction may be one in which PostgreSQL refuses
every write.
"""

from __future__ import annotations

from flows.engine.trying.happening import Supposed, last, made_up, suppose
from flows.engine.trying.playing import NobodyThere, play
from flows.engine.trying.told import Deed, Letter, Move, PutOff, Trial

__all__ = [
    "Deed",
    "Letter",
    "Move",
    "NobodyThere",
    "PutOff",
    "Supposed",
    "Trial",
    "last",
    "made_up",
    "play",
    "suppose",
]
