"""What two people who are one have done, and the store's segments that they are in."""

from __future__ import annotations

from sqlalchemy import delete, select, text

from connector.db.rows import write_rows
from connector.models.activity import activities
from flows.core.activity import both, from_json
from sync.merging.merge import Merge


def together(merge: Merge) -> int:
    """Of each sign the newest counts, looks and messages of both, and the points are added up."""
    shop_id, connection = merge.scope.shop_id, merge.scope.connection
    theirs = (activities.c.shop_id == shop_id) & activities.c.person_id.in_((merge.kept, merge.gone))
    rows = {row.person_id: row for row in connection.execute(select(activities).where(theirs))}
    gone, kept = rows.get(merge.gone), rows.get(merge.kept)
    if gone is None:
        return 0
    state = both(from_json(kept.state if kept else None), from_json(gone.state))
    changed_at = max(row.changed_at for row in rows.values())
    connection.execute(delete(activities).where(activities.c.shop_id == shop_id, activities.c.person_id == merge.gone))
    row = {"shop_id": shop_id, "person_id": merge.kept, "state": state.to_json(), "changed_at": changed_at}
    write_rows(connection, activities, [row])
    return 1


def memberships(merge: Merge) -> int:
    """Of two words about one segment the newer counts."""
    taken = merge.scope.connection.execute(_TAKE_OVER, merge.given).rowcount
    return taken + merge.scope.connection.execute(_REST, merge.given).rowcount


_TAKE_OVER = text(
    """
INSERT INTO segment_members (shop_id, person_id, segment_id, member, told_at)
SELECT shop_id, :kept, segment_id, member, told_at FROM segment_members
WHERE shop_id = :shop_id AND person_id = :gone
ON CONFLICT (shop_id, person_id, segment_id) DO UPDATE SET member = excluded.member, told_at = excluded.told_at
    WHERE excluded.told_at > segment_members.told_at
"""
)
_REST = text("DELETE FROM segment_members WHERE shop_id = :shop_id AND person_id = :gone")
