"""Credentials at Brevo that are no key: OAuth.

Revision: brevo_credentials. Expand only: a new table, which the release before does not look at.
"""

from __future__ import annotations

from alembic import op

revision = "brevo_credentials"
down_revision = "privacy"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE brevo_grants (
    shop_id BIGINT NOT NULL,
    brevo_token TEXT NOT NULL,
    brevo_refresh TEXT NOT NULL,
    brevo_refresh_before TEXT,
    scopes TEXT[] NOT NULL,
    expires_wire DOUBLE PRECISION,
    refresh_expires_wire DOUBLE PRECISION,
    stored_wire DOUBLE PRECISION NOT NULL,
    claim BIGINT DEFAULT '0' NOT NULL,
    lease_real TIMESTAMP WITH TIME ZONE,
    trouble TEXT,
    CONSTRAINT pk_brevo_grants PRIMARY KEY (shop_id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
