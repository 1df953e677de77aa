"""Live runs are found by their key in the index that keeps them single; what is due for a person has an index.

Revision: waiting_runs. Expand only: the same rows are single as before, and the release before finds all it looks for.
"""

from __future__ import annotations

from alembic import op

revision = "waiting_runs"
down_revision = "order_signals"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    "CREATE UNIQUE INDEX uq_runs_live_by_key ON runs (shop_id, key, flow, person_id) WHERE state = 'live'",
    "DROP INDEX uq_runs_live",
    "ALTER INDEX uq_runs_live_by_key RENAME TO uq_runs_live",
    "DROP INDEX ix_runs_live_key",
    "CREATE INDEX ix_outbox_person_due ON outbox (shop_id, person_id) WHERE state = 'due'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only another order of columns; the release before runs on this schema too")
