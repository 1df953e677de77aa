"""News of products that two people who are one wait to be told, or have asked for."""

from __future__ import annotations

from sqlalchemy import text

from sync.merging.merge import Merge


def waiting(merge: Merge) -> int:
    """What both wait for is told once."""
    return merge.scope.connection.execute(_WAITING, merge.given).rowcount


_WAITING = text(
    """
WITH theirs AS (
    DELETE FROM catalogue_signal_people WHERE shop_id = :shop_id AND person_id = :gone
    RETURNING signal_id, variant_id, why
)
INSERT INTO catalogue_signal_people (shop_id, signal_id, person_id, variant_id, why)
SELECT :shop_id, signal_id, :kept, variant_id, why FROM theirs
ON CONFLICT DO NOTHING
"""
)


def asked(merge: Merge) -> int:
    """Both have asked for whatever one of them has. Brevo is asked anew, because the contact is another one."""
    return merge.scope.connection.execute(_ASKED, merge.given).rowcount


_ASKED = text(
    """
WITH theirs AS (
    DELETE FROM product_alerts WHERE shop_id = :shop_id AND person_id = :gone
    RETURNING product_id, variant_id, asked_at, state
)
INSERT INTO product_alerts (shop_id, product_id, person_id, variant_id, asked_at, state, attempts, due_real)
SELECT :shop_id, product_id, :kept, variant_id, asked_at, CASE state WHEN 'ours' THEN 'ours' ELSE 'due' END, 0, :machine
FROM theirs
ON CONFLICT DO NOTHING
"""
)
