"""What Brevo already had when a shop was connected.

Revision: brevo_survey. Expand only: four tables.
"""

from __future__ import annotations

from alembic import op

revision = "brevo_survey"
down_revision = "profile_fields"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE brevo_surveys (
    shop_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    place BIGINT NOT NULL,
    since TIMESTAMP WITH TIME ZONE,
    counts JSONB NOT NULL,
    found JSONB NOT NULL,
    idempotency JSONB,
    due_real TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_real TIMESTAMP WITH TIME ZONE,
    attempts INTEGER NOT NULL,
    reason TEXT,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_brevo_surveys PRIMARY KEY (shop_id)
)
""",
    """
CREATE TABLE brevo_templates (
    shop_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    double_opt_in BOOLEAN NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_brevo_templates PRIMARY KEY (shop_id, id)
)
""",
    """
CREATE TABLE address_opt_outs (
    shop_id BIGINT NOT NULL,
    channel TEXT NOT NULL,
    address_digest TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_address_opt_outs PRIMARY KEY (shop_id, channel, address_digest)
)
""",
    """
CREATE TABLE checklist_ticks (
    shop_id BIGINT NOT NULL,
    item TEXT NOT NULL,
    ticked_by TEXT NOT NULL,
    ticked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_checklist_ticks PRIMARY KEY (shop_id, item)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")
