"""Nothing that is due waits for long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import Installation
from connector.web import backlog

# Kind of work -> (what waits, who should do it).
_SAID: Mapping[str, tuple[str, str]] = {
    "inbox": ("deliveries wait to be applied", "the worker of the queue intake"),
    "fetches": ("objects wait to be read from the store", "the worker of the queue sync, and the store's answers"),
    "persons": ("people wait for their flows to be decided", "the worker of the queue flows"),
    "timers": ("timers are due", "the worker of the queue flows"),
    "outbox": ("messages are due", "the worker of the queue deliver, and pauses and limits at Brevo"),
    "outbox_unknown": ("messages have an unknown outcome", "Brevo's answers to GET /smtp/emails"),
    "contacts": ("contacts wait to be told to Brevo", "the worker of the queue sync, and the limits at Brevo"),
    "commerce": ("orders, products and categories wait to be told to Brevo", "the same for Brevo's e-commerce"),
    "feed": ("events wait to be told to Brevo", "the worker of the queue sync, and the limits at Brevo"),
}
# Times the age at which work is said to lag.
_BROKEN = 15


def _run(installation: Installation) -> Iterator[Finding]:
    clock = installation.deps.clock
    with installation.connection() as connection:
        waiting = backlog.read(connection, clock.now(), clock.machine())
    late = set(backlog.lagging({kind: _younger(one) for kind, one in waiting.items()}, clock.rate))
    for kind in backlog.lagging(waiting, clock.rate):
        what, who = _SAID[kind]
        say = broken if kind in late else warning
        yield say(
            f"{waiting[kind].count} {what}, the oldest for {waiting[kind].age:.0f} s.",
            f"Look at {who}; `/healthz` says how long the limits alone take.",
        )


def _younger(waiting: backlog.Waiting) -> backlog.Waiting:
    return backlog.Waiting(waiting.count, waiting.age / _BROKEN)


CHECK = Check("lags", "Nothing that is due waits for longer than a minute.", _run, needs=("postgres",))
