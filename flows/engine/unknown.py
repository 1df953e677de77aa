"""What nobody knows is looked into: attempts cut off in flight, and messages whose answer was never read.

An attempt whose lease ran out becomes ``unknown``. Once the provider's own events had time to arrive (they settle
it at once), the provider's log is asked by our key: found, the message was accepted; absent, it is sent again with
the same key. A channel whose provider cannot be asked is never sent twice: it stays ``unknown`` for staff.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import RowMapping, delete, select, update

from connector.brevo.client import BrevoAccount
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited
from connector.locks import lock_persons
from connector.logging import get
from connector.models.outbox import outbox, send_ledger
from connector.models.person import persons
from connector.outbox import idempotency_key, settle
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop
from connector.suppression import address_digest
from flows.channels import CHANNELS
from flows.engine.outcomes import mark_unknown, note

log = get(__name__)

_BATCH = 16
# Machine time until a look-up that failed is tried again.
_LOOK_AGAIN = timedelta(seconds=10)


def settle_due(deps: Deps, shop: Shop) -> Batch:
    """Look into one batch."""
    rows = _due(deps, shop)
    account = deps.brevo(shop) if any(row["state"] == "unknown" for row in rows) else None
    for row in rows:
        if row["state"] == "leased":
            _cut_off(deps, shop, row)
        else:
            assert account is not None
            _look_up(deps, shop, account, row)
    return Batch(len(rows), len(rows) == _BATCH)


def _due(deps: Deps, shop: Shop) -> Sequence[RowMapping]:
    with transaction(deps.engine) as connection:
        return (
            connection.execute(
                select(outbox)
                .where(
                    outbox.c.shop_id == shop.id,
                    outbox.c.state.in_(("leased", "unknown")),
                    outbox.c.lease_real < deps.clock.machine(),
                )
                .order_by(outbox.c.lease_real)
                .limit(_BATCH)
            )
            .mappings()
            .all()
        )


def _cut_off(deps: Deps, shop: Shop, row: RowMapping) -> None:
    """Whoever held this lease is gone, or no longer entitled to it."""
    with deps.open(shop) as scope:
        if not lock_persons(scope, [row["person_id"]], skip_locked=True):
            return
        mark_unknown(scope, row)
        note(scope, row, "provider_silent", {"attempt": row["attempts"], "reason": "cut_off"})


def _look_up(deps: Deps, shop: Shop, account: BrevoAccount, row: RowMapping) -> None:
    channel = CHANNELS[row["channel"]]
    if channel.look_up is None or channel.look_up_bucket is None:
        _postpone(deps, shop, row, timedelta(days=1))
        return
    wait = account.take(channel.look_up_bucket)
    if wait > 0:
        _postpone(deps, shop, row, timedelta(seconds=wait))
        return
    with transaction(deps.engine) as connection:
        recipient = connection.scalar(
            select(persons.c.email).where(persons.c.shop_id == shop.id, persons.c.id == row["person_id"])
        )
    if not recipient or address_digest(shop.salt, recipient) != row["recipient_digest"]:
        # The address it went to is gone, so nobody can be asked about it: staff see it, it is not sent again.
        _postpone(deps, shop, row, timedelta(days=1))
        return
    key = idempotency_key(row["key"])
    try:
        message_id = channel.look_up(account, recipient, key, row["created_at"], deps.clock.now())
    except ProviderError as error:
        log.warning("look_up_failed", shop_id=shop.id, outbox_id=row["id"], error=type(error).__name__)
        after = error.after if isinstance(error, RateLimited) else 0.0
        _postpone(deps, shop, row, max(_LOOK_AGAIN, timedelta(seconds=after)))
        return
    with deps.open(shop) as scope:
        lock_persons(scope, [row["person_id"]])
        if message_id is not None:
            if settle(scope, row, "accepted", reason="looked_up", at=scope.now, message_id=message_id.strip("<> ")):
                note(scope, row, "provider_accepted", {"reason": "looked_up"})
            return
        _send_again(scope, row)
        scope.bells.add("deliver")


def _send_again(scope: Scope, row: RowMapping) -> None:
    """The provider never had it: it is due again, and the gate will be asked again."""
    done = scope.connection.execute(
        update(outbox)
        .where(outbox.c.shop_id == scope.shop_id, outbox.c.id == row["id"], outbox.c.state == "unknown")
        .values(state="due", reason="not_at_provider", lease_real=None, retry_real=scope.machine)
    )
    if done.rowcount:
        scope.connection.execute(
            delete(send_ledger).where(send_ledger.c.shop_id == scope.shop_id, send_ledger.c.outbox_id == row["id"])
        )
        note(scope, row, "provider_absent", {"attempt": row["attempts"]})


def _postpone(deps: Deps, shop: Shop, row: RowMapping, span: timedelta) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(
            update(outbox)
            .where(outbox.c.shop_id == shop.id, outbox.c.id == row["id"], outbox.c.state == "unknown")
            .values(lease_real=deps.clock.machine() + span)
        )
