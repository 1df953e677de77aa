"""The region of a country in which a person lives, for the hours in which they may be written to.

Revision: quiet_hours. Expand only: a column that may be null.
"""

from __future__ import annotations

from alembic import op

revision = "quiet_hours"
down_revision = "outgoing_webhooks"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = ("ALTER TABLE persons ADD COLUMN region TEXT",)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
