"""Brings the figures up to date with what has changed, and counts them anew.

Triggers leave what a change of a counted row comes to as a row of its own (``figure_changes``, ``step_changes``); here
these are summed up and taken away in one statement. So each is counted once, whoever else counts meanwhile, and what is
committed later is counted later.
"""

from __future__ import annotations

from sqlalchemy import text

from connector.locks import FIGURES, lock_shop
from connector.models.analytics import AMOUNTS, COUNTS
from connector.scope import Scope

SLICE = 20_000
"""Changes that are added up in one statement."""
_NAMES = (*COUNTS, *AMOUNTS)
_LISTED = ", ".join(_NAMES)
_SUMMED = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _NAMES)
_COHORT = "flow, version, step, message, channel"


def _added(table: str) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _NAMES)


def fold(scope: Scope) -> bool:
    """Add a slice of the changes to the figures; says whether there may be more."""
    # One after the other: two that add to the same rows would wait for each other anyhow.
    lock_shop(scope, FIGURES)
    given = {"shop_id": scope.shop_id, "size": SLICE, "zone": scope.shop.timezone}
    figures = scope.connection.scalar(_FOLD_FIGURES, given) or 0
    steps = scope.connection.scalar(_FOLD_STEPS, given) or 0
    return max(figures, steps) >= SLICE


_FOLD_FIGURES = text(
    f"""
WITH gone AS (
    DELETE FROM figure_changes WHERE shop_id = :shop_id AND id IN (
        SELECT id FROM figure_changes WHERE shop_id = :shop_id ORDER BY id LIMIT :size
    )
    RETURNING *
), days AS (
    INSERT INTO figure_days (shop_id, day, {_COHORT}, {_LISTED})
    SELECT :shop_id, CAST(at AT TIME ZONE CAST(:zone AS text) AS date) AS day, {_COHORT}, {_SUMMED}
    FROM gone GROUP BY day, {_COHORT}
    ON CONFLICT (shop_id, flow, day, version, step, message, channel) DO UPDATE SET {_added("figure_days")}
), totals AS (
    INSERT INTO figure_totals (shop_id, {_COHORT}, {_LISTED})
    SELECT :shop_id, {_COHORT}, {_SUMMED} FROM gone GROUP BY {_COHORT}
    ON CONFLICT (shop_id, flow, version, step, message, channel) DO UPDATE SET {_added("figure_totals")}
)
SELECT count(*) FROM gone
"""  # noqa: S608  of this module's own names only
)
_FOLD_STEPS = text(
    """
WITH gone AS (
    DELETE FROM step_changes WHERE shop_id = :shop_id AND id IN (
        SELECT id FROM step_changes WHERE shop_id = :shop_id ORDER BY id LIMIT :size
    )
    RETURNING *
), counts AS (
    INSERT INTO step_counts (shop_id, flow, version, step, what, people)
    SELECT :shop_id, flow, version, step, what, sum(people) FROM gone GROUP BY flow, version, step, what
    ON CONFLICT (shop_id, flow, version, step, what) DO UPDATE SET people = step_counts.people + excluded.people
)
SELECT count(*) FROM gone
"""
)


def rebuild(scope: Scope) -> None:
    """Count everything anew from messages, runs, goals, trail and attributions as they are. People who were erased are
    in none of them any more, except in what was bought."""
    lock_shop(scope, FIGURES)
    given = {"shop_id": scope.shop_id, "zone": scope.shop.timezone}
    # Of a big shop that is minutes; nobody waits for it but who asked.
    scope.connection.execute(text("SET LOCAL statement_timeout = 0"))
    for statement in (*_FORGET, _COUNT):
        scope.connection.execute(statement, given)
    while fold(scope):
        pass


