"""Addresses of the merchant that are told what happens, what each is to be told, and each try at it."""

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
from sqlalchemy.dialects.postgresql import ARRAY

from connector.db.schema import Moment, metadata, shop_column

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    # What flows call it; NULL: none can.
    Column("name", Text),
    # The names of our events that it is told of.
    Column("events", ARRAY(Text), nullable=False),
    # Whether it is told whose they are.
    Column("include_person", Boolean, nullable=False),
    # Sealed; the one before still signs beside it until then.
    Column("secret", Text, nullable=False),
    Column("secret_before", Text),
    Column("secret_before_until_real", Moment),
    # active | disabled, and why: gone | failing | by_staff
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("created_at", Moment, nullable=False),
    # Since when nothing has arrived; NULL: the last delivery did.
    Column("failing_since_real", Moment),
    # One worker at a time; after a call that failed it is left alone for a while.
    Column("lease_real", Moment),
    Column("rest_real", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index("uq_webhook_endpoints_name", "shop_id", "name", unique=True),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("endpoint_id", BigInteger, nullable=False),
    # The event, by its key. What is told of it is read when it leaves.
    Column("event_id", Uuid, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("person_id", BigInteger),
    # due | delivered | failed
    Column("state", Text, nullable=False),
    Column("made_real", Moment, nullable=False),
    Column("due_real", Moment, nullable=False),
    # In all, and since it was last begun with: staff may have it sent once more.
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "endpoint_id", "event_id"),
    # The newest of an endpoint.
    Index(None, "shop_id", "endpoint_id", "id"),
    Index("ix_webhook_deliveries_due", "shop_id", "endpoint_id", "due_real", postgresql_where="state = 'due'"),
    Index(None, "shop_id", "person_id"),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    shop_column(),
    Column("delivery_id", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("started_real", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    # Of HTTP; NULL: there was no answer, for this reason.
    Column("status", Integer),
    Column("error", Text),
    # How the answer began, masked.
    Column("answer", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "delivery_id", "n"),
)
