"""How long one shop's backlog delays another shop's cart email.

One shop has a backlog in the inbox. Every few seconds a webhook tells of a checkout of another shop that has been left
alone for an hour but one second, so its cart email is due a second later; when did its first byte reach the provider?
The baseline is the same without a backlog. The control is the same backlog with workers that stay with a shop until
nothing of it is left (`benchmarks/stubborn.py`): there the email has to wait for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from time import time
from typing import Any

from benchmarks import inbox
from benchmarks.arrivals import PATH
from benchmarks.backlog import UNBOUND
from benchmarks.progress import say
from benchmarks.shoppers import Shoppers, take_turns
from benchmarks.stage import APP_SECRET, Stage
from connector.clock import monotonic, pause

FLOW = "cart-recovery"
AIM_SECONDS = 2.0
EMAILS = 8
_CONTROL_EMAILS, _CONTROL_ROWS = 2, 5_000
# Between one email and the next.
_PACE_SECONDS = 3.0
PATIENCE = 20.0
_ABANDONED_AFTER, _NOTICE = 3600.0, 1.0
# A backlog is made of so many different deliveries, each repeated under another webhook id.
_DIFFERENT = 2_000


def run(rows: int) -> dict[str, Any]:
    """The delay that a backlog of ``rows`` adds, in seconds."""
    with Stage(shops=2, customers=_DIFFERENT + 3 * EMAILS, wire_rate=UNBOUND) as stage:
        busy, quiet = stage.shoppers()
        before = delays(stage, quiet, EMAILS // 2)
        fill(stage, busy, rows)
        during = delays(stage, quiet, EMAILS)
        left = inbox.left(stage)["inbox"]
    say(f"  without a backlog {before}, behind {rows} rows {during}; {left} rows left")
    control = _control(min(rows, _CONTROL_ROWS))
    usual = median(one for one in before if one is not None)
    added = max((PATIENCE if one is None else one) - usual for one in during)
    return {
        "rows": rows,
        "rows_left_at_the_end": left,
        "seconds_from_due_to_first_byte": during,
        "added_seconds_at_most": round(added, 2),
        "baseline": {"what": "no backlog", "seconds_from_due_to_first_byte": before},
        "control": control,
        "aim": {"added_seconds_at_most": AIM_SECONDS},
        # Without a backlog to the end nothing was shown.
        "met": added < AIM_SECONDS and left > 0,
    }


def _control(rows: int) -> dict[str, Any]:
    with Stage(shops=2, customers=_DIFFERENT + 3 * EMAILS, wire_rate=UNBOUND, up=("benchmarks.stubborn",)) as stage:
        busy, quiet = stage.shoppers()
        fill(stage, busy, rows)
        during = delays(stage, quiet, _CONTROL_EMAILS)
    say(f"  with workers that stay with a shop, behind {rows} rows: {during}")
    return {
        "what": "workers stay with a shop until nothing of it is left",
        "rows": rows,
        "seconds_from_due_to_first_byte": during,
    }


def fill(stage: Stage, shop: Shoppers, rows: int) -> None:
    """A backlog of this shop."""
    now = datetime.now(UTC)
    different = list(take_turns([shop], min(rows, _DIFFERENT), now.timestamp()))
    repeated = (
        replace(different[n % len(different)], webhook_id=f"{n:08}-{different[n % len(different)].webhook_id}"[:36])
        for n in range(rows)
    )
    inbox.fill(stage, repeated, now)


def delays(stage: Stage, shop: Shoppers, emails: int) -> list[float | None]:
    """Seconds from when each cart email was due to its first byte at the provider; None when it never came."""
    due: dict[str, float] = {}
    began = monotonic()
    for n in range(emails):
        pause(began + n * _PACE_SECONDS - monotonic())
        # Webhooks tell whole seconds.
        changed_at = float(int(time() - _ABANDONED_AFTER + _NOTICE) + 1)
        delivery = shop.leave_cart(changed_at)
        answer = stage.http.post(stage.url + PATH, data=delivery.body, headers=delivery.headers(APP_SECRET), timeout=10)
        answer.raise_for_status()
        due[delivery.email] = changed_at + _ABANDONED_AFTER
    deadline, arrived = monotonic() + PATIENCE, _arrived(stage)
    while not due.keys() <= arrived.keys() and monotonic() < deadline:
        pause(0.2)
        arrived = _arrived(stage)
    return [round(arrived[email] - at, 2) if email in arrived else None for email, at in due.items()]


def _arrived(stage: Stage) -> dict[str, float]:
    """Address -> when the first byte of its cart email reached the provider, in real unix seconds."""
    found: Sequence[dict[str, Any]] = stage.provider("log?since=0&kind=email&bodies=0")["entries"]
    return {one["to"]: one["first_byte_at"] for one in found if FLOW in one["tags"]}
