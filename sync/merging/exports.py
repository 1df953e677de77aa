"""What was put together of two people who are one is neither's whole."""

from __future__ import annotations

from sqlalchemy import text

from sync.merging.merge import Merge


def anew(merge: Merge) -> int:
    """What lies ready goes and is asked for anew; what is under way begins again. Whoever is at it loses the lease."""
    merge.scope.connection.execute(_BEGIN_AGAIN, merge.given)
    return merge.scope.connection.execute(_GO, merge.given).rowcount


# After the requests, which are the kept one's already.
_BEGIN_AGAIN = text(
    """
UPDATE privacy_requests SET state = 'due', lease_real = NULL, stage = 'gather', scanned = 0, top = 0, sealed = NULL
WHERE shop_id = :shop_id AND person_id = :kept AND kind = 'export' AND state IN ('due', 'leased')
"""
)
_GO = text("DELETE FROM person_exports WHERE shop_id = :shop_id AND person_id IN (:kept, :gone)")
