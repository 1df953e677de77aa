"""The home page of a shop: whether everything is all right, and what today and the last thirty days came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector import capabilities, pauses
from connector.admin import given_up, standings
from connector.admin.given_up import Trouble
from connector.admin.standings import Standing
from connector.capabilities import Capability
from connector.deps import Deps
from connector.install import checklist
from connector.shops import Shop
from flows import analytics
from flows.analytics import Day, Figures
from flows.core.calendar import zone
from flows.engine import tasks
from flows.engine.tasks import Task
from sync import alerts
from sync.alerts import Alert

DAYS = 30
_Place = tuple[str, Mapping[str, str]]
_PLACES: Mapping[str, _Place] = {
    "paused_channel": ("admin.standing", {}),
    "stuck_work": ("admin.standing", {}),
    "stopped_work": ("admin.standing", {}),
    "stopped_work:deliveries": ("admin.deliveries", {}),
    "stopped_work:messages": ("admin.standing", {"kind": "messages"}),
    "stopped_work:records": ("admin.standing", {"kind": "records"}),
    "stopped_work:events": ("admin.standing", {"kind": "events"}),
    "stopped_work:fetches": ("admin.standing", {"kind": "fetches"}),
    "complaints": ("admin.messages", {"reported": "complained"}),
    "silent_webhooks": ("admin.gaps", {}),
    "failing_webhook": ("admin.webhooks", {}),
    "rising_unsubscribes": ("admin.flows", {}),
    "falling_opens": ("admin.flows", {}),
    "falling_clicks": ("admin.flows", {}),
    "overdue_tasks": ("admin.tasks", {}),
}
# What an alert that somebody looks after says already, by its subject.
_SAID: Mapping[str, frozenset[str]] = {
    "deliveries": standings.IN_INBOX,
    "messages": frozenset({"messages_failed"}),
    "records": frozenset({"records_refused"}),
    "events": frozenset({"events_refused"}),
    "fetches": frozenset({"fetches_failed"}),
}
_TASKS = 5
_LATER = timedelta(days=1)


@dataclass(frozen=True)
class Home:
    """``days``: each of the last thirty with its figures, today last, in the shop's zone; ``measured_at``: up to when
    they are counted. ``troubles``: the newest of each way in which work stops: (in words, it). ``due``: tasks of today
    and before. ``open_items``: of the checklist."""

    standing: Standing
    alerts: Sequence[Alert]
    days: Sequence[Day]
    measured_at: datetime | None
    troubles: Sequence[tuple[str, Trouble]]
    due: Sequence[Task]
    capabilities: Sequence[Capability]
    open_items: int

    @property
    def today(self) -> Figures:
        return self.days[-1].figures

    @property
    def month(self) -> Figures:
        return sum((one.figures for one in self.days), analytics.NOTHING)

    @property
    def verdict(self) -> tuple[str, str]:
        """(tone, one sentence): whether everything is all right."""
        return verdict(self.standing, self.alerts, self.capabilities)

    @property
    def missing(self) -> Sequence[Capability]:
        return [one for one in self.capabilities if not one.there]


def read(connection: Connection, deps: Deps, shop: Shop) -> Home:
    """Reads of indexes and of small tables only, however much the shop has."""
    now = deps.clock.now()
    today = now.astimezone(zone(shop.timezone)).date()
    troubles = []
    for kind in given_up.KINDS.values():
        troubles += [(kind.words, one) for one in given_up.newest(connection, shop.id, kind, now, 1)]
    due = [
        one for one in tasks.listed(connection, shop.id, now, most=_TASKS) if one.due_at and one.due_at < now + _LATER
    ]
    return Home(
        standings.read(connection, deps.clock, shop),
        alerts.open_alerts(connection, shop.id),
        analytics.by_day(connection, shop, today - timedelta(days=DAYS - 1), today),
        analytics.measured_at(connection, shop),
        troubles,
        due,
        capabilities.of(connection, shop),
        len(checklist.open_items(checklist.items(connection, shop.id))) if shop.active else 0,
    )


_STATES: Mapping[str, tuple[str, str]] = {
    "installed": (
        "attention",
        "Brevo is not connected yet: what the store reports is kept, and nothing is sent until Brevo is connected.",
    ),
    "paused": ("warning", "The shop is paused: nothing is applied and nothing is sent."),
    "uninstalled": ("critical", "The store has removed the app: nothing is sent. Install it again to go on."),
}


def place_of(alert: Alert) -> _Place | None:
    """Where it is seen to: (endpoint, what is asked of that page); None: nowhere in the admin."""
    return _PLACES.get(f"{alert.kind}:{alert.subject}") or _PLACES.get(alert.kind)


def verdict(standing: Standing, standing_alerts: Sequence[Alert], able: Sequence[Capability] = ()) -> tuple[str, str]:
    """(tone, one sentence). What staff look after already does not shout."""
    if standing.shop.state in _STATES:
        return _STATES[standing.shop.state]
    for one in able:
        if one.name in _NEEDED and not one.there:
            return "critical", f"{one.says} {one.todo}".strip()
    new = [one for one in standing_alerts if one.seen_at is None]
    critical = [one for one in new if one.tone == "critical"]
    if critical:
        return "critical", f"Something is wrong: {_named(critical)}."
    if new:
        return "warning", f"Something needs a look: {_named(new)}."
    if standing.pauses:
        return "warning", f"{_channels(standing)} paused, so some messages wait."
    if standing.lagging:
        late = "; ".join(sorted(standings.WAITING[kind].lower() for kind in standing.lagging))
        return "attention", f"Everything works, but some work waits longer than usual: {late}."
    known = frozenset[str]().union(
        *(_SAID.get(one.subject, ()) for one in standing_alerts if one.kind == "stopped_work")
    )
    if stopped := [kind for kind in standings.STOPPED if kind in standing.stopped and kind not in known]:
        found = "; ".join(
            f"{standings.counted(standing.stopped[kind])} {_lowered(standings.STOPPED[kind])}" for kind in stopped
        )
        return "attention", f"Everything else works, but some work was given up: {found}."
    if standing_alerts:
        seen = len(standing_alerts)
        return "attention", f"{seen} known {'thing is' if seen == 1 else 'things are'} being looked after."
    return "good", "Everything is all right."


# Without these nothing works.
_NEEDED = frozenset({"store", "brevo"})


def _lowered(words: str) -> str:
    return words[0].lower() + words[1:]


def _named(found: Sequence[Alert]) -> str:
    titles = list(dict.fromkeys(one.title.lower() for one in found))
    more = f" and {len(titles) - 3} more" if len(titles) > 3 else ""
    return ", ".join(titles[:3]) + more


def _channels(standing: Standing) -> str:
    names = [pauses.named(one.channel) for one in standing.pauses]
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
