"""What messages looked like when they were sent.

Revision: message_contents. Expand only: a table in months, as attempts are.
"""

from __future__ import annotations

from alembic import op

revision = "message_contents"
down_revision = "read_indexes"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE message_contents (
    shop_id BIGINT NOT NULL,
    outbox_id BIGINT NOT NULL,
    outbox_created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT pk_message_contents PRIMARY KEY (shop_id, outbox_id, outbox_created_at)
)
 PARTITION BY RANGE (outbox_created_at)
""",
    # It is compressed already; the months take this over.
    "ALTER TABLE message_contents ALTER COLUMN content SET STORAGE EXTERNAL",
    "CREATE TABLE message_contents_other PARTITION OF message_contents DEFAULT",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
