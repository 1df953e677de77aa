"""Work that has stopped: found by index, and a delivery that was given another go says so.

Revision: stopped_work. Expand only: empty columns and partial indexes. The indexes hold only rows that somebody has
to look at; building them reads each table once and holds its writers back meanwhile, the inbox's too.
"""

from __future__ import annotations

from alembic import op

revision = "stopped_work"
down_revision = "spine"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE inbox ADD COLUMN replays INTEGER, ADD COLUMN replayed_real TIMESTAMP WITH TIME ZONE;
CREATE INDEX ix_inbox_stopped ON inbox (shop_id, id) WHERE state IN ('quarantined', 'poison');
CREATE INDEX ix_outbox_failed ON outbox (shop_id, created_at) WHERE state = 'failed';
CREATE INDEX ix_fetches_failed ON fetches (shop_id, remote_id) WHERE state = 'failed';
CREATE INDEX ix_sync_state_failed ON sync_state (shop_id, entity_id) WHERE state = 'failed';
CREATE INDEX ix_feed_refused ON feed (shop_id, id) WHERE state = 'refused';
"""


def upgrade() -> None:
    """Add two columns and five partial indexes."""
    for statement in _STATEMENTS.strip().split("\n"):
        op.execute(statement)


def downgrade() -> None:
    """Schemas only grow; go back with a restored backup."""
    raise NotImplementedError("expand only: deploy the previous release on this schema")
