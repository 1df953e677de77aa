"""Subscriptions of people, as the events API tells them.

Revision: order_signals. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "order_signals"
down_revision = "schedules"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE subscriptions (
    shop_id BIGINT NOT NULL,
    subscription TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    plan TEXT,
    product_id BIGINT,
    renews_at TIMESTAMP WITH TIME ZONE,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_subscriptions PRIMARY KEY (shop_id, subscription)
)
""",
    "CREATE INDEX ix_subscriptions_shop_id_person_id ON subscriptions (shop_id, person_id)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
