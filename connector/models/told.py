"""What a merchant's other systems tell of people that outlasts the event: support tickets, answers to forms,
subscriptions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

support_tickets = Table(
    "support_tickets",
    metadata,
    shop_column(),
    # The help desk's own id of it.
    Column("ticket", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # The newest of each that was told; it is open when it was opened after it was closed.
    Column("opened_at", Moment),
    Column("closed_at", Moment),
    PrimaryKeyConstraint("shop_id", "ticket"),
    Index(None, "shop_id", "person_id"),
)

form_answers = Table(
    "form_answers",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # The question, by the name that the form gives it; of two forms that ask the same the newer answer counts.
    Column("name", Text, nullable=False),
    Column("form", Text, nullable=False),
    # Text, number, true or false, or a list of texts.
    Column("value", JSONB, nullable=False),
    Column("answered_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "name"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    shop_column(),
    # The other system's own id of it.
    Column("subscription", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("plan", Text),
    Column("product_id", BigInteger),
    # When it renews, or ends by itself.
    Column("renews_at", Moment),
    # When all this was so: an older word changes nothing.
    Column("told_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "subscription"),
    Index(None, "shop_id", "person_id"),
)
