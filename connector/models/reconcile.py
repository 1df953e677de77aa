"""Looks at the store for what deliveries did not tell, and what they came to.

``gaps`` holds the records of a report only while it is open; what is kept of it afterwards are counts by stretches of
time (``gap_reports.findings``).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

reconcile_passes = Table(
    "reconcile_passes",
    metadata,
    shop_column(),
    # changed | all: the manner of looking; then what is looked at: Customer, Order, Product, Collection.
    # subscriptions, sample, stuck, reviews stand by themselves.
    Column("look", Text, nullable=False),
    # The next look, in business time.
    Column("due_at", Moment, nullable=False),
    # Nobody looks before it, in machine time: a lease, a wait for an answer, or the rest after a failure.
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    # The pass under way: what changed since when it lists (NULL: everything), from where on (a page, a bulk operation),
    # and when it began (NULL: none is under way).
    Column("since", Moment),
    Column("cursor", Text),
    Column("began_at", Moment),
    # When the last whole pass ended, and the open report that waits for this one (NULL: none).
    Column("finished_at", Moment),
    Column("report_id", BigInteger),
    PrimaryKeyConstraint("shop_id", "look"),
)

gap_reports = Table(
    "gap_reports",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # open | done | failed
    Column("state", Text, nullable=False),
    # An actor of the audit log; "clock": nobody asked, something was found.
    Column("asked_by", Text, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("began_real", Moment, nullable=False),
    Column("finished_at", Moment),
    # When it is looked again whether all is repaired.
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    # [sentence] on what is no record: subscriptions made anew, runs set going, drift, what could not be looked at.
    Column("notes", JSONB, nullable=False),
    # sync.reconcile.report.Findings
    Column("findings", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    # What is found while one is open belongs to it.
    Index("uq_gap_reports_open", "shop_id", unique=True, postgresql_where="state = 'open'"),
)

gaps = Table(
    "gaps",
    metadata,
    shop_column(),
    Column("report_id", BigInteger, nullable=False),
    # Customer | Order | Product | Collection
    Column("kind", Text, nullable=False),
    # The store's id.
    Column("record_id", BigInteger, nullable=False),
    # missed: we did not have it | behind: we had an older state | gone: the store has deleted it
    Column("finding", Text, nullable=False),
    # When the store changed it; of what is gone, when we saw it.
    Column("changed_at", Moment, nullable=False),
    # open | repaired | failed
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "report_id", "kind", "record_id"),
)
