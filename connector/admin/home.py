"""The home page of a shop: whether everything is all right, and what today and the last thirty days came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector import capabilities
from connector.admin import standings
from connector.admin.standings import Standing, Trouble
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
ALERT_PLACES: Mapping[str, str] = {
    "paused_channel": "admin.standing",
    "stuck_work": "admin.standing",
    "stopped_work": "admin.deliveries",
    "complaints": "admin.messages",
    "silent_webhooks": "admin.gaps",
    "failing_webhook": "admin.webhooks",
    "rising_unsubscribes": "admin.flows",
    "falling_opens": "admin.flows",
    "falling_clicks": "admin.flows",
    "overdue_tasks": "admin.tasks",
}
"""Kind of alert -> the page where it is seen to."""
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
        return verdict(self.standing, self.alerts)

    @property
    def missing(self) -> Sequence[Capability]:
        return [one for one in self.capabilities if not one.there]


def read(connection: Connection, deps: Deps, shop: Shop) -> Home:
    """Reads of indexes and of small tables only, however much the shop has."""
    now = deps.clock.now()
    today = now.astimezone(zone(shop.timezone)).date()
    troubles = []
    for kind in standings.KINDS.values():
        troubles += [(kind.words, one) for one in standings.newest(connection, shop.id, kind, now, 1)]
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


def verdict(standing: Standing, standing_alerts: Sequence[Alert]) -> tuple[str, str]:
    """(tone, one sentence). What staff look after already does not shout."""
    if standing.shop.state in _STATES:
        return _STATES[standing.shop.state]
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
    if standing_alerts:
        seen = len(standing_alerts)
        return "attention", f"{seen} known {'thing is' if seen == 1 else 'things are'} being looked after."
    return "good", "Everything is all right."


def _named(found: Sequence[Alert]) -> str:
    titles = list(dict.fromkeys(one.title.lower() for one in found))
    more = f" and {len(titles) - 3} more" if len(titles) > 3 else ""
    return ", ".join(titles[:3]) + more


def _channels(standing: Standing) -> str:
    names = [one.channel for one in standing.pauses]
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
