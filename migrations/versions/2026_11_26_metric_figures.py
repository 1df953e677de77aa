"""What metrics come to: of flows, and of the whole shop.

Revision: metric_figures. Expand only: two tables.
"""

from __future__ import annotations

from alembic import op

revision = "metric_figures"
down_revision = "message_contents"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE metric_figures (
    shop_id BIGINT NOT NULL,
    round BIGINT NOT NULL,
    metric TEXT NOT NULL,
    flow TEXT NOT NULL,
    day DATE NOT NULL,
    who TEXT NOT NULL,
    whole BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    amount NUMERIC(18, 4) NOT NULL,
    CONSTRAINT pk_metric_figures PRIMARY KEY (shop_id, round, metric, flow, day, who)
)
""",
    """
CREATE TABLE metric_passes (
    shop_id BIGINT NOT NULL,
    round BIGINT NOT NULL,
    counted_at TIMESTAMP WITH TIME ZONE,
    began_at TIMESTAMP WITH TIME ZONE,
    beyond BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    due_real TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_metric_passes PRIMARY KEY (shop_id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
