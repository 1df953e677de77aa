"""Flows that are being written in the admin.

Revision: flow_drafts. Expand only: a table.
"""

from __future__ import annotations

from alembic import op

revision = "flow_drafts"
down_revision = "alerts"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE flow_drafts (
    shop_id BIGINT NOT NULL,
    flow TEXT NOT NULL,
    files JSONB NOT NULL,
    base_version INTEGER NOT NULL,
    saved_by TEXT NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_flow_drafts PRIMARY KEY (shop_id, flow)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
