"""Arming the past: clocks of signals for people who were there before, whose history derives nothing by itself.

An act of staff, previewed with its counts by day. A clock that is still to ring is armed for its own moment. One that
should have rung already is late: it is left out, or it gets a place in a daily ration, so that a flow that is switched
on does not write to everybody at once. The signal itself says when its clock rings (``flows.core.signals``); what it
counts from is found set-wise (``anchors``). Arming twice arms nobody twice: a clock is a unique row, and whose fact was
told is left alone. From the moment it is armed a clock is like any other: a live event moves it or stops it. See
docs/adr/0029.

* ``preview(connection, shop, choice, now, most=None) -> Preview``: reads and writes nothing;
* ``start(scope, choice, by=...) -> int``: the number of the act, which the workers carry out. Raises InvalidInput;
* ``stop(scope, arming_id, by=...) -> bool``: takes back what has not rung yet, also after the act is done;
* ``progress(connection, shop_id, arming_id) -> Arming`` (LookupError), ``history(connection, shop_id, limit, before)``.

``start`` and ``stop`` write their line of the audit log in the caller's transaction. ``by`` is its actor.
"""

from __future__ import annotations

from flows.engine.arming.acts import OPEN, Arming, history, progress, start, stop
from flows.engine.arming.choice import ARMABLE, Choice
from flows.engine.arming.previewing import Day, Preview, preview

__all__ = [
    "ARMABLE",
    "OPEN",
    "Arming",
    "Choice",
    "Day",
    "Preview",
    "history",
    "preview",
    "progress",
    "start",
    "stop",
]
