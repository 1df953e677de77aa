"""What people asked for by law, and what stands for those who were erased so that they do not come back.

Requests and erasures do not say who somebody was once a request is done: ``named`` and ``sealed`` are blanked with its
last step, and digests are HMAC-SHA256 with the shop's salt. The requests outlive their shop: its receipt is all that is
left of it.
"""

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
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

privacy_requests = Table(
    "privacy_requests",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # data_request | export | redact | shop_redact
    Column("kind", Text, nullable=False),
    # Who asked: shopify | staff, and what makes the same request come once: the delivery's id, or ours.
    Column("source", Text, nullable=False),
    Column("reference", Text, nullable=False),
    # HMAC of the customer's id; null: of a person without one, or of a shop.
    Column("customer_digest", Text),
    # The row of persons, which stays without anything in it.
    Column("person_id", BigInteger),
    # {customer_id, email, phone, orders}, as the request names them; {} once it is carried out.
    Column("named", JSONB, nullable=False),
    # due | leased | ready: the bundle waits to be handed out | done | cancelled
    Column("state", Text, nullable=False),
    # What comes next: count | gather | bundle | rows | deliveries | brevo | shop | tables (sync.privacy.work)
    Column("stage", Text, nullable=False),
    # What is still needed of the person after the rows are gone, encrypted for the shop; null when nothing is.
    Column("sealed", Text),
    # The deliveries to be gone through: up to top, of which up to scanned is done.
    Column("scanned", BigInteger, nullable=False),
    Column("top", BigInteger, nullable=False),
    Column("received_at", Moment, nullable=False),
    # By law.
    Column("due_at", Moment, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Column("done_at", Moment),
    # Counts, times and answers; never who it was.
    Column("receipt", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "kind", "reference"),
    Index("ix_privacy_requests_open", "shop_id", "due_real", postgresql_where="state IN ('due', 'leased')"),
    Index(None, "shop_id", "customer_digest"),
)

person_exports = Table(
    "person_exports",
    metadata,
    shop_column(),
    # Of privacy_requests.
    Column("request_id", BigInteger, nullable=False),
    # 0: everything, to be handed out. Until that is there: what the deliveries up to this number said of the person.
    Column("part", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # Compressed, and encrypted for the shop.
    Column("sealed", Text, nullable=False),
    # From then on it is handed out no more, and goes.
    Column("ends_real", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "request_id", "part"),
    Index(None, "shop_id", "person_id"),
)

erasures = Table(
    "erasures",
    metadata,
    shop_column(),
    # HMAC of "KIND:VALUE": customer, order, checkout, cart, draft_order, email, phone.
    Column("digest", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # What was told before it stays forgotten, whenever it arrives.
    Column("erased_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "digest"),
)
