"""Reads figures. Every answer comes from small tables that are counted beforehand (``flows.analytics.counting``)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TextClause, text

from connector.models.analytics import AMOUNTS, COUNTS
from connector.shops import Shop
from flows.analytics.figures import NOTHING, Day, Figures, MessageFigures, StepFigures, WeekOfMessages

MOST_DAYS = 400
"""Of one answer by day."""
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in (*COUNTS, *AMOUNTS))


def by_flow(
    connection: Connection, shop: Shop, since: date | None = None, until: date | None = None
) -> dict[str, Figures]:
    """{flow: figures} of the shop's flows that have any; both days belong to the time, in the shop's zone."""
    rows = connection.execute(_over("flow", since, until), _given(shop, since, until)).mappings()
    return {row["flow"]: Figures.of(row) for row in rows}


def by_channel(
    connection: Connection, shop: Shop, since: date | None = None, until: date | None = None
) -> dict[str, Figures]:
    """{channel: figures of its messages}."""
    statement = _over("channel", since, until, "AND channel <> ''")
    return {
        row["channel"]: Figures.of(row) for row in connection.execute(statement, _given(shop, since, until)).mappings()
    }


def by_message(
    connection: Connection, shop: Shop, flow: str, since: date | None = None, until: date | None = None
) -> list[MessageFigures]:
    """The figures of each message of a flow, by version, the newest first."""
    key = "version, step, message, channel"
    statement = _over(key, since, until, "AND flow = :flow AND message <> ''", order="version DESC, step, message")
    return [
        MessageFigures(row["version"], row["step"], row["message"], row["channel"], Figures.of(row))
        for row in connection.execute(statement, {**_given(shop, since, until), "flow": flow}).mappings()
    ]


def by_day(
    connection: Connection,
    shop: Shop,
    since: date,
    until: date,
    *,
    flow: str | None = None,
    channel: str | None = None,
) -> list[Day]:
    """The figures of every day, also of those on which nothing happened; of a longer time the last ``MOST_DAYS``."""
    since = max(since, until - timedelta(days=MOST_DAYS - 1))
    where = ("AND flow = :flow " if flow is not None else "") + (
        "AND channel = :channel" if channel is not None else ""
    )
    given = {**_given(shop, since, until), "flow": flow, "channel": channel}
    rows = connection.execute(_over("day", since, until, where), given).mappings()
    found = {row["day"]: Figures.of(row) for row in rows}
    days = (since + timedelta(days=n) for n in range((until - since).days + 1))
    return [Day(day, found.get(day, NOTHING)) for day in days]


def by_step(connection: Connection, shop: Shop, flow: str, version: int | None = None) -> list[StepFigures]:
    """Where the people of a flow stand, how many came to each step and how many left there; of all versions or one."""
    steps: dict[tuple[int, str], dict[str, int]] = {}
    for row in connection.execute(_STEPS, {"shop_id": shop.id, "flow": flow, "version": version}):
        steps.setdefault((row.version, row.step), {})[row.what] = row.people
    return [
        StepFigures(
            version,
            step,
            counts.get("reached", 0),
            counts.get("inside", 0),
            {what.removeprefix("ended:"): n for what, n in counts.items() if what.startswith("ended:")},
        )
        for (version, step), counts in steps.items()
    ]


_STEPS = text(
    """
SELECT version, step, what, people FROM step_counts
WHERE shop_id = :shop_id AND flow = :flow AND people <> 0
    AND version = coalesce(CAST(:version AS integer), version)
ORDER BY version DESC, step, what
"""
)


def inside_now(connection: Connection, shop_id: int, flow: str) -> list[tuple[int, str, int]]:
    """(version, step, people) of everybody who is in the flow this moment, also of what is not added up yet; step "":
    an automation at Brevo carries them out."""
    rows = connection.execute(_INSIDE_NOW, {"shop_id": shop_id, "flow": flow})
    return [(row.version, row.step, int(row.people)) for row in rows]


# What is not added up yet are the changes of the last seconds; both tables are of one moment in one statement.
_INSIDE_NOW = text(
    """
SELECT version, step, sum(people) AS people FROM (
    SELECT version, step, people FROM step_counts
    WHERE shop_id = :shop_id AND flow = :flow AND what = 'inside'
    UNION ALL
    SELECT version, step, people FROM step_changes
    WHERE shop_id = :shop_id AND flow = :flow AND what = 'inside'
) AS counted
GROUP BY version, step HAVING sum(people) > 0 ORDER BY version, step
"""
)


def messages_a_week(connection: Connection, shop: Shop) -> list[WeekOfMessages]:
    """How many people got how many messages in the last week, by channel; as of the last day on which it was drawn."""
    rows = connection.execute(_WEEK, {"shop_id": shop.id})
    return [WeekOfMessages(row.channel, row.messages, row.people) for row in rows]


_WEEK = text("SELECT channel, messages, people FROM message_weeks WHERE shop_id = :shop_id ORDER BY channel, messages")


def measured_at(connection: Connection, shop: Shop) -> datetime | None:
    """Up to when everything is in the figures; None before they were first counted."""
    counted_at: datetime | None = connection.scalar(_MEASURED, {"shop_id": shop.id})
    return counted_at


_MEASURED = text("SELECT counted_at FROM figure_passes WHERE shop_id = :shop_id")


def _over(key: str, since: date | None, until: date | None, where: str = "", order: str | None = None) -> TextClause:
    """Sums by ``key``, of these days or, without any, of all time."""
    table, days = "figure_totals", ""
    if since is not None or until is not None:
        table = "figure_days"
        days = (" AND day >= :since" if since else "") + (" AND day <= :until" if until else "")
    # Of this module's own texts only.
    return text(
        f"SELECT {key}, {_SUMS} FROM {table} WHERE shop_id = :shop_id{days} {where} GROUP BY {key}"  # noqa: S608
        f" ORDER BY {order or key}"
    )


def _given(shop: Shop, since: date | None, until: date | None) -> dict[str, Any]:
    return {"shop_id": shop.id, "since": since, "until": until}
