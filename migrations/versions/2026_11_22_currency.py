"""What currencies are worth in each other, and indexes for live and bulk copies at Brevo.

Revision: currency. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "currency"
down_revision = "arming"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE currency_rates (
        shop_id bigint NOT NULL,
        currency text NOT NULL,
        counted_in text NOT NULL,
        since date NOT NULL,
        rate numeric(24, 12) NOT NULL,
        set_by text NOT NULL,
        set_at timestamptz NOT NULL,
        CONSTRAINT pk_currency_rates PRIMARY KEY (shop_id, currency, counted_in, since)
    )
    """,
    """
    CREATE TABLE account_currencies (
        shop_id bigint NOT NULL,
        currency text NOT NULL,
        asked_real timestamptz NOT NULL,
        CONSTRAINT pk_account_currencies PRIMARY KEY (shop_id)
    )
    """,
    "CREATE INDEX ix_sync_state_live ON sync_state (shop_id, entity, due_real)"
    " WHERE state IN ('due', 'leased') AND NOT quiet",
    "CREATE INDEX ix_sync_state_bulk ON sync_state (shop_id, entity, due_real)"
    " WHERE state IN ('due', 'leased') AND quiet",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
