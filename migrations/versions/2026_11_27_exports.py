"""What is stored of people, put together to be handed out.

Revision: exports. Expand only: one table.
"""

from __future__ import annotations

from alembic import op

revision = "exports"
down_revision = "metric_figures"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE person_exports (
    shop_id BIGINT NOT NULL,
    request_id BIGINT NOT NULL,
    part BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    sealed TEXT NOT NULL,
    ends_real TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_person_exports PRIMARY KEY (shop_id, request_id, part)
)
""",
    "CREATE INDEX ix_person_exports_shop_id_person_id ON person_exports (shop_id, person_id)",
    # It is compressed already.
    "ALTER TABLE person_exports ALTER COLUMN sealed SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
