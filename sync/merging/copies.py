"""What Brevo is told of two people who are one."""

from __future__ import annotations

from sqlalchemy import text

from sync.merging.merge import Merge


def told(merge: Merge) -> int:
    """What is still to be told is told of the kept one. An event that a call is under way for may be told once more:
    Brevo hears of events at least once, each with its id."""
    count = merge.scope.connection.execute(_FEED, merge.given).rowcount
    if count:
        merge.scope.connection.execute(_WISH_EVENTS, merge.given)
    return count


_FEED = text("UPDATE feed SET person_id = :kept WHERE shop_id = :shop_id AND person_id = :gone")
_WISH_EVENTS = text(
    """
INSERT INTO sync_state (shop_id, entity, entity_id, wanted_version, sent_version, state, due_real, attempts)
SELECT :shop_id, 'events', :kept, max(id), 0, 'due', :machine, 0 FROM feed
WHERE shop_id = :shop_id AND person_id = :kept AND state IN ('due', 'leased')
HAVING count(*) > 0
ON CONFLICT (shop_id, entity, entity_id) DO UPDATE SET
    wanted_version = greatest(sync_state.wanted_version + 1, excluded.wanted_version),
    state = CASE WHEN sync_state.state = 'leased' THEN 'leased' ELSE 'due' END,
    due_real = CASE WHEN sync_state.state IN ('due', 'leased') THEN sync_state.due_real ELSE excluded.due_real END
"""
)


def bought(merge: Merge) -> int:
    """Orders follow. Those that waited for the contact of the one that is gone are looked at again; those that Brevo
    has with a contact that is taken away are told once more, as history, which starts no automation there."""
    connection = merge.scope.connection
    moved = connection.scalars(_ORDERS, merge.given).all()
    if moved:
        connection.execute(_TELL_AGAIN, {**merge.given, "orders": list(moved)})
    return len(moved)


_ORDERS = text("UPDATE orders SET person_id = :kept WHERE shop_id = :shop_id AND person_id = :gone RETURNING id")
_TELL_AGAIN = text(
    """
UPDATE sync_state SET state = 'due', due_real = :machine, reason = NULL, quiet = quiet OR state = 'done'
WHERE shop_id = :shop_id AND entity = 'order' AND entity_id = ANY (CAST(:orders AS bigint[])) AND (
    state = 'waiting' OR state = 'done' AND sent_version > 0
        AND EXISTS (SELECT FROM left_contacts WHERE shop_id = :shop_id AND gone_id = :gone)
)
"""
)


def wishes(merge: Merge) -> int:
    """The contact of the one that is gone stays wished for: that wish takes it away. Whatever else was wished about it
    is asked of the kept one by who moved it."""
    return merge.scope.connection.execute(_OTHERS, merge.given).rowcount


_OTHERS = text(
    """
UPDATE sync_state SET state = 'done', lease_real = NULL, reason = 'merged'
WHERE shop_id = :shop_id AND entity_id = :gone AND entity IN ('events', 'store_consent', 'double_opt_in', 'loyalty')
"""
)


def lists(merge: Merge) -> int:
    """What the contact of the one that is gone was taken off says nothing of the kept one's."""
    return merge.scope.connection.execute(_LISTS, merge.given).rowcount


_LISTS = text("DELETE FROM lists_left WHERE shop_id = :shop_id AND person_id = :gone")
