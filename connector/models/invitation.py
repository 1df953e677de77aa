"""Invitations of staff: links that work once, for a day."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from connector.db.schema import Moment, metadata

staff_invitations = Table(
    "staff_invitations",
    metadata,
    # sha256 of the token in the link: who reads this table cannot follow it.
    Column("digest", Text, primary_key=True),
    # Lower case.
    Column("email", Text, nullable=False),
    # Of somebody who is on the staff already and is to choose a new password.
    Column("staff_id", BigInteger),
    # What a new account is to be; of one that is there, what it was.
    Column("role", Text, nullable=False),
    Column("every_shop", Boolean, nullable=False),
    Column("shop_ids", ARRAY(BigInteger), nullable=False),
    # An actor of the audit log.
    Column("invited_by", Text, nullable=False),
    Column("made_real", Moment, nullable=False),
    Column("ends_real", Moment, nullable=False),
)
