"""What Brevo already had when a shop was connected.

Revision: brevo_survey. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "brevo_survey"
down_revision = "profile_fields"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
