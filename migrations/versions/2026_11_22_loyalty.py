"""Points, tier, reward and expiry of people.

Revision: loyalty. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "loyalty"
down_revision = "catalogue_signals"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE loyalty_states (
    shop_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    points BIGINT,
    tier TEXT,
    reward TEXT,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_tier TEXT,
    told JSONB NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version BIGINT NOT NULL,
    unwritten BOOLEAN NOT NULL,
    CONSTRAINT pk_loyalty_states PRIMARY KEY (shop_id, person_id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
