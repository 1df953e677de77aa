"""People are found by the beginning of a name or an address without reading all of them.

Revision: people_search. Expand only: indexes.
"""

from __future__ import annotations

from alembic import op

revision = "people_search"
down_revision = "provider_reports"
branch_labels = None
depends_on = None

_STATEMENTS = tuple(
    f"CREATE INDEX ix_persons_{column}_begins ON persons (shop_id, lower({column}) text_pattern_ops)"
    for column in ("first_name", "last_name", "email")
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
