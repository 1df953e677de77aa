"""Orders, products and collections that nobody waits for leave in full batches, in a process of their own.

What only quiet scopes have wished for (a back-fill, a sync that staff asked for) comes in a stream, faster than Brevo's
hourly limit takes it. A call for a few of a thousand orders is as dear as one for a thousand, so a batch that is not
full waits until no more have come for ``BULK_GATHER_SECONDS``. Live changes are other rows of ``sync_state``, in
another process, and their calls go first (LANES of ``connector.brevo.buckets``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from connector.brevo.commerce_calls import MOST_ORDERS
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.copies import BULK, pace
from sync.copies.product import BULK_PRODUCTS
from sync.copies.resource import Resource
from sync.copies.sending import send_due

# So many of the orders that are next are looked at: more than a batch, so that one is full of others.
_NEXT = 2 * MOST_ORDERS


def send_bulk(deps: Deps, shop: Shop) -> Batch:
    """One batch of what is due for this shop in bulk, as far as Brevo's limits have room for it.

    Products that go alone take seconds, call by call; what goes together leaves beside them.
    """
    going, found = _going(deps, shop)
    if len(going) < 2 or BULK_PRODUCTS not in going:
        return _and(found, _send(deps, shop, going))
    with ThreadPoolExecutor(1, "products") as beside:
        products = beside.submit(_send, deps, shop, [BULK_PRODUCTS])
        together = _send(deps, shop, [one for one in going if one is not BULK_PRODUCTS])
        while not products.done() and together.more:
            going, aside = _going(deps, shop, but=(BULK_PRODUCTS,))
            together = _and(aside, _send(deps, shop, going))
        return _and(found, _and(together, products.result()))


def _and(one: Batch, other: Batch) -> Batch:
    return Batch(one.done + other.done, one.more or other.more)


def _going(deps: Deps, shop: Shop, *, but: Collection[Resource] = ()) -> tuple[list[Resource], Batch]:
    """What may leave now, after those who wait for others have been put aside."""
    machine = deps.clock.machine()
    with autocommitted(deps.engine) as connection:
        aside = _put_aside(connection, shop, machine)
        over = machine - timedelta(seconds=deps.settings.bulk_gather_seconds)
        ripe = [one for one in BULK if one not in but and _is_ripe(connection, shop, one, machine, over)]
    # Those who came to the front have not been looked at.
    found = Batch(aside, aside > _NEXT - MOST_ORDERS)
    if not ripe:
        return [], found
    account = deps.brevo(shop)
    free = {
        bucket for bucket in (pace.TOGETHER, pace.ALONE) if account.room(bucket, lane=pace.LANE).seconds_for(1) == 0
    }
    return [one for one in ripe if free & (_EITHER if one is BULK_PRODUCTS else {pace.TOGETHER})], found


_EITHER = {pace.TOGETHER, pace.ALONE}


def _send(deps: Deps, shop: Shop, going: Sequence[Resource]) -> Batch:
    return send_due(deps, shop, going) if going else NOTHING


def _is_ripe(connection: Connection, shop: Shop, resource: Resource, machine: datetime, over: datetime) -> bool:
    """Whether a batch would be full, or nothing has come for a while. Products need no batch."""
    asked = {"shop_id": shop.id, "entity": resource.entity, "machine": machine, "most": resource.most}
    row = connection.execute(_STANDING, asked).one()
    if not row.ready:
        return False
    return resource is BULK_PRODUCTS or row.ready == resource.most or row.newest <= over


_STANDING = text(
    """
SELECT count(*) AS ready, (
    SELECT due_real FROM sync_state
    WHERE shop_id = :shop_id AND entity = :entity AND state IN ('due', 'leased') AND quiet AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY due_real DESC LIMIT 1
) AS newest
FROM (
    SELECT FROM sync_state
    WHERE shop_id = :shop_id AND entity = :entity AND state IN ('due', 'leased') AND quiet AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY due_real LIMIT :most
) AS due
"""
)


def _put_aside(connection: Connection, shop: Shop, machine: datetime) -> int:
    """Orders whose contact is not at Brevo wait for it, so that they do not take the places of others in a batch.

    As ``claims.wait_for_contact`` does it for one: the orders are locked first, in the order of all writers of wishes,
    and contacts that somebody writes just now are passed over.
    """
    asked = {"shop_id": shop.id, "machine": machine, "most": _NEXT}
    found = connection.execute(_WITHOUT_CONTACT, {**asked, "ids": list(connection.scalars(_FIRST, asked))}).all()
    if not found:
        return 0
    given = {"ids": [row.id for row in found], "person_ids": [row.person_id for row in found]}
    return connection.execute(_WAIT, {**asked, **given, "its_contact": pace.ITS_CONTACT}).rowcount


_FIRST = text(
    """
SELECT entity_id FROM sync_state
WHERE shop_id = :shop_id AND entity = 'order' AND state IN ('due', 'leased') AND quiet AND due_real <= :machine
ORDER BY due_real LIMIT :most
"""
)
_WITHOUT_CONTACT = text(
    """
SELECT orders.id, orders.person_id FROM orders JOIN sync_state AS contact
    ON contact.shop_id = orders.shop_id AND contact.entity = 'contact' AND contact.entity_id = orders.person_id
WHERE orders.shop_id = :shop_id AND orders.id = ANY(CAST(:ids AS bigint[])) AND contact.sent_version = 0
"""
)
# Both by their keys, however little is known of the tables yet.
_WAIT = text(
    """
WITH mine AS MATERIALIZED (
    SELECT entity_id FROM sync_state
    WHERE shop_id = :shop_id AND entity = 'order' AND entity_id = ANY(CAST(:ids AS bigint[]))
        AND state = 'due' AND quiet
    ORDER BY entity_id FOR UPDATE SKIP LOCKED
), contacts AS MATERIALIZED (
    SELECT entity_id, CASE WHEN state IN ('done', 'failed')
        THEN 'no contact: ' || coalesce(reason, 'unknown') ELSE :its_contact END AS why
    FROM sync_state
    WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = ANY(CAST(:person_ids AS bigint[]))
        AND sent_version = 0 AND EXISTS (SELECT FROM mine)
    FOR SHARE SKIP LOCKED
)
UPDATE sync_state SET state = 'waiting', attempts = 0, reason = contacts.why
FROM unnest(CAST(:ids AS bigint[]), CAST(:person_ids AS bigint[])) AS theirs (id, person_id)
JOIN mine ON mine.entity_id = theirs.id JOIN contacts ON contacts.entity_id = theirs.person_id
WHERE shop_id = :shop_id AND entity = 'order' AND sync_state.entity_id = theirs.id
    AND sync_state.entity_id = ANY(CAST(:ids AS bigint[]))
"""
)
