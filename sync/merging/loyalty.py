"""Where two people who are one stand in a loyalty programme."""

from __future__ import annotations

from sqlalchemy import delete, select

from connector.db.rows import write_rows
from connector.models.loyalty import loyalty_states
from sync import wishes
from sync.loyalty.standing import as_columns, from_row, newer
from sync.merging.merge import Merge


def newest(merge: Merge) -> int:
    """Of each field the newer word counts. Points are not added up: what moves them between the two of the programme's
    own is the programme's business, which tells of it."""
    shop_id, connection = merge.scope.shop_id, merge.scope.connection
    theirs = (loyalty_states.c.shop_id == shop_id) & loyalty_states.c.person_id.in_((merge.kept, merge.gone))
    rows = {row["person_id"]: dict(row) for row in connection.execute(select(loyalty_states).where(theirs)).mappings()}
    gone = rows.get(merge.gone)
    if gone is None:
        return 0
    kept = rows.get(merge.kept) or {**gone, "told": {}, "last_tier": None, "version": 0, "unwritten": False}
    unwritten = kept["unwritten"] or gone["unwritten"]
    row = {
        "shop_id": shop_id,
        "person_id": merge.kept,
        **as_columns(newer(from_row(kept), from_row(gone))),
        "changed_at": max(kept["changed_at"], gone["changed_at"]),
        "version": max(kept["version"], gone["version"]) + unwritten,
        "unwritten": unwritten,
    }
    connection.execute(
        delete(loyalty_states).where(loyalty_states.c.shop_id == shop_id, loyalty_states.c.person_id == merge.gone)
    )
    write_rows(connection, loyalty_states, [row])
    if unwritten:
        wishes.wish(merge.scope, "loyalty", merge.kept, row["version"])
    return 1
