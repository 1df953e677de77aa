"""Messages of other channels than email: short links and their clicks, segments and cost of a message.

Revision: text_messages. Expand only: two columns that are null for what has left, and two tables.
"""

from __future__ import annotations

from alembic import op

revision = "text_messages"
down_revision = "currency"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE outbox ADD COLUMN segments INTEGER",
    "ALTER TABLE outbox ADD COLUMN cost NUMERIC(12, 4)",
    """
CREATE TABLE short_links (
    shop_id BIGINT NOT NULL,
    id TEXT NOT NULL,
    target TEXT NOT NULL,
    outbox_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_short_links PRIMARY KEY (shop_id, id)
)
""",
    "CREATE INDEX ix_short_links_outbox ON short_links (shop_id, outbox_id)",
    "CREATE INDEX ix_short_links_created ON short_links (shop_id, created_at)",
    """
CREATE TABLE short_link_clicks (
    shop_id BIGINT NOT NULL,
    link_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    outbox_id BIGINT NOT NULL,
    clicked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_short_link_clicks PRIMARY KEY (shop_id, link_id, n)
)
""",
    "CREATE INDEX ix_short_link_clicks_outbox ON short_link_clicks (shop_id, outbox_id)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
