"""The whole store, read once: customers, orders, products and collections by bulk operations, abandoned checkouts page
by page.

Each kind is a part that goes its way alone: the store is asked for a file and looked at until it has written it, the
file is copied into a table, what was copied is applied. The parts' rows say how far they are; killed anywhere, the
next one goes on there. What happened before the shop's webhooks were in place is history and starts nothing; the same
again changes nothing (ADR 26).
"""

from __future__ import annotations

from sync.backfill.acts import AGAIN, look_now, resume, retry, start, stop
from sync.backfill.kinds import KINDS
from sync.backfill.progress import Backfill, Part, failures, history, progress
from sync.backfill.work import work_due

__all__ = [
    "AGAIN", "KINDS", "Backfill", "Part", "failures", "history", "look_now", "progress", "resume", "retry", "start",
    "stop", "work_due",
]  # fmt: skip
