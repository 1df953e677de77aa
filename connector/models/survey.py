"""What a Brevo account held when a shop was connected to it, and what staff have ticked off since."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

brevo_surveys = Table(
    "brevo_surveys",
    metadata,
    shop_column(),
    # The account that is read (shops.brevo_account), or "unknown".
    Column("account", Text, nullable=False),
    # due | done
    Column("state", Text, nullable=False),
    # contacts | blocked | account | templates: what is read next, and from which place on.
    Column("stage", Text, nullable=False),
    Column("place", BigInteger, nullable=False),
    # Only what Brevo has changed since then; NULL: everything.
    Column("since", Moment),
    # {"contacts": [read, of], "opted_out": n, ...}: of the survey under way or the newest.
    Column("counts", JSONB, nullable=False),
    # What the account itself is: plan, lists, senders, domains, webhooks. Nothing of its contacts.
    Column("found", JSONB, nullable=False),
    # What `connector brevo doctor --probe` found out about idempotency keys.
    Column("idempotency", JSONB),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Column("began_at", Moment, nullable=False),
    Column("done_at", Moment),
    PrimaryKeyConstraint("shop_id"),
)

brevo_templates = Table(
    "brevo_templates",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    # For double opt-in confirmations.
    Column("double_opt_in", Boolean, nullable=False),
    Column("read_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
)

address_opt_outs = Table(
    "address_opt_outs",
    metadata,
    shop_column(),
    # email | sms | whatsapp
    Column("channel", Text, nullable=False),
    # HMAC-SHA256 of the address or number with the shop's salt (connector.suppression).
    Column("address_digest", Text, nullable=False),
    # unsubscribed | undeliverable
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    # When they opted out, as far as the source tells; else when it was heard.
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "channel", "address_digest"),
)

checklist_ticks = Table(
    "checklist_ticks",
    metadata,
    shop_column(),
    Column("item", Text, nullable=False),
    Column("ticked_by", Text, nullable=False),
    Column("ticked_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "item"),
)
