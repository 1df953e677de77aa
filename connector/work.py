"""What each kind of work is: one batch of it for one shop.

Each is imported when it is asked for: a worker serves one queue and holds nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from connector.brevo import calls
from connector.deps import Deps
from connector.queue.batch import Batch
from connector.shops import Shop

Work = Callable[[Deps, Shop], Batch]
"""What follows from a batch is rung by the transactions that wrote it."""


@cache
def work_of(kind: str) -> Work:
    """The work of this kind. Raises KeyError."""
    return _KINDS[kind]()


def load_every() -> None:
    """Import every kind's: of whoever copies itself for each queue the copies share it."""
    for kind in _KINDS:
        work_of(kind)
    calls.load_every()


def _intake() -> Work:
    from webhooks.process import handle_due

    return handle_due


def _fetch() -> Work:
    from sync.fetch import answer_due
    from sync.readers import READERS

    return partial(answer_due, readers=READERS)


def _flows() -> Work:
    from flows.engine.decide import decide_due

    return decide_due


def _deliver() -> Work:
    from flows.engine.delivery import deliver_due
    from sync import acts

    return partial(deliver_due, records=acts)


def _sync() -> Work:
    from sync.copies.sending import send_due

    return send_due


def _reconcile() -> Work:
    from connector.install import resubscribing
    from flows.engine import stuck
    from flows.reviews import making
    from sync.reconcile import look_due

    # What is looked at beside records.
    more = {"subscriptions": resubscribing.renew, "stuck": stuck.mend, "reviews": making.make_due}
    return partial(look_due, more=more)


def _reruns() -> Work:
    from sync.reruns.slices import run_due

    return run_due


def _tokens() -> Work:
    from connector.install.renewal import renew_idle

    return renew_idle


def _closing() -> Work:
    from connector.install.leaving import leave_brevo
    from flows.engine.closing import close_due

    def close(deps: Deps, shop: Shop) -> Batch:
        """What a shop that has removed the app leaves behind, here and at Brevo."""
        leave_brevo(deps, shop)
        return close_due(deps, shop)

    return close


def _privacy() -> Work:
    from sync.privacy.work import carry_out_due

    return carry_out_due


def _imports() -> Work:
    from sync.imports import import_due

    return import_due


def _profiles() -> Work:
    from sync.profile_pass import pass_due

    return pass_due


def _survey() -> Work:
    from connector.install.survey import survey_due

    return survey_due


def _reports() -> Work:
    from sync.reports.passes import reconcile_due

    return reconcile_due


def _backfill() -> Work:
    from sync.backfill import work_due

    return work_due


def _coupons() -> Work:
    from sync.coupons.filling import fill_due

    return fill_due


def _bulk() -> Work:
    from sync.copies.bulk import send_bulk

    return send_bulk


def _arming() -> Work:
    from flows.engine.arming.slices import arm_due

    return arm_due


def _schedules() -> Work:
    from flows.engine.schedules import prepare_due

    return prepare_due


def _outgoing() -> Work:
    from sync.outgoing.sending import tell_due

    return tell_due


def _signals() -> Work:
    from sync.catalogue_signals.work import work_due

    return work_due


def _alerts() -> Work:
    from connector.web import backlog
    from flows import analytics
    from flows.actions import notify
    from sync.alerts import look_due

    return partial(look_due, by_day=analytics.by_day, backlog=backlog, mail=notify)


def _figures() -> Work:
    from flows.analytics.work import keep_up
    from flows.engine.book import current
    from sync.currency import Rates

    return partial(keep_up, rates=Rates.read, published=current)


_KINDS: Mapping[str, Callable[[], Work]] = {
    "intake": _intake,
    "fetch": _fetch,
    "flows": _flows,
    "deliver": _deliver,
    "sync": _sync,
    "reconcile": _reconcile,
    "reruns": _reruns,
    "tokens": _tokens,
    "closing": _closing,
    "privacy": _privacy,
    "imports": _imports,
    "profiles": _profiles,
    "survey": _survey,
    "reports": _reports,
    "backfill": _backfill,
    "bulk": _bulk,
    "arming": _arming,
    "schedules": _schedules,
    "coupons": _coupons,
    "outgoing": _outgoing,
    "signals": _signals,
    "alerts": _alerts,
    "figures": _figures,
}
