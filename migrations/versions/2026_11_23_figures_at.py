"""Which orders the store's figures of a customer hold.

Revision: figures_at. Expand only: a column that may be empty; whoever has none is counted as before.
"""

from __future__ import annotations

from alembic import op

revision = "figures_at"
down_revision = "waiting_runs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE persons ADD COLUMN figures_hold JSONB")


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
