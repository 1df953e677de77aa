"""How a shop was installed, and its tokens that expire.

Revision: installation. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "installation"
down_revision = "product_pass"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
ALTER TABLE shops
    ADD COLUMN token_kind TEXT NOT NULL DEFAULT 'fixed',
    ADD COLUMN shopify_client_id TEXT,
    ADD COLUMN shopify_refresh TEXT,
    ADD COLUMN shopify_refresh_before TEXT,
    ADD COLUMN token_expires_wire DOUBLE PRECISION,
    ADD COLUMN refresh_expires_wire DOUBLE PRECISION,
    ADD COLUMN token_stored_wire DOUBLE PRECISION,
    ADD COLUMN token_claim BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN token_lease_real TIMESTAMP WITH TIME ZONE,
    ADD COLUMN token_trouble TEXT,
    ADD COLUMN granted_scopes TEXT[],
    ADD COLUMN scopes_heard_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN installed_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN uninstalled_at TIMESTAMP WITH TIME ZONE
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
