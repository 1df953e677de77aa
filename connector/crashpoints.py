"""Named places at which a process can be made to die, as by kill -9: between every claim, call and commit.

Costs one look at a global when off, and is off unless the process was started with ``CRASH_AT`` (development only):
``CRASH_AT=t4.leased`` dies when it first comes there, ``CRASH_AT=t4.leased:3`` when it does so for the third time.
``tests/e2e/test_crash_points.py`` dies at every one of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType


@dataclass(frozen=True)
class Point:
    """``process``: one that comes there, by its name in ``connector/runtime/processes.py``; ``then``: what was done
    and what was not when it dies there."""

    process: str
    then: str


POINTS: Mapping[str, Point] = MappingProxyType(
    {
        # T1: receive
        "t1.verified": Point("web", "a delivery is authentic, nothing of it is stored"),
        "t1.stored": Point("web", "deliveries are committed, nobody was answered"),
        "t1.ringing": Point("web", "a delivery is committed, its bell has not rung"),
        # T2: normalise
        "t2.claimed": Point("intake", "inbox rows are locked"),
        "t2.applied": Point("intake", "projections, events and verdicts are written, not committed"),
        # T2b: read from the store
        "t2b.leased": Point("fetch", "wishes are leased, the store was not asked"),
        "t2b.answered": Point("fetch", "the store has answered, nothing is written"),
        "t2b.applied": Point("fetch", "the answer is applied, not committed"),
        # Looks at the store for what no delivery told
        "pass.leased": Point("backfill", "a look is leased, the store was not asked"),
        "pass.listed": Point("backfill", "the store has listed a page, nothing is written"),
        "pass.advanced": Point("backfill", "what the page lacks is wished for, not committed"),
        # A sync that staff asked for
        "rerun.leased": Point("fetch", "a run is leased, the store was not asked"),
        "rerun.read": Point("fetch", "the store has answered, nothing is written"),
        "rerun.applied": Point("fetch", "a page is applied and counted, not committed"),
        # T3: decide
        "t3.claimed": Point("flows", "persons are locked"),
        "t3.decided": Point("flows", "a batch is decided in memory"),
        "t3.written": Point("flows", "runs, timers and messages are written, not committed"),
        # Clocks for people who were there before
        "arming.armed": Point("flows", "some people's clocks are armed, not committed"),
        # Flows that start by the calendar
        "schedule.armed": Point("flows", "some people's clocks for an occurrence are set, not committed"),
        # T4a: claim
        "t4.granted": Point("deliver", "calls are taken from the limiter, nothing is claimed"),
        "t4.asked": Point("deliver", "the store was asked for orders, nothing is claimed"),
        "t4.looked": Point("deliver", "the store was asked for prices and stock, nothing is written"),
        "t4.claimed": Point("deliver", "leases, attempts and ledger entries are written, not committed"),
        "t4.leased": Point("deliver", "messages are leased, no call has begun"),
        # The call
        "t4.half_sent": Point("deliver", "the head of a request has left, its body has not"),
        "t4.sent": Point("deliver", "a whole request has left, its answer is not read"),
        "t4.answered": Point("deliver", "the answer is read, nothing is written"),
        # T4b: record
        "t4.recorded": Point("deliver", "an outcome is written, not committed"),
        # Effects that are no messages
        "act.claimed": Point("deliver", "leases and what a second try needs are written, not committed"),
        "act.leased": Point("deliver", "actions are leased, no call has begun"),
        "act.answered": Point("deliver", "the store has done it, nothing is written"),
        "act.recorded": Point("deliver", "what came of an action is written, not committed"),
        # Unknown outcomes
        "unknown.cut_off": Point("deliver", "a message whose lease ran out is marked unknown, not committed"),
        "unknown.looked_up": Point("deliver", "the provider's log was read, nothing is written"),
        "unknown.settled": Point("deliver", "what the log says is written, not committed"),
        # T5: tell Brevo
        "t5.leased": Point("sync", "records and events are leased, no call has begun"),
        "t5.told": Point("sync", "a record was accepted, nothing is written"),
        "t5.recorded": Point("sync", "the version that was sent is written, not committed"),
        # What a Brevo account holds when a shop is connected to it
        "survey.leased": Point("bulk", "a survey is leased, Brevo was not asked"),
        "survey.read": Point("bulk", "Brevo has listed a page, nothing is written"),
        "survey.applied": Point("bulk", "opt-outs are known and the place is remembered, not committed"),
        # The whole store, read once
        "backfill.leased": Point("backfill", "a part is leased, nothing is done about it"),
        "backfill.asked": Point("backfill", "the store writes a file, its operation is not written down"),
        "backfill.copied": Point("backfill", "a piece of a file is copied and its place remembered"),
        "backfill.applied": Point("backfill", "records are applied and counted, not committed"),
        "backfill.paged": Point("backfill", "a page is applied and counted, not committed"),
        # Contacts in bulk
        "import.formed": Point("bulk", "people are put into imports, not committed"),
        "import.leased": Point("bulk", "an import is leased, its people are not read"),
        "import.told": Point("bulk", "Brevo has an import, nothing is written"),
        "import.looked": Point("bulk", "Brevo has said what became of an import, nothing is written"),
        "import.recorded": Point("bulk", "the word of some of an import's people is written, not committed"),
        # Pools of discount codes
        "coupons.leased": Point("bulk", "a pool is leased, nothing is done about it"),
        "coupons.made": Point("bulk", "the store has made a pool's discount, nothing is written"),
        "coupons.answered": Point("bulk", "the store adds codes, its addition is not written down"),
        "coupons.looked": Point("bulk", "the store has said which codes it added, nothing is written"),
        "coupons.collected": Point("bulk", "Brevo has a collection for a pool, nothing is written"),
        "coupons.told": Point("bulk", "Brevo has a pool's codes, nothing is written"),
        "coupons.recorded": Point("bulk", "what was done for a pool is written, not committed"),
        # What the law asks for
        "privacy.leased": Point("sync", "a request is leased, nothing is done about it"),
        "privacy.gathered": Point("sync", "what some deliveries say of somebody is put aside, not committed"),
        "privacy.erased": Point("sync", "a person's rows are gone, not committed"),
        "privacy.told": Point("sync", "Brevo has forgotten the person, nothing is written"),
        # Looks at a shop for what staff should know
        "alerts.leased": Point("bulk", "a look is leased, nothing is looked at"),
        "alerts.looked": Point("bulk", "alerts are raised and deliveries counted, not committed"),
        # Bells and the sweeper
        "bells.committed": Point("intake", "a transaction is committed, its bells have not rung"),
        "bells.flagged": Point("intake", "shops stand in line and the bell counts as rung, no job is queued"),
        "bells.cleared": Point("intake", "a bell counts as answered, no shop was taken out of the line"),
        "bells.taken": Point("intake", "a shop was taken out of the line, nothing is claimed"),
        "bells.tail": Point("deliver", "there is more to do for a shop, its bell has not rung"),
        "sweep.found": Point("clock", "what is due is known, no bell has rung"),
    }
)


class _Order:
    """To die at the ``nth`` pass of ``name``."""

    def __init__(self, name: str, nth: int) -> None:
        self._name = name
        self._nth = nth
        # Taking the next of a count is one step of the interpreter, whichever threads do it.
        self._passes = count(1)

    def passing(self, name: str) -> None:
        if name == self._name and next(self._passes) == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


_order: _Order | None = None


def read(order: str) -> tuple[str, int]:
    """The point and the pass that ``NAME`` or ``NAME:N`` names. Raises ValueError with what is wrong."""
    name, _, nth = order.partition(":")
    if name not in POINTS:
        raise ValueError(f"there is no crash point {name!r}")
    if nth and not (nth.isdecimal() and int(nth) > 0):
        raise ValueError(f"{nth!r} is no number of passes")
    return name, int(nth or 1)


def arm(order: str) -> None:
    """Make this process die as ``CRASH_AT`` says; "" lets it live. Raises ValueError."""
    global _order
    _order = _Order(*read(order)) if order else None


def reach(name: str) -> None:
    """This point is reached."""
    if _order is not None:
        _order.passing(name)
