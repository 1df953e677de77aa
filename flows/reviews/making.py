"""Tasks for the reviews whose time has come, each once for its period in the shop's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from connector import staff_addresses
from connector.deps import Deps
from connector.models.shop import shops
from connector.models.task import tasks
from connector.scope import Scope
from connector.shops import Shop
from flows.core import calendar
from flows.reviews import told
from flows.reviews.kinds import REVIEWS, Review
from flows.reviews.periods import Period, last_whole

_IN_THE_MORNING = time(9)


def make_due(deps: Deps, shop: Shop) -> list[str]:
    """Write the tasks that are not there yet. Nothing that it finds is wrong: it has nothing to say."""
    with deps.open(shop) as scope:
        where = calendar.zone(shop.timezone)
        for review in REVIEWS:
            period = last_whole(review.every, scope.now.astimezone(where).date())
            if shop.settings["reviews"][review.name] and _is_wanted(scope, review, period, where):
                _make(scope, review, period, where)
    return []


def _is_wanted(scope: Scope, review: Review, period: Period, where: ZoneInfo) -> bool:
    """Whether the shop was connected in that time, and has no task for it."""
    since: datetime = scope.connection.execute(
        select(shops.c.created_at).where(shops.c.id == scope.shop_id)
    ).scalar_one()
    if since.astimezone(where).date() > period.last:
        return False
    known = select(tasks.c.id).where(
        tasks.c.shop_id == scope.shop_id, tasks.c.review == review.name, tasks.c.period == period.name
    )
    return scope.connection.scalar(known) is None


def _make(scope: Scope, review: Review, period: Period, where: ZoneInfo) -> None:
    chosen = scope.shop.settings["reviews"]
    wanted = [chosen["assignee"].lower()] if chosen["assignee"] else []
    row = {
        "shop_id": scope.shop_id,
        "review": review.name,
        "period": period.name,
        "title": review.title.format(period=period.words),
        "details": told.text(scope.connection, scope.shop, review, period),
        # Who is not on the staff any more gets nothing: it is everybody's then.
        "assignee": next(iter(staff_addresses.among(scope.connection, scope.shop, wanted)), None),
        "due_at": _due(period.last + timedelta(days=chosen["due_days"]), where),
        "state": "open",
        "made_at": scope.now,
    }
    scope.connection.execute(insert(tasks).values(row).on_conflict_do_nothing())


def _due(day: date, where: ZoneInfo) -> datetime:
    return datetime.combine(day, _IN_THE_MORNING, where).astimezone(UTC)
