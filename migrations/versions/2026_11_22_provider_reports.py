"""What Brevo tells of messages and people.

Revision: provider_reports. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "provider_reports"
down_revision = "brevo_survey"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
