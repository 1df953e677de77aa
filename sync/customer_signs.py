"""What the store says of a customer without the customer: tags, segments, sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import text

from connector import eventlog
from connector.scope import Scope
from flows.core.standing import CAUSED_BY
from sync import customers, fetch, people


def tagged(scope: Scope, customer_id: int, tags: Sequence[str], at: datetime, *, added: bool) -> None:
    """These tags were added or taken away. Deliveries come in any order: the customer is read again as well."""
    person_id = customers.known(scope, customer_id, None)
    held = list(people.held_profile(scope, person_id)["tags"])
    rest = [tag for tag in held if tag not in tags]
    new = [*held, *(tag for tag in dict.fromkeys(tags) if tag not in held)] if added else rest
    people.update_profile(scope, person_id, {"tags": new})
    name, what = ("tag_added", "added") if added else ("tag_removed", "removed")
    doing = _doing(scope, person_id, "add" if added else "remove", at)
    eventlog.append(
        scope,
        [
            eventlog.Fact(
                name,
                f"tag:{customer_id}:{tag}:{what}:{at.isoformat()}",
                at,
                f"customer:{customer_id}",
                person_id,
                props={"tag": tag, **({CAUSED_BY: doing[tag.casefold()]} if tag.casefold() in doing else {})},
            )
            for tag in dict.fromkeys(tags)
        ],
    )
    fetch.wish(scope, "Customer", customer_id, urgent=False)


def _doing(scope: Scope, person_id: int, what: str, at: datetime) -> dict[str, list[str]]:
    """{tag in small letters: the flows whose doing it is} of what flows had the store do around this moment."""
    asked = {"shop_id": scope.shop_id, "person_id": person_id, "earliest": at - _AROUND, "latest": at + _AROUND}
    found: dict[str, list[str]] = {}
    for data in scope.connection.scalars(_OURS, asked):
        found |= {tag.casefold(): data[CAUSED_BY] for tag in data[what] if CAUSED_BY in data}
    return found


# The store's clock is its own.
_AROUND = timedelta(minutes=2)
_OURS = text(
    """
SELECT data FROM outbox
WHERE shop_id = :shop_id AND person_id = :person_id AND message = '' AND channel = 'tag' AND attempts > 0
    AND state IN ('due', 'leased', 'sent') AND due_at <= :latest AND (sent_at IS NULL OR sent_at >= :earliest)
ORDER BY id
"""
)


def moved(scope: Scope, customer_id: int, segment_id: int, at: datetime, *, entered: bool) -> None:
    """A customer entered or left a segment of the store."""
    name = "segment_entered" if entered else "segment_left"
    person_id = customers.known(scope, customer_id, None)
    given = {"shop_id": scope.shop_id, "person_id": person_id, "segment_id": segment_id, "at": at}
    # The person may be among what this transaction has yet to write.
    scope.connection.execute(_MOVED, {**given, "member": entered})
    fact = eventlog.Fact(
        name,
        f"segment:{customer_id}:{segment_id}:{name}:{at.isoformat()}",
        at,
        f"customer:{customer_id}",
        person_id,
        props={"segment_id": segment_id},
    )
    eventlog.append(scope, [fact])


# Deliveries come in any order, and of two of one second the one that says no counts.
_MOVED = text(
    """
INSERT INTO segment_members (shop_id, person_id, segment_id, member, told_at)
VALUES (:shop_id, :person_id, :segment_id, :member, :at)
ON CONFLICT (shop_id, person_id, segment_id) DO UPDATE SET member = excluded.member, told_at = excluded.told_at
    WHERE excluded.told_at > segment_members.told_at
        OR (excluded.told_at = segment_members.told_at AND NOT excluded.member)
"""
)


def summed_up(scope: Scope, customer_id: int, orders: int | None, spent: Decimal | None) -> None:
    """The store's figures. They have no version and are not always in the shop's currency, so where they are not ours
    the customer is read again."""
    held = people.held_profile(scope, customers.known(scope, customer_id, None))
    told = {"orders_count": orders, "total_spent": spent}
    if any(value is not None and value != held[name] for name, value in told.items()):
        fetch.wish(scope, "Customer", customer_id, urgent=False)
