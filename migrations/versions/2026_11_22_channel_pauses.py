"""Channels at the provider that stand still, with the reason.

Revision: channel_pauses. Expand only: a new table, which the release before does not look at.
"""

from __future__ import annotations

from alembic import op

revision = "channel_pauses"
down_revision = "store_side"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE channel_pauses (
    shop_id BIGINT NOT NULL,
    channel TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    probe_real TIMESTAMP WITH TIME ZONE NOT NULL,
    probes INTEGER NOT NULL,
    CONSTRAINT pk_channel_pauses PRIMARY KEY (shop_id, channel)
)
"""


def upgrade() -> None:
    op.execute(_TABLE)


def downgrade() -> None:
    raise NotImplementedError("a table is added; the release before runs on this schema too")
