"""What nobody knows is looked into: attempts cut off in flight, and messages whose answer was never read.

An attempt whose lease ran out becomes ``unknown``. Once the provider's own events had time to arrive (they settle
it at once), the provider's log is asked by our key: found, the message was accepted; absent, it is sent again with
the same key. Of a channel whose provider takes the same key twice, or cannot be asked, nothing is ever sent twice: what
is not found stays ``unknown`` for staff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, RowMapping, Select, bindparam, delete, select, update

from connector import pauses
from connector.brevo.client import BrevoAccount
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, ProviderError, RateLimited, Refused
from connector.logging import get
from connector.models.outbox import outbox, send_ledger
from connector.models.person import identities, persons
from connector.outbox import hold, settle
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop
from connector.suppression import address_digest
from flows.channels import CHANNELS
from flows.engine.outcomes import mark_unknown, note

log = get(__name__)

_BATCH = 16
# Machine time until a look-up that failed is tried again, and one that needs a person's help.
_LOOK_AGAIN, _ASK_STAFF = timedelta(seconds=10), timedelta(minutes=10)
# Until the provider is asked again about a message of which it does not tell, or nobody can ask.
_ANOTHER_DAY = timedelta(days=1)


def settle_due(deps: Deps, shop: Shop) -> Batch:
    """Look into one batch."""
    cut_off = _due(deps, shop, "leased")
    for row in cut_off:
        _cut_off(deps, shop, row)
    looked_into, more = _look_into(deps, shop, _due(deps, shop, "unknown"))
    return Batch(len(cut_off) + looked_into, more or len(cut_off) == _BATCH)


def _due(deps: Deps, shop: Shop, state: str) -> Sequence[RowMapping]:
    with transaction(deps.engine) as connection:
        return (
            connection.execute(
                select(outbox)
                .where(
                    outbox.c.shop_id == shop.id,
                    outbox.c.state == state,
                    outbox.c.channel.in_(list(CHANNELS)),
                    outbox.c.lease_real < deps.clock.machine(),
                )
                .order_by(outbox.c.lease_real, outbox.c.id)
                .limit(_BATCH)
            )
            .mappings()
            .all()
        )


def _cut_off(deps: Deps, shop: Shop, row: RowMapping) -> None:
    """Whoever held this lease is gone, or no longer entitled to it."""
    with deps.open(shop) as scope:
        held = hold(scope, row, skip_locked=True)
        if held is not None and mark_unknown(scope, held, row["attempts"]):
            note(scope, held, "provider_silent", {"attempt": row["attempts"], "reason": "cut_off"})
        reach("unknown.cut_off")


def _look_into(deps: Deps, shop: Shop, rows: Sequence[RowMapping]) -> tuple[int, bool]:
    """How many of these were looked into, and whether to go on at once.

    As many as there are calls for now, the oldest first. The others stay as they are: putting them off would only
    bring them back together.
    """
    if not rows:
        return 0, False
    bucket = CHANNELS[rows[0]["channel"]].look_up_bucket
    rows = [row for row in rows if CHANNELS[row["channel"]].look_up_bucket == bucket]
    if bucket is None:
        _postpone(deps, shop, rows, deps.clock.machine() + _ANOTHER_DAY)
        return len(rows), False
    paused, probing = _refused_key(deps, shop)
    if paused is not None and not probing:
        # Nobody can be asked before the next probe.
        _postpone(deps, shop, rows, max(paused.probe_real, deps.clock.machine() + _LOOK_AGAIN))
        return len(rows), False
    account = deps.brevo(shop)
    grant = account.grab(bucket, 1 if probing else len(rows))
    looked_into, asked = 0, False
    for row in rows[: grant.calls]:
        looked_into += 1
        asked = _look_up(deps, shop, account, row)
        if not asked:
            break
    account.give_back(bucket, grant, grant.calls - looked_into)
    if probing and asked:
        with transaction(deps.engine) as connection:
            pauses.lift(connection, shop.id, (pauses.ACCOUNT,))
    return looked_into, looked_into == _BATCH or (probing and asked)


def _refused_key(deps: Deps, shop: Shop) -> tuple[pauses.Pause | None, bool]:
    """The pause of the whole account, if there is one, and whether we are to try if it is over."""
    machine = deps.clock.machine()
    with transaction(deps.engine) as connection:
        standing = [one for one in pauses.pauses(connection, shop.id) if one.channel == pauses.ACCOUNT]
        if not standing:
            return None, False
        return standing[0], pauses.claim_probe(connection, shop.id, pauses.ACCOUNT, machine)


def _look_up(deps: Deps, shop: Shop, account: BrevoAccount, row: RowMapping) -> bool:
    """Ask the provider's log about this message; False when it could not be asked, nor likely about the next."""
    channel = CHANNELS[row["channel"]]
    assert channel.look_up is not None
    recipient = _recipient(deps, shop, row)
    if recipient is None:
        # The address it went to is gone, so nobody can be asked about it: staff see it, it is not sent again.
        _postpone(deps, shop, [row], deps.clock.machine() + _ANOTHER_DAY)
        return True
    try:
        message_id = channel.look_up(account, recipient, row["key"], row["created_at"], deps.clock.now())
    except ProviderError as error:
        log.warning("look_up_failed", shop_id=shop.id, outbox_id=row["id"], error=type(error).__name__)
        _look_again(deps, shop, row, channel.name, error)
        return isinstance(error, Refused)
    reach("unknown.looked_up")
    if message_id is None and not channel.repeats:
        # It may be told later; that it was not taken nobody can say.
        _postpone(deps, shop, [row], deps.clock.machine() + _ANOTHER_DAY)
        return True
    with deps.open(shop) as scope:
        held = hold(scope, row)
        if held is None:
            return True
        if message_id is None:
            _send_again(scope, {**held, "attempts": row["attempts"]})
            scope.bells.add("deliver")
        elif settle(scope, held, "accepted", reason="looked_up", at=scope.now, message_id=message_id.strip("<> ")):
            note(scope, held, "provider_accepted", {"reason": "looked_up"})
        reach("unknown.settled")
    return True


