"""Contacts that go to Brevo in bulk, and the lists there that somebody has left.

Who is in an import is said by ``sync_state.import_id``; the values themselves are read when it is sent.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from connector.db.schema import Moment, metadata, shop_column

contact_imports = Table(
    "contact_imports",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # forming: people are still put into it | due: to be sent | sent: Brevo works on it | done | failed
    Column("state", Text, nullable=False),
    # What holds for everybody in it, because Brevo takes these by the import and not by the person.
    Column("email_blocked", Boolean, nullable=False),
    Column("sms_blocked", Boolean, nullable=False),
    Column("list_ids", ARRAY(BigInteger), nullable=False),
    # Of the lines: how many, and bytes as they are sent; ``refused`` of them Brevo has left out.
    Column("people", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("refused", Integer, nullable=False),
    # Brevo's number of the process that works on it.
    Column("process_id", BigInteger),
    Column("made_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    # How often it was begun to be sent, and how often Brevo was asked what became of it since then.
    Column("attempts", Integer, nullable=False),
    Column("polls", Integer, nullable=False),
    Column("sent_real", Moment),
    Column("reason", Text),
    PrimaryKeyConstraint("shop_id", "id"),
    Index("ix_contact_imports_open", "shop_id", "due_real", postgresql_where="state IN ('forming', 'due', 'sent')"),
)

lists_left = Table(
    "lists_left",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # email | sms
    Column("channel", Text, nullable=False),
    # Of the opt-out (consents.evidence_at) after which the contact was taken off its lists.
    Column("evidence_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "channel"),
)
