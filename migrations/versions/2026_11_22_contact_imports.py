"""Contacts that go to Brevo in bulk.

Revision: contact_imports. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "contact_imports"
down_revision = "brevo_credentials"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
