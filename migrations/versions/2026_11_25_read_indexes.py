"""Indexes by which the admin's pages read.

Revision: read_indexes. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "read_indexes"
down_revision = "review_tasks"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    "CREATE INDEX ix_runs_inside ON runs (shop_id, flow, person_id) WHERE state = 'live'",
    "CREATE INDEX ix_persons_first_name_inner ON persons"
    " (shop_id, lower(regexp_replace(first_name, '^.*[ -]', '')) text_pattern_ops) WHERE first_name ~ '[ -]'",
    "CREATE INDEX ix_persons_last_name_inner ON persons"
    " (shop_id, lower(regexp_replace(last_name, '^.*[ -]', '')) text_pattern_ops) WHERE last_name ~ '[ -]'",
    "CREATE INDEX ix_orders_shop_id_name ON orders (shop_id, name)",
    "CREATE INDEX ix_webhook_deliveries_shop_id_endpoint_id_id ON webhook_deliveries (shop_id, endpoint_id, id)",
    # The newest of an object: without the id PostgreSQL went through the whole log from its end.
    "CREATE INDEX ix_audit_log_shop_id_object_kind_object_id_id ON audit_log (shop_id, object_kind, object_id, id)",
    "DROP INDEX ix_audit_log_shop_id_object_kind_object_id",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
