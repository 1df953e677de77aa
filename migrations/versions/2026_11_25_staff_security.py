"""A second factor for staff, and keys of the admin API.

Revision: staff_security. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "staff_security"
down_revision = "flow_drafts"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
ALTER TABLE staff
    ADD COLUMN second_factor TEXT,
    ADD COLUMN second_factor_next TEXT,
    ADD COLUMN second_factor_step BIGINT
""",
    "ALTER TABLE staff_sessions ADD COLUMN proven_real TIMESTAMP WITH TIME ZONE",
    """
CREATE TABLE staff_recovery_codes (
    staff_id BIGINT NOT NULL,
    digest TEXT NOT NULL,
    CONSTRAINT pk_staff_recovery_codes PRIMARY KEY (staff_id, digest)
)
""",
    # A release before this one takes keys of the events API only: it knows them by how they begin.
    "ALTER TABLE api_keys ADD COLUMN role TEXT",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
