"""Why somebody is in a flow, is not, or would be; what they are sent, and what would change it (ADR 44).

A reading of what is on record, and a dry run of the functions that decide: the desk on trial (``rehearsal``), the
rules of entering and the gate asked for all of their answers. Nothing is decided here for a second time, and nothing
is written: the transaction may be one in which PostgreSQL refuses every write.
"""

from __future__ import annotations

from flows.engine.explaining.answering import explain
from flows.engine.explaining.explanation import Explanation
from flows.engine.explaining.reading import standing

__all__ = ["Explanation", "explain", "standing"]
