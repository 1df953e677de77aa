"""``GET /development/...``: for a driver that steps the clock. Is everything of now done, what is due next, and what
became of each delivery?

Only in development. What is told to the provider (contacts, events) does not count as busy: it follows machine time.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import Engine, text

from connector.clock import Clock, monotonic, pause

_LONGEST_WAIT, _LOOK_SECONDS = 20.0, 0.015

_STATEMENT = text(
    """
    SELECT EXISTS (SELECT 1 FROM inbox WHERE state IN ('new', 'retry'))
        OR EXISTS (SELECT 1 FROM fetches WHERE state = 'leased' OR (state = 'due' AND due_real <= :machine))
        OR EXISTS (SELECT 1 FROM person_work WHERE pending)
        OR EXISTS (SELECT 1 FROM timers WHERE due_at <= :now)
        OR EXISTS (SELECT 1 FROM schedules WHERE due_at <= :now)
        OR EXISTS (SELECT 1 FROM outbox WHERE (state = 'due' AND due_at <= :now) OR state IN ('leased', 'unknown'))
        AS busy,
        EXISTS (SELECT 1 FROM sync_state WHERE state IN ('due', 'leased'))
        OR EXISTS (SELECT 1 FROM feed WHERE state IN ('due', 'leased')) AS telling,
        least(
            (SELECT min(due_at) FROM timers WHERE due_at > :now),
            (SELECT min(due_at) FROM schedules WHERE due_at > :now),
            (SELECT min(due_at) FROM outbox WHERE state = 'due' AND due_at > :now)
        ) AS next_due
    """
)


def blueprint(engine: Engine, clock: Clock) -> Blueprint:
    """The route."""
    routes = Blueprint("stepping", __name__)

    @routes.get("/development/work")
    def work() -> Response:
        """``?wait=SECONDS``: answer when nothing of now is left to do, or after so many real seconds."""
        end = monotonic() + min(request.args.get("wait", 0.0, float), _LONGEST_WAIT)
        while True:
            # No transaction stays open while we wait.
            with engine.connect() as connection:
                row = connection.execute(_STATEMENT, {"now": clock.now(), "machine": clock.machine()}).one()
            if not row.busy or monotonic() >= end:
                break
            pause(_LOOK_SECONDS)
        next_due = row.next_due.timestamp() if row.next_due else None
        return jsonify(busy=row.busy, telling=row.telling, next_due_at=next_due)

    @routes.get("/development/inbox")
    def deliveries() -> Response:
        """{state: [external ids]} of one source's deliveries."""
        query = text("SELECT state, external_id FROM inbox WHERE source = :source ORDER BY id")
        found: dict[str, list[str]] = {}
        with engine.connect() as connection:
            for row in connection.execute(query, {"source": request.args.get("source", "shopify")}):
                found.setdefault(row.state, []).append(row.external_id)
        return jsonify(found)

    return routes
