"""T5: bring Brevo's copies up to date. A row of ``sync_state`` is a wish (``sync/wishes.py``); a turn claims what is
due of every resource in one statement and then sends resource after resource: what waits for a contact finds it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from connector import pauses
from connector.backoff import backoff
from connector.clock import monotonic
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.copies import RESOURCES, claims
from sync.copies.resource import Claim, Resource
from sync.copies.turn import Interrupted, Turn


def send_due(deps: Deps, shop: Shop, resources: Sequence[Resource] = RESOURCES) -> Batch:
    """One batch of everything that is due for this shop."""
    began = monotonic()
    machine = deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.delivery_lease_seconds)
    kinds = tuple((one.entity, one.quiet, one.most) for one in resources)
    with autocommitted(deps.engine) as connection:
        held, probing = claims.claim(connection, shop, kinds, machine, lease)
    if not held or (probing and not _may_probe(deps, shop, held, machine)):
        return NOTHING
    reach("t5.leased")
    last_start = began + max(deps.settings.delivery_lease_seconds - deps.settings.provider_timeout_seconds, 0)
    more = begun = False
    for place, resource in enumerate(resources):
        mine = [claim for claim in held if resource.takes(claim)]
        if not mine:
            continue
        turn = Turn(deps, shop, resource, mine, last_start, begun=begun)
        try:
            resource.send(turn, mine)
        except Interrupted as stop:
            wait = backoff(deps.settings.retry_seconds, 0, stop.error)
            later = resources[place + 1 :] if stop.everywhere else ()
            others = (claim for claim in held if any(other.takes(claim) for other in later))
            _release(deps, shop, [*turn.left, *others], wait)
            if stop.everywhere:
                return Batch(len(held), False)
        else:
            _release(deps, shop, turn.left, turn.rest or None)
            more = more or turn.again or (len(mine) == resource.most and not turn.left)
        finally:
            turn.close()
        begun = turn.begun
        if probing and turn.accepted:
            probing = False
            _resume(deps, shop)
    return Batch(len(held), more)


def _may_probe(deps: Deps, shop: Shop, held: Sequence[Claim], machine: datetime) -> bool:
    """Whether this turn tries if the account is back; if somebody else does, what is held is given back."""
    with transaction(deps.engine) as connection:
        if pauses.claim_probe(connection, shop.id, pauses.ACCOUNT, machine):
            return True
        claims.release(connection, shop, held, None)
    return False


def _resume(deps: Deps, shop: Shop) -> None:
    with autocommitted(deps.engine) as connection:
        pauses.lift(connection, shop.id, (pauses.ACCOUNT,))


def _release(deps: Deps, shop: Shop, held: Sequence[Claim], wait: float | None) -> None:
    """Give back what was not begun: with ``wait`` not before that many seconds, else with its place in the queue."""
    if not held:
        return
    due = None if wait is None else deps.clock.machine() + timedelta(seconds=wait)
    with autocommitted(deps.engine) as connection:
        claims.release(connection, shop, held, due)
