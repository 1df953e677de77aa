"""What a merchant maps beside the shipped profile attributes.

Revision: profile_fields. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "profile_fields"
down_revision = "contact_imports"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
