"""What a merchant's other systems tell of people that outlasts the event: support tickets, answers to forms."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text
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
