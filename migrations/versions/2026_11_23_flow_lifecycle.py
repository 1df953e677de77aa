"""What was published stays: people inside a flow keep the version that they entered with.

Revision: flow_lifecycle. Expand only: a trigger. Only the erasure of a whole shop may delete a version of a flow.
"""

from __future__ import annotations

from alembic import op

revision = "flow_lifecycle"
down_revision = "activity"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    # The function comes with the audit log.
    "CREATE TRIGGER flow_versions_stay BEFORE DELETE ON flow_versions FOR EACH ROW EXECUTE FUNCTION refuse_deletion()",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
