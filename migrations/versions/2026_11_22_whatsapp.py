"""WhatsApp: the account and its templates, and what is known of numbers.

Revision: whatsapp. Expand only: three tables.
"""

from __future__ import annotations

from alembic import op

revision = "whatsapp"
down_revision = "loyalty"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE whatsapp_accounts (
    shop_id BIGINT NOT NULL,
    asked_real TIMESTAMP WITH TIME ZONE NOT NULL,
    read_real TIMESTAMP WITH TIME ZONE,
    found JSONB NOT NULL,
    CONSTRAINT pk_whatsapp_accounts PRIMARY KEY (shop_id)
)
""",
    """
CREATE TABLE whatsapp_templates (
    shop_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    category TEXT NOT NULL,
    status TEXT NOT NULL,
    CONSTRAINT pk_whatsapp_templates PRIMARY KEY (shop_id, id)
)
""",
    """
CREATE TABLE whatsapp_numbers (
    shop_id BIGINT NOT NULL,
    number_digest TEXT NOT NULL,
    replied_at TIMESTAMP WITH TIME ZONE,
    wait_until TIMESTAMP WITH TIME ZONE,
    of_use_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_whatsapp_numbers PRIMARY KEY (shop_id, number_digest)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
