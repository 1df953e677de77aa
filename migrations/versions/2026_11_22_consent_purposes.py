"""Consent per purpose, and the confirmation mails that were asked for.

Revision: consent_purposes. Expand only. Until now a channel had one purpose, its own.
"""

from __future__ import annotations

from alembic import op

revision = "consent_purposes"
down_revision = "installation"
branch_labels = None
depends_on = None

_OWN = "CASE channel WHEN 'email' THEN 'newsletter' ELSE channel END"

# The default is for the release before, which records consent to emails only.
_STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE consents ADD COLUMN purpose TEXT NOT NULL DEFAULT 'newsletter'",
    f"UPDATE consents SET purpose = {_OWN} WHERE channel <> 'email'",
    "ALTER TABLE consents DROP CONSTRAINT pk_consents",
    "ALTER TABLE consents ADD CONSTRAINT pk_consents PRIMARY KEY (shop_id, person_id, channel, purpose)",
    "ALTER TABLE consent_ledger ADD COLUMN purpose TEXT NOT NULL DEFAULT 'newsletter'",
    "ALTER TABLE consent_ledger ADD COLUMN evidence JSONB",
    # The one rewrite: what the lines already say, in the new column.
    "ALTER TABLE consent_ledger DISABLE TRIGGER consent_ledger_append_only",
    f"UPDATE consent_ledger SET purpose = {_OWN} WHERE channel <> 'email'",
    "ALTER TABLE consent_ledger ENABLE TRIGGER consent_ledger_append_only",
    """
    CREATE TABLE double_opt_ins (
        shop_id BIGINT NOT NULL,
        person_id BIGINT NOT NULL,
        ledger_id BIGINT NOT NULL,
        n INTEGER NOT NULL,
        asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        outcome TEXT,
        CONSTRAINT pk_double_opt_ins PRIMARY KEY (shop_id, person_id, ledger_id, n)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
