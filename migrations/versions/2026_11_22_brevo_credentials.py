"""Credentials at Brevo that are no key: OAuth.

Revision: brevo_credentials. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "brevo_credentials"
down_revision = "privacy"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
