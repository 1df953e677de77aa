"""What steps have in common that have something done outside which is no message: they go on, whatever became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flows.core import standing
from flows.core.answers import Go
from flows.core.model import EffectDone, Run


def went(woke: EffectDone, kind: str, done: str) -> Go:
    """On to the next step. It takes no time of the plan: what comes next counts from where it would have counted
    without it. ``done``: the code of the trail when it was done; else ``KIND_skipped`` or ``KIND_failed``."""
    if woke.outcome == "accepted":
        return Go(code=done, detail=dict(woke.result))
    return Go(code=f"{kind}_{woke.outcome}", detail={"reason": woke.reason})


def doing(run: Run, now: datetime) -> dict[str, Any]:
    """For the data of an action of which an event may come back: whose doing that is (``flows.core.standing``)."""
    return {standing.CAUSED_BY: causes} if (causes := standing.causes(run, now)) else {}
