"""T4: what waits in the outbox, messages and whatever else flows want done."""

from __future__ import annotations

from connector.deps import Deps
from connector.queue.batch import Batch
from connector.shops import Shop
from flows.actions.records import Records
from flows.engine.acting import act_due
from flows.engine.dispatch import dispatch_due


def deliver_due(deps: Deps, shop: Shop, records: Records | None = None) -> Batch:
    """One batch of each. Actions first: messages wait for what they bring. ``records``: see ``act_due``."""
    acted, sent = act_due(deps, shop, records), dispatch_due(deps, shop)
    return Batch(acted.done + sent.done, acted.more or sent.more)
