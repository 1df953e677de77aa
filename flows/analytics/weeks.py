"""How many messages people get in a week, once a day: of the messages of the last seven days."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text, update

from connector.models.analytics import figure_passes
from connector.scope import Scope

_WEEK, _EVERY = timedelta(days=7), timedelta(days=1)


def draw(scope: Scope, before: datetime | None) -> None:
    """Draw it, unless that was done within a day. ``before``: when it was last done."""
    if before is not None and before > scope.now - _EVERY:
        return
    scope.connection.execute(_FORGET, {"shop_id": scope.shop_id})
    scope.connection.execute(_COUNT, {"shop_id": scope.shop_id, "since": scope.now - _WEEK, "now": scope.now})
    mine = figure_passes.c.shop_id == scope.shop_id
    scope.connection.execute(update(figure_passes).where(mine).values(week_at=scope.now))


_FORGET = text("DELETE FROM message_weeks WHERE shop_id = :shop_id")
# GROUPING SETS: each channel, and "" for all of them together.
_COUNT = text(
    """
WITH sent AS (
    SELECT person_id, coalesce(channel, '') AS channel, count(*) AS messages FROM outbox
    WHERE shop_id = :shop_id AND sent_at > :since AND sent_at <= :now AND message <> '' AND state = 'sent'
    GROUP BY GROUPING SETS ((person_id, channel), (person_id))
)
INSERT INTO message_weeks (shop_id, channel, messages, people)
SELECT :shop_id, channel, messages, count(*) FROM sent GROUP BY channel, messages
"""
)
