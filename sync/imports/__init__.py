"""Contacts that nobody waits for leave in bulk, by Brevo's import (ADR 22).

``gathering``: those whom only quiet scopes have wished for are counted, and leave in imports or by themselves, whatever
ends sooner. ``contents``: what an import brings of somebody. ``sending``: an import to Brevo. ``watching``: what became
of it, with ``result_files`` naming the lines that Brevo left out. ``endings``: that is written to each person.

An import is a row of ``contact_imports``; its people are rows of ``sync_state`` with its number, read anew when it is
sent. It may be sent twice, which leaves what it leaves once. Whoever changes in earnest meanwhile is told of by a call
of their own at once, and once more when the import has ended: what Brevo has last is the newest.
"""

from __future__ import annotations

from sqlalchemy import text

from connector.db.session import autocommitted
from connector.deps import Deps
from connector.pauses import ACCOUNT
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.copies.contact import BULK_CONTACTS
from sync.copies.sending import send_due
from sync.imports import gathering, sending, watching

_PAUSED = text(
    "SELECT EXISTS (SELECT FROM channel_pauses WHERE shop_id = :shop_id AND channel = :channel"
    " AND probe_real > :machine)"
)


def import_due(deps: Deps, shop: Shop) -> Batch:
    """One batch of everything in bulk that is due for this shop."""
    asked = {"shop_id": shop.id, "channel": ACCOUNT, "machine": deps.clock.machine()}
    with autocommitted(deps.engine) as connection:
        if connection.scalar(_PAUSED, asked):
            return NOTHING
    batches = (
        watching.look_at_sent(deps, shop),
        send_due(deps, shop, [BULK_CONTACTS]),
        sending.send_next(deps, shop),
        gathering.gather(deps, shop),
    )
    return Batch(sum(one.done for one in batches), any(one.more for one in batches))
