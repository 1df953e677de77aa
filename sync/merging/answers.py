"""What two people who are one have answered."""

from __future__ import annotations

from sqlalchemy import text

from sync.merging.merge import Merge


def newest(merge: Merge) -> int:
    """Of two answers to one question the newer counts."""
    taken = merge.scope.connection.execute(_TAKE_OVER, merge.given).rowcount
    return taken + merge.scope.connection.execute(_REST, merge.given).rowcount


_TAKE_OVER = text(
    """
INSERT INTO form_answers (shop_id, person_id, name, form, value, answered_at)
SELECT shop_id, :kept, name, form, value, answered_at FROM form_answers WHERE shop_id = :shop_id AND person_id = :gone
ON CONFLICT (shop_id, person_id, name) DO UPDATE SET
    form = excluded.form, value = excluded.value, answered_at = excluded.answered_at
    WHERE excluded.answered_at > form_answers.answered_at
"""
)
_REST = text("DELETE FROM form_answers WHERE shop_id = :shop_id AND person_id = :gone")
