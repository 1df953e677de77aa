"""Work that should long be done waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from connector import pauses
from sync.alerts.kinds.kind import CRITICAL, Finding, Kind, Looking

# Times what is said to lag (a minute).
_TIMES = 10.0
# Where nothing of the shop is the cause.
_OURS = "If it lasts, tell whoever runs this connector that its work is not being done"
_LIMITS = "Brevo takes only so much at a time, and large changes take their while. " + _OURS
# Work -> (what waits, what to do).
_SAID: Mapping[str, tuple[str, str]] = {
    "inbox": ("deliveries of the store or of Brevo wait to be applied", _OURS),
    "fetches": (
        "records wait to be read from the store",
        "Look whether the app is still installed in the store. " + _OURS,
    ),
    "persons": ("people wait for their flows to be decided", _OURS),
    "timers": ("people wait to go on in their flows", _OURS),
    "outbox": (
        "messages that are due wait to be sent",
        "Look at Brevo whether the account's daily limit is reached. " + _OURS,
    ),
    "outbox_unknown": (
        "messages have no known outcome",
        "Brevo is asked about them by itself, and nothing is sent twice: there is nothing to do",
    ),
    "contacts": ("contacts wait to be told to Brevo", _LIMITS),
    "commerce": ("orders or products wait to be told to Brevo", _LIMITS),
    "feed": ("events wait to be told to Brevo", _LIMITS),
}
_WITH_BREVO = frozenset({"outbox", "contacts", "commerce", "feed"})


def _look(look: Looking) -> Iterator[Finding]:
    late = look.late(_TIMES)
    # What waits because a channel stands still is told by that.
    paused = bool(pauses.pauses(look.connection, look.shop.id))
    for kind, waiting in look.late(1.0).items():
        if kind not in _SAID or (paused and kind in _WITH_BREVO):
            continue
        what, todo = _SAID[kind]
        yield Finding(
            f"{what[0].upper()}{what[1:]}, the oldest for {_span(waiting.age)}. {todo}.",
            subject=kind,
            tone=CRITICAL,
            detail={"waiting": waiting.count, "seconds": round(waiting.age)},
            faint=kind not in late,
        )


def _span(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"


STUCK = Kind("stuck_work", "Work is stuck", _look, timedelta(minutes=10))
