"""The profiles of two people who are one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, text, update

from connector.models.person import persons
from connector.scope import Scope
from sync import conflicts, fetch, figures, profiles
from sync.merging.merge import Merge

# What the kept one has is kept, what it lacks is taken over.
_FILLED = (
    "email",
    "phone",
    "first_name",
    "last_name",
    "locale",
    "country",
    "region",
    "city",
    "timezone",
    "customer_id",
)
_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(_FILLED),
    "tags": [],
    "orders_count": 0,
    "total_spent": Decimal(0),
    "figures_hold": None,
    "first_order_at": None,
    "last_order_at": None,
    "source_updated_at": None,
    "customer_deleted_at": None,
}


def join(scope: Scope, kept: int, gone: int) -> None:
    """Give the kept one what it lacks, empty the other and say who it is now. Chance goes on with the kept one's seed.

    What both have bought is added up. Of a customer the store has its own figure, which is asked for.
    """
    mine, theirs = profiles.held_profile(scope, kept), profiles.held_profile(scope, gone)
    values = {name: mine[name] if mine[name] is not None else theirs[name] for name in _FILLED}
    values |= {
        "tags": [*mine["tags"], *(tag for tag in theirs["tags"] if tag not in mine["tags"])],
        "orders_count": mine["orders_count"] + theirs["orders_count"],
        "total_spent": mine["total_spent"] + theirs["total_spent"],
        "figures_hold": figures.united(mine["figures_hold"], theirs["figures_hold"]),
        "first_order_at": _of_both(min, mine["first_order_at"], theirs["first_order_at"]),
        "last_order_at": _of_both(max, mine["last_order_at"], theirs["last_order_at"]),
        "source_updated_at": (mine if mine["customer_id"] is not None else theirs)["source_updated_at"],
        # Somebody of whom the store has another record is its customer still.
        "customer_deleted_at": None
        if values["customer_id"] is not None
        else _of_both(max, mine["customer_deleted_at"], theirs["customer_deleted_at"]),
    }
    # Before the profiles change, which would end the two's conflicts for another reason.
    conflicts.merged(scope, kept, gone)
    profiles.update_profile(scope, gone, {**_EMPTY, "merged_into": kept})
    profiles.update_profile(scope, kept, values)
    given = {"shop": scope.shop_id, "kept": kept, "gone": gone}
    scope.connection.execute(_LEFT_CONTACT, {**given, "email": theirs["email"], "kept_email": values["email"]})
    # Whoever was merged into the one that is gone: one step leads to who it is now.
    scope.connection.execute(_THEIRS, given)
    if values["customer_id"] is not None:
        fetch.wish(scope, "Customer", values["customer_id"])


def _of_both(choose: Any, one: Any, other: Any) -> Any:
    """min or max of the two, as far as there are two."""
    return choose(one, other) if one is not None and other is not None else one if one is not None else other


_THEIRS = (
    update(persons)
    .where(persons.c.shop_id == bindparam("shop"), persons.c.merged_into == bindparam("gone"))
    .values(merged_into=bindparam("kept"))
)
# Brevo has one contact per address. One under another address than the kept one's is left there without anybody, also
# when a call that makes it is under way just now. ``sync.copies.contact`` takes it away.
_LEFT_CONTACT = text(
    """
INSERT INTO left_contacts (shop_id, gone_id, person_id, email)
SELECT :shop, :gone, :kept, CAST(:email AS text) FROM sync_state
WHERE shop_id = :shop AND entity = 'contact' AND entity_id = :gone
    AND (sent_version > 0 OR state = 'leased' OR import_id IS NOT NULL)
    AND CAST(:email AS text) <> coalesce(:kept_email, '')
ON CONFLICT DO NOTHING
"""
)


def fields(merge: Merge) -> int:
    """What the kept one lacks of the mapped fields is taken over, the rest goes."""
    taken = merge.scope.connection.execute(_TAKE_OVER, merge.given).rowcount
    return taken + merge.scope.connection.execute(_REST, merge.given).rowcount


_TAKE_OVER = text(
    """
UPDATE profile_fields SET person_id = :kept
WHERE shop_id = :shop_id AND person_id = :gone AND NOT EXISTS (
    SELECT FROM profile_fields AS mine
    WHERE mine.shop_id = :shop_id AND mine.person_id = :kept AND mine.source = profile_fields.source
)
"""
)
_REST = text("DELETE FROM profile_fields WHERE shop_id = :shop_id AND person_id = :gone")
