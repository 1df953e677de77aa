"""Flows, their published versions, the people inside them, and everything that was decided."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

flows = Table(
    "flows",
    metadata,
    shop_column(),
    Column("flow", Text, nullable=False),
    # draft | active | paused | archived
    Column("status", Text, nullable=False),
    # native | brevo
    Column("mode", Text, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("shop_id", "flow"),
)

flow_versions = Table(
    "flow_versions",
    metadata,
    shop_column(),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # The flow file as data, and its messages {name: {subject, preview, body, ...}}.
    Column("definition", JSONB, nullable=False),
    Column("messages", JSONB, nullable=False),
    Column("digest", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "flow", "version"),
)

runs = Table(
    "runs",
    metadata,
    shop_column(),
    # uuid5(flow, trigger event id)
    Column("id", Uuid, nullable=False),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    # live | done
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    # flows.core.model.Run without the columns above
    Column("position", JSONB, nullable=False),
    Column("entered_at", Moment, nullable=False),
    Column("anchor_at", Moment, nullable=False),
    Column("ended_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    # The key first, because runs are looked for by it as well.
    Index("uq_runs_live", "shop_id", "key", "flow", "person_id", unique=True, postgresql_where="state = 'live'"),
    Index(None, "shop_id", "person_id"),
    # The people inside one flow, page by page, and whoever is told something about all of them.
    Index("ix_runs_inside", "shop_id", "flow", "person_id", postgresql_where="state = 'live'"),
)

timers = Table(
    "timers",
    metadata,
    shop_column(),
    # run: wakes a run | signal: a clock that events arm
    Column("kind", Text, nullable=False),
    # run id, or person id for a signal's clock
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("token", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    # The act (armings) that armed it for somebody who was there before; NULL: an event did.
    Column("arming_id", BigInteger),
    PrimaryKeyConstraint("shop_id", "kind", "owner", "key"),
    Index(None, "shop_id", "due_at"),
    Index(None, "shop_id", "person_id"),
    Index("ix_timers_arming", "shop_id", "arming_id", "person_id", postgresql_where="arming_id IS NOT NULL"),
)

goal_watches = Table(
    "goal_watches",
    metadata,
    shop_column(),
    Column("run_id", Uuid, nullable=False),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    # The key that the event must carry, null when any will do.
    Column("match", Text),
    Column("opened_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("reached_at", Moment),
    Column("reached_by", Uuid),
    PrimaryKeyConstraint("shop_id", "run_id"),
    Index("ix_goal_watches_open", "shop_id", "person_id", postgresql_where="reached_at IS NULL"),
)

trail = Table(
    "trail",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("run_id", Uuid),
    Column("flow", Text),
    Column("step", Text),
    Column("at", Moment, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "run_id"),
)

decisions = Table(
    "decisions",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # The transition's now, the order within it, what happened and every fact that was read.
    Column("at", Moment, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("stimulus", JSONB, nullable=False),
    Column("facts", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "person_id"),
)