_FORGET = tuple(
    text(f"DELETE FROM {table} WHERE shop_id = :shop_id")  # noqa: S608
    for table in ("figure_days", "figure_totals", "step_counts")
)
# Noon of the shop's day: fewer rows to add up than quarters of an hour are.
_ZONE = "AT TIME ZONE CAST(:zone AS text)"
_NOON = f"(date_trunc('day', {{moment}} {_ZONE}) + interval '12 hours') {_ZONE}"
# One statement, so that one moment is what is counted and what is forgotten: a change is in one of them, never in both.
_COUNT = text(
    f"""
WITH forgotten AS (
    DELETE FROM figure_changes WHERE shop_id = :shop_id
), forgotten_steps AS (
    DELETE FROM step_changes WHERE shop_id = :shop_id
), messages AS (
    INSERT INTO figure_changes (shop_id, {_COHORT}, at, sent, delivered, opened, clicked, unsubscribed, bounced,
        complained, skipped, failed, cost)
    SELECT :shop_id, {_COHORT}, {_NOON.format(moment="coalesce(sent_at, due_at)")} AS noon,
        count(*) FILTER (WHERE state = 'sent'), count(delivered_at), count(opened_at), count(clicked_at),
        count(unsubscribed_at), count(bounced_at), count(complained_at), count(*) FILTER (WHERE state = 'skipped'),
        count(*) FILTER (WHERE state = 'failed'), coalesce(sum(cost) FILTER (WHERE state = 'sent'), 0)
    FROM outbox WHERE shop_id = :shop_id AND message <> ''
    GROUP BY {_COHORT}, noon
), people AS (
    INSERT INTO figure_changes (shop_id, {_COHORT}, at, entered, inside, completed, exited)
    SELECT :shop_id, flow, version, '', '', '', {_NOON.format(moment="entered_at")} AS noon, count(*),
        count(*) FILTER (WHERE state = 'live'), count(*) FILTER (WHERE state = 'done' AND outcome = 'completed'),
        count(*) FILTER (WHERE state = 'done' AND outcome IS DISTINCT FROM 'completed')
    FROM runs WHERE shop_id = :shop_id GROUP BY flow, version, noon
), goals AS (
    INSERT INTO figure_changes (shop_id, {_COHORT}, at, converted, conversion_seconds)
    SELECT :shop_id, flow, version, '', '', '', {_NOON.format(moment="opened_at")} AS noon, count(*),
        sum(CAST(extract(epoch FROM reached_at - opened_at) AS bigint))
    FROM goal_watches WHERE shop_id = :shop_id AND reached_at IS NOT NULL GROUP BY flow, version, noon
), purchases AS (
    INSERT INTO figure_changes (shop_id, {_COHORT}, at, orders, unpriced, revenue)
    SELECT :shop_id, {_COHORT}, {_NOON.format(moment="placed_at")} AS noon, count(*),
        count(*) FILTER (WHERE revenue IS NULL), coalesce(sum(revenue), 0)
    FROM attributions WHERE shop_id = :shop_id GROUP BY {_COHORT}, noon
), places AS (
    INSERT INTO step_changes (shop_id, flow, version, step, what, people)
    SELECT :shop_id, flow, version, coalesce(position ->> 'at', '') AS place,
        CASE WHEN state = 'live' THEN 'inside' ELSE 'ended:' || coalesce(outcome, '') END AS how, count(*)
    FROM runs WHERE shop_id = :shop_id GROUP BY flow, version, place, how
), carried AS (
    SELECT DISTINCT run_id FROM trail WHERE shop_id = :shop_id AND code = 'new_version'
), told AS (
    -- The version of a line is the one that the run was in then: the next change of version says from which one.
    SELECT trail.run_id, runs.flow, trail.step, trail.code,
        CASE WHEN carried.run_id IS NULL THEN runs.version ELSE coalesce(
            (SELECT CAST(later.detail ->> 'from' AS integer) FROM trail AS later
                WHERE later.shop_id = :shop_id AND later.run_id = trail.run_id AND later.code = 'new_version'
                AND later.id > trail.id ORDER BY later.id LIMIT 1),
            runs.version) END AS version
    FROM trail JOIN runs ON runs.shop_id = trail.shop_id AND runs.id = trail.run_id
    LEFT JOIN carried ON carried.run_id = trail.run_id
    WHERE trail.shop_id = :shop_id AND trail.step IS NOT NULL
)
INSERT INTO step_changes (shop_id, flow, version, step, what, people)
SELECT :shop_id, flow, version, step, 'reached', count(DISTINCT run_id)
FROM told WHERE code <> 'not_carried_over' GROUP BY flow, version, step
"""  # noqa: S608  of this module's own names only
)
