"""What must be read from the store and what must be told to the provider."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

fetches = Table(
    "fetches",
    metadata,
    shop_column(),
    # Customer | Product: the GraphQL type; remote_id is the numeric id
    Column("kind", Text, nullable=False),
    Column("remote_id", BigInteger, nullable=False),
    # due | leased | done | failed
    Column("state", Text, nullable=False),
    # Raised by every wish; a fetch answers the wish whose number it read.
    Column("wanted", BigInteger, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    # Only syncs that staff asked for have wished for it: what it brings starts nothing.
    Column("quiet", Boolean, nullable=False, server_default="false"),
    # backfill | reconcile: what else than a delivery has noticed it; NULL: a delivery asks for it too.
    Column("found_by", Text),
    PrimaryKeyConstraint("shop_id", "kind", "remote_id"),
    Index("ix_fetches_open", "shop_id", "due_real", postgresql_where="state IN ('due', 'leased')"),
    Index("ix_fetches_failed", "shop_id", "remote_id", postgresql_where="state = 'failed'"),
)

sync_state = Table(
    "sync_state",
    metadata,
    shop_column(),
    # contact, events, store_consent, double_opt_in, loyalty: entity_id is the person id; order, product, category: the
    # id in the store
    Column("entity", Text, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("wanted_version", BigInteger, nullable=False),
    Column("sent_version", BigInteger, nullable=False),
    # due | leased | done | failed | waiting: for the person's contact; of a contact that only quiet scopes have wished
    # for: gathering, until it is known how it goes | importing
    Column("state", Text, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    # Only syncs that staff asked for have wished for it: Brevo is told by no call that starts automations.
    Column("quiet", Boolean, nullable=False, server_default="false"),
    # The newest run (sync_runs) that waits for the outcome; NULL: none does.
    Column("run_id", BigInteger),
    # The import (contact_imports) that this contact is in, and the version of it that the import brings; NULL: in none.
    Column("import_id", BigInteger),
    Column("import_version", BigInteger),
    PrimaryKeyConstraint("shop_id", "entity", "entity_id"),
    Index("ix_sync_state_due", "shop_id", "entity", "due_real", postgresql_where="state IN ('due', 'leased')"),
    Index("ix_sync_state_open", "shop_id", "due_real", postgresql_where="state IN ('due', 'leased')"),
    # What somebody waits for is found however much there is in bulk, and the other way round.
    Index(
        "ix_sync_state_live",
        "shop_id",
        "entity",
        "due_real",
        postgresql_where="state IN ('due', 'leased') AND NOT quiet",
    ),
    Index(
        "ix_sync_state_bulk",
        "shop_id",
        "entity",
        "due_real",
        postgresql_where="state IN ('due', 'leased') AND quiet",
    ),
    Index("ix_sync_state_failed", "shop_id", "entity_id", postgresql_where="state = 'failed'"),
    Index("ix_sync_state_run", "shop_id", "run_id", postgresql_where="run_id IS NOT NULL"),
    Index("ix_sync_state_gathering", "shop_id", "entity_id", postgresql_where="state = 'gathering'"),
    Index("ix_sync_state_import", "shop_id", "import_id", "entity_id", postgresql_where="import_id IS NOT NULL"),
)

feed = Table(
    "feed",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    # The provider's event name and the body of POST /events without its identifiers.
    Column("name", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    # due | sent | refused (leased: a release before this one)
    Column("state", Text, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "event_id", "name"),
    Index("ix_feed_open", "shop_id", "person_id", "id", postgresql_where="state IN ('due', 'leased')"),
    Index("ix_feed_refused", "shop_id", "id", postgresql_where="state = 'refused'"),
)

catalogue_passes = Table(
    "catalogue_passes",
    metadata,
    shop_column(),
    # The next look, in business time.
    Column("due_at", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    # The pass under way: what changed since when it lists (NULL: everything), from which page on, and when it began
    # (NULL: none is under way).
    Column("since", Moment),
    Column("cursor", Text),
    Column("began_at", Moment),
    PrimaryKeyConstraint("shop_id"),
)

external_ids = Table(
    "external_ids",
    metadata,
    shop_column(),
    Column("kind", Text, nullable=False),
    Column("local", Text, nullable=False),
    Column("remote", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "kind", "local"),
    UniqueConstraint("shop_id", "kind", "remote"),
)
