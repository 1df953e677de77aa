"""Flows that start by the calendar.

Revision: schedules. Expand only: a table.
"""

from __future__ import annotations

from alembic import op

revision = "schedules"
down_revision = "flow_lifecycle"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE schedules (
    shop_id BIGINT NOT NULL,
    flow TEXT NOT NULL,
    plan TEXT NOT NULL,
    occurrence TEXT,
    due_at TIMESTAMP WITH TIME ZONE,
    cursor BIGINT NOT NULL,
    armed INTEGER NOT NULL,
    prepared TEXT,
    prepared_armed INTEGER,
    missed TEXT,
    CONSTRAINT pk_schedules PRIMARY KEY (shop_id, flow)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