def _recipient(deps: Deps, shop: Shop, row: RowMapping) -> str | None:
    """The address that this message went to, if whoever it belongs to now is still known by it."""
    with transaction(deps.engine) as connection:
        known = connection.scalars(_ADDRESSES, {"shop_id": shop.id, "id": row["id"]}).all()
    return next((one for one in known if address_digest(shop.salt, one) == row["recipient_digest"]), None)


_mine = select(outbox.c.person_id).where(outbox.c.shop_id == bindparam("shop_id"), outbox.c.id == bindparam("id"))


def _of_person(address: Column[Any]) -> Select[Any]:
    return select(address).where(
        persons.c.shop_id == bindparam("shop_id"), persons.c.id == _mine.scalar_subquery(), address.is_not(None)
    )


_ADDRESSES = _of_person(persons.c.email).union(
    _of_person(persons.c.phone),
    select(identities.c.value).where(
        identities.c.shop_id == bindparam("shop_id"),
        identities.c.person_id == _mine.scalar_subquery(),
        identities.c.kind == "email",
    ),
)


def _look_again(deps: Deps, shop: Shop, row: RowMapping, channel: str, error: ProviderError) -> None:
    after = _LOOK_AGAIN
    if isinstance(error, RateLimited):
        after = max(after, timedelta(seconds=error.after))
    elif isinstance(error, ActionNeeded) and error.status == 401:
        with deps.open(shop) as scope:
            pauses.start(scope, channel, error)
    elif isinstance(error, ActionNeeded):
        after = _ASK_STAFF
    _postpone(deps, shop, [row], deps.clock.machine() + after)


def _send_again(scope: Scope, row: Mapping[str, Any]) -> None:
    """The provider never had it: it is due again, and the gate will be asked again."""
    done = scope.connection.execute(
        update(outbox)
        .where(
            outbox.c.shop_id == scope.shop_id,
            outbox.c.id == row["id"],
            outbox.c.state == "unknown",
            # The log was asked about this attempt: it says nothing about one that was begun since.
            outbox.c.attempts == row["attempts"],
        )
        .values(state="due", reason="not_at_provider", lease_real=None, retry_real=scope.machine)
    )
    if done.rowcount:
        scope.connection.execute(
            delete(send_ledger).where(send_ledger.c.shop_id == scope.shop_id, send_ledger.c.outbox_id == row["id"])
        )
        note(scope, row, "provider_absent", {"attempt": row["attempts"]})


def _postpone(deps: Deps, shop: Shop, rows: Sequence[RowMapping], until: datetime) -> None:
    """``until``: machine time."""
    with transaction(deps.engine) as connection:
        connection.execute(
            update(outbox)
            .where(
                outbox.c.shop_id == shop.id,
                outbox.c.id.in_([row["id"] for row in rows]),
                outbox.c.state == "unknown",
            )
            .values(lease_real=until)
        )
