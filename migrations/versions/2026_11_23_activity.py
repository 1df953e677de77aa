"""What is remembered of how people behave, and the segments of the store that they are in.

Revision: activity. Expand only: two tables.
"""

from __future__ import annotations

from alembic import op

revision = "activity"
down_revision = "whatsapp"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE activities (
    shop_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    state JSONB NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_activities PRIMARY KEY (shop_id, person_id)
)
""",
    """
CREATE TABLE segment_members (
    shop_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    segment_id BIGINT NOT NULL,
    member BOOLEAN NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_segment_members PRIMARY KEY (shop_id, person_id, segment_id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
