"""Tasks that come back by the calendar, invitations of staff, and what the lists of both and of the audit log read by.

Revision: review_tasks. Expand only: columns that may be empty, indexes, a table; one index gives way to a wider one.
"""

from __future__ import annotations

from alembic import op

revision = "review_tasks"
down_revision = "staff_security"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE tasks ALTER COLUMN outbox_id DROP NOT NULL",
    "ALTER TABLE tasks ALTER COLUMN person_id DROP NOT NULL",
    "ALTER TABLE tasks ALTER COLUMN run_id DROP NOT NULL",
    "ALTER TABLE tasks ALTER COLUMN flow DROP NOT NULL",
    "ALTER TABLE tasks ALTER COLUMN step DROP NOT NULL",
    "ALTER TABLE tasks ADD COLUMN review TEXT",
    "ALTER TABLE tasks ADD COLUMN period TEXT",
    "CREATE UNIQUE INDEX uq_tasks_review ON tasks (shop_id, review, period) WHERE review IS NOT NULL",
    "DROP INDEX ix_tasks_open",
    "CREATE INDEX ix_tasks_open ON tasks (shop_id, due_at, id) WHERE state = 'open'",
    "CREATE INDEX ix_tasks_of ON tasks (shop_id, assignee, due_at, id) WHERE state = 'open'",
    "CREATE INDEX ix_tasks_closed ON tasks (shop_id, closed_at, id) WHERE state <> 'open'",
    """
CREATE TABLE staff_invitations (
    digest TEXT NOT NULL,
    email TEXT NOT NULL,
    staff_id BIGINT,
    role TEXT NOT NULL,
    every_shop BOOLEAN NOT NULL,
    shop_ids BIGINT[] NOT NULL,
    invited_by TEXT NOT NULL,
    made_real TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_real TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_staff_invitations PRIMARY KEY (digest)
)
""",
    "CREATE INDEX ix_audit_log_shop_id_actor_id ON audit_log (shop_id, actor, id)",
    "CREATE INDEX ix_audit_log_shop_id_act_id ON audit_log (shop_id, act, id)",
    "CREATE INDEX ix_audit_log_shop_id_object_kind_id ON audit_log (shop_id, object_kind, id)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
