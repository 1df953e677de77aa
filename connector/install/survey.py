"""What Brevo already knows when a shop is connected, read once before the first contact goes there.

Above all who has opted out: that is Brevo's word alone, and without it the first sync could take somebody off the
blocklist, or a flow write to them (a transactional send does not look at it). While an account is read for the first
time it is held (``connector.pauses``): nothing is told to Brevo and nothing sent.

A survey is a row of ``brevo_surveys``, a step is one page, after which the row says from where to go on. Whoever dies
in a step leaves it to the next, and what a page says twice counts once. An account that was surveyed before is read
only as far as Brevo has changed it since, and nothing waits for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, update
from sqlalchemy.dialects.postgresql import insert

from connector import pauses
from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import (
    ActionNeeded,
    ConfigurationError,
    ConnectorError,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Retry,
)
from connector.install.survey_stages import AFTER, FIRST, STAGES, Page
from connector.install.surveyed import SOURCE, Survey, of_shop, opted_out
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.survey import brevo_surveys, brevo_templates
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync import address_opt_outs as opt_outs
from sync import consent

__all__ = ["UNKNOWN_ACCOUNT", "Survey", "ask", "of_shop", "opted_out", "survey_due"]

log = get(__name__)

UNKNOWN_ACCOUNT = "unknown"
"""When Brevo does not say whose account it is. It may be another one each time."""

# What changed since the last survey is asked with this much to spare, because it is not known whose clock stamps it.
_MARGIN = timedelta(days=1)
# So many opt-outs are applied in one transaction, which keeps deliveries of the shop waiting.
_TOGETHER = 200
# Calls of a step as a rule, and how long applying it takes. Machine time. Whoever takes longer has the page done twice.
_CALLS, _APPLIED_WITHIN = 2, timedelta(seconds=3)
# Somebody has to act first: asked again so much later, twice as long after each. Machine seconds.
_FIRST_LOOK, _LONGEST_LOOK = 60.0, 3600.0
_REASON_LENGTH = 300
# A server that lacks what every Brevo account has: a proxy, or one made for tests.
_NO_SUCH_THING = frozenset({404, 405, 410, 501})


def ask(connection: Connection, shop_id: int, account: str | None, now: datetime, machine: datetime) -> bool:
    """Have the shop's account read, in the transaction that connects it; whether it is held until that is done.

    One that was surveyed before is read on from then; a survey that is under way goes on.
    """
    wanted = account or UNKNOWN_ACCOUNT
    known = of_shop(connection, shop_id)
    same = known is not None and known.account == wanted != UNKNOWN_ACCOUNT
    values: dict[str, Any] = {"state": "due", "due_real": machine, "lease_real": None, "attempts": 0, "reason": None}
    if known is None or not same or known.state == "done":
        values |= {"account": wanted, "stage": FIRST, "place": 0, "counts": {}, "began_at": now, "done_at": None}
        values["since"] = known.began_at - _MARGIN if known is not None and same else None
        values |= {} if same else {"found": {}, "idempotency": None}
    if known is None:
        connection.execute(insert(brevo_surveys).values(shop_id=shop_id, **values))
    else:
        connection.execute(update(brevo_surveys).where(brevo_surveys.c.shop_id == shop_id).values(**values))
    asked = of_shop(connection, shop_id)
    if asked is None or not asked.first or asked.knows_opt_outs:
        return False
    pauses.hold(connection, shop_id, pauses.ACCOUNT, pauses.SURVEY, "the first survey of the account", now)
    return True


def survey_due(deps: Deps, shop: Shop) -> Batch:
    """One step of the shop's survey."""
    held = _claim(deps, shop)
    if held is None:
        return NOTHING
    reach("survey.leased")
    stage = STAGES[held.stage]
    try:
        account = deps.brevo(shop)
        if (wait := account.take(stage.bucket, lane="bulk")) > 0:
            raise RateLimited(SOURCE, f"our share of the limit on {stage.bucket} is used up", after=wait)
        page = stage.read(account, shop, held)
    except (ProviderError, ConfigurationError) as error:
        if not isinstance(error, ProviderError) or not _goes_on_without(held, error):
            return _postpone(deps, shop, held, error)
        page = Page(found={"problems": {**held.found.get("problems", {}), held.stage: error.detail}})
    reach("survey.read")
    for start in range(0, len(page.opt_outs), _TOGETHER):
        with _applying(deps, shop) as scope:
            opt_outs.learn(scope, page.opt_outs[start : start + _TOGETHER], SOURCE)
    with _applying(deps, shop) as scope:
        for one in page.blocked:
            consent.suppress(scope, "email", one.address, one.reason, one.since)
        more = _advance(scope, held, page)
        reach("survey.applied")
    return Batch(1, more)


