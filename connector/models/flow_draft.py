"""Flows that are being written in the admin: the files as they were last saved, whether or not they can be read."""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

flow_drafts = Table(
    "flow_drafts",
    metadata,
    shop_column(),
    # The flow that they are the next version of; it need not be published yet.
    Column("flow", Text, nullable=False),
    # {"flow.yaml": text, "messages/NAME.liquid": text}
    Column("files", JSONB, nullable=False),
    # The version that was current when the draft was begun; 0: there was none.
    Column("base_version", Integer, nullable=False),
    # An actor of the audit log.
    Column("saved_by", Text, nullable=False),
    Column("saved_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "flow"),
)
