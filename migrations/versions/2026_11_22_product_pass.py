"""Every kind of record that Brevo keeps a copy of, by kind; passes over the store's catalogue.

Revision: product_pass. Expand only: an index, a table, and a row for each person with events that Brevo was not told
yet, which from now on are found by it. The release before goes on finding them by themselves.
"""

from __future__ import annotations

from alembic import op

revision = "product_pass"
down_revision = "channel_pauses"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "CREATE INDEX ix_sync_state_due ON sync_state (shop_id, entity, due_real) WHERE state IN ('due', 'leased')",
    """
CREATE TABLE catalogue_passes (
    shop_id BIGINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_real TIMESTAMP WITH TIME ZONE,
    attempts INTEGER NOT NULL,
    reason TEXT,
    since TIMESTAMP WITH TIME ZONE,
    cursor TEXT,
    began_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_catalogue_passes PRIMARY KEY (shop_id)
)
""",
    """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts)
SELECT shop_id, 'events', person_id, max(id), 0, 'due', min(due_real), 0
FROM feed WHERE state IN ('due', 'leased')
GROUP BY shop_id, person_id
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("an index, a table and rows are added; the release before runs on this schema too")
