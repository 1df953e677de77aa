"""What is due of signals: people to be told, and alerts that Brevo is to be given."""

from __future__ import annotations

from connector.deps import Deps
from connector.queue.batch import Batch
from connector.shops import Shop
from sync.catalogue_signals import alerts, telling


def work_due(deps: Deps, shop: Shop) -> Batch:
    """A slice of one signal and one alert."""
    told, given = telling.tell_due(deps, shop), alerts.tell_brevo(deps, shop)
    return Batch(told.done + given.done, told.more or given.more)