def _goes_on_without(held: Survey, error: ProviderError) -> bool:
    """Whether what this stage asks for is only said to be missing. Opt-outs are waited for, unless the server has no
    such thing: to wait for those would be for ever.
    """
    if error.status == 401:
        return False
    if error.status in _NO_SUCH_THING:
        return True
    return held.knows_opt_outs and isinstance(error, Refused | ActionNeeded)


@contextmanager
def _applying(deps: Deps, shop: Shop) -> Iterator[Scope]:
    """A transaction in which nobody new appears. What it finds out starts no flow, though it may end one."""
    with deps.open(shop, quiet=True) as scope:
        lock_shop(scope, NORMALISE)
        yield scope


def _claim(deps: Deps, shop: Shop) -> Survey | None:
    """The shop's survey under lease; None when it is not due or somebody else has it."""
    machine = deps.clock.machine()
    lease = machine + _CALLS * timedelta(seconds=deps.settings.provider_timeout_seconds) + _APPLIED_WITHIN
    free = or_(brevo_surveys.c.lease_real.is_(None), brevo_surveys.c.lease_real < machine)
    due = (brevo_surveys.c.state == "due") & (brevo_surveys.c.due_real <= machine)
    with transaction(deps.engine) as connection:
        row = connection.execute(
            update(brevo_surveys)
            .where(brevo_surveys.c.shop_id == shop.id, due, free)
            .values(lease_real=lease)
            .returning(*(brevo_surveys.c[name] for name in Survey.__annotations__))
        ).first()
    return None if row is None else Survey(*row)


def _mine(shop_id: int, held: Survey) -> ColumnElement[bool]:
    return and_(
        brevo_surveys.c.shop_id == shop_id,
        brevo_surveys.c.lease_real == held.lease_real,
        brevo_surveys.c.state == "due",
    )


def _advance(scope: Scope, held: Survey, page: Page) -> bool:
    """Remember from where to go on, and what this page came to; whether there is more. Nothing is written by somebody
    whose lease has run out."""
    counts = {**held.counts, held.stage: [page.read, max(page.read, page.total)]}
    if page.reasons:
        before = held.counts.get("reasons", {})
        counts["reasons"] = {**before, **{one: before.get(one, 0) + many for one, many in page.reasons.items()}}
    values: dict[str, Any] = {"counts": counts, "found": {**held.found, **page.found}, "lease_real": None}
    values |= {"attempts": 0, "reason": None, "place": page.next or 0}
    following = held.stage if page.next is not None else AFTER.get(held.stage)
    values |= {"state": "done", "done_at": scope.now} if following is None else {"stage": following}
    written = scope.connection.execute(update(brevo_surveys).where(_mine(scope.shop_id, held)).values(**values))
    if not written.rowcount:
        return False
    if held.stage == "templates":
        _keep_templates(scope, held, page)
    if held.first and held.stage == "blocked" and page.next is None:
        pauses.lift(scope.connection, scope.shop_id, (pauses.ACCOUNT,))
        scope.bells.update(("sync", "deliver"))
    return following is not None


def _keep_templates(scope: Scope, held: Survey, page: Page) -> None:
    ours = brevo_templates.c.shop_id == scope.shop_id
    if page.templates:
        statement = insert(brevo_templates).values([{"shop_id": scope.shop_id, **one} for one in page.templates])
        newer = {name: statement.excluded[name] for name in ("name", "subject", "active", "double_opt_in", "read_at")}
        scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "id"], set_=newer))
    if page.next is None and "templates" not in page.found.get("problems", {}):
        scope.connection.execute(delete(brevo_templates).where(ours, brevo_templates.c.read_at < held.began_at))


def _postpone(deps: Deps, shop: Shop, held: Survey, error: ConnectorError) -> Batch:
    """Brevo did not answer, or somebody has to act first: the page is asked for again, as long as it takes."""
    if isinstance(error, Retry | OutcomeUnknown):
        wait = backoff(deps.settings.retry_seconds, held.attempts, error)
    else:
        wait = min(_FIRST_LOOK * 2.0 ** min(held.attempts, 10), _LONGEST_LOOK)
    limited = isinstance(error, RateLimited)
    log.warning("survey_postponed", shop_id=shop.id, stage=held.stage, error=type(error).__name__)
    with deps.open(shop) as scope:
        values = {
            "due_real": scope.machine + timedelta(seconds=wait),
            "lease_real": None,
            "attempts": held.attempts + (0 if limited else 1),
            "reason": held.reason if limited else str(error)[:_REASON_LENGTH],
        }
        scope.connection.execute(update(brevo_surveys).where(_mine(shop.id, held)).values(**values))
        if isinstance(error, ActionNeeded) and held.first and not held.knows_opt_outs:
            # It waits for us: what Brevo says is to be read where it is seen to wait.
            pauses.hold(scope.connection, shop.id, pauses.ACCOUNT, pauses.SURVEY, error.detail, scope.now)
        elif isinstance(error, ActionNeeded) and error.status == 401:
            pauses.start(scope, pauses.ACCOUNT, error)
    return Batch(1, False)
