"""Carrying out what was asked for by law, in stages that each end with a commit: killed anywhere, it goes on there.

A redaction first removes the person's rows (``rows``: one transaction under the shop's and the person's locks), then
what deliveries say of the person (``deliveries``: in batches), then Brevo's part (``brevo``: again until Brevo has
answered). What the later stages need of the person is kept encrypted until the last has ended. A request for data is
counted (``count``) and then waits to be handed out. What staff hand out is put together in ``sync.privacy.exports``
(``gather``: deliveries in batches, ``bundle``: the rest), a whole shop goes in ``sync.privacy.whole_shop``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connector.backoff import backoff
from connector.clock import monotonic
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ConnectorError, ProviderError
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.privacy import at_brevo, deliveries, exports, requests, rows, traces, whole_shop
from sync.privacy.at_brevo import Needed
from sync.privacy.requests import LostLease, Request

log = get(__name__)

# Machine seconds after which a turn ends and lets others have theirs.
_TURN = 1.0


def carry_out_due(deps: Deps, shop: Shop) -> Batch:
    """One turn for the request of this shop that has waited longest."""
    return _turn(deps, shop, None)


def carry_out(deps: Deps, shop: Shop, request_id: int) -> Request:
    """Go on with this request to its end, or to what has to be waited for; how it stands then."""
    while _turn(deps, shop, request_id).more:
        pass
    with autocommitted(deps.engine) as connection:
        return requests.one(connection, shop.id, request_id)


def _turn(deps: Deps, shop: Shop, only: int | None) -> Batch:
    machine = deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.delivery_lease_seconds)
    with autocommitted(deps.engine) as connection:
        request = requests.claim(connection, shop.id, machine, lease, only)
    if request is None:
        return NOTHING
    reach("privacy.leased")
    end = monotonic() + _TURN
    left: Request | None = request
    try:
        while left is not None and monotonic() < end:
            request = left
            left = _STAGES[request.stage](deps, shop, request)
        if left is not None:
            with autocommitted(deps.engine) as connection:
                requests.write(connection, shop.id, left, state="due")
    except LostLease:
        return NOTHING
    except ConnectorError as error:
        _postpone(deps, shop, request, error)
        return Batch(1, False)
    # When this one has ended or waits, another may be due.
    return Batch(1, left is not None or only is None)


def _postpone(deps: Deps, shop: Shop, request: Request, error: ConnectorError) -> None:
    """Again later, for as long as it takes. The platform's words may quote an address: its status tells enough."""
    log.warning("privacy_request_waits", shop_id=shop.id, kind=request.kind, error=type(error).__name__)
    wait = deps.settings.retry_seconds[-1]
    said = type(error).__name__
    if isinstance(error, ProviderError):
        wait = backoff(deps.settings.retry_seconds, request.attempts, error)
        said = f"{error.provider} answered {error.status or 'nothing'} {error.code}".strip()
    due = deps.clock.machine() + timedelta(seconds=wait)
    with autocommitted(deps.engine) as connection:
        requests.write(
            connection, shop.id, request, state="due", due_real=due, attempts=request.attempts + 1, reason=said
        )


def _count(deps: Deps, shop: Shop, request: Request) -> None:
    """Say what there is of the person; the bundle itself is made when somebody means to hand it out."""
    with transaction(deps.engine) as connection:
        person_id = request.person_id or traces.person_named(connection, shop.id, request.named)
        found = rows.read(connection, shop.id, traces.of_person(connection, shop.id, person_id, request.named))
        counts = {name: len(some) for name, some in found.items()}
        receipt = {"counted_at": deps.clock.now().isoformat(), "tables": counts}
        requests.write(connection, shop.id, request, state="ready", person_id=person_id, receipt=receipt)


def _rows(deps: Deps, shop: Shop, request: Request) -> Request:
    with deps.open(shop) as scope:
        # Nothing about the person is being applied meanwhile.
        lock_shop(scope, NORMALISE)
        connection = scope.connection
        person_id = request.person_id or traces.person_named(connection, shop.id, request.named)
        found = traces.of_person(connection, shop.id, person_id, request.named)
        requests.withdraw(scope, found.parameters()["customers"], found.persons)
        erased = rows.erase(scope, found)
        needed = Needed.of(found, erased)
        values: dict[str, Any] = {
            "stage": "deliveries",
            "person_id": person_id,
            "sealed": needed.seal(deps, shop),
            "top": deliveries.newest(connection, shop.id),
            "receipt": {
                "rows_at": scope.now.isoformat(),
                "tables": erased.tables,
                "suppressed": erased.suppressed,
                "deliveries": 0,
            },
        }
        requests.write(connection, shop.id, request, named={}, **values)
        reach("privacy.erased")
    return replace(request, **values)


def _deliveries(deps: Deps, shop: Shop, request: Request) -> Request:
    needed = Needed.open(deps, shop, request.sealed or "")
    search = deliveries.Search(frozenset(needed.names))
    with transaction(deps.engine) as connection:
        batch = deliveries.after(connection, shop.id, request.scanned, request.top)
        changed = deliveries.write(
            connection, shop.id, [(row, rest) for row in batch if (rest := search.without(row)) is not None]
        )
        values: dict[str, Any] = {
            "scanned": batch[-1].id if batch else request.top,
            "stage": "deliveries" if batch else "brevo",
            "receipt": {**request.receipt, "deliveries": request.receipt["deliveries"] + changed},
        }
        requests.write(connection, shop.id, request, **values)
    return replace(request, **values)


def _brevo(deps: Deps, shop: Shop, request: Request) -> None:
    needed = Needed.open(deps, shop, request.sealed or "")
    if deps.clock.machine() < needed.quiet_from:
        # A call that began before may still bring the contact back.
        with autocommitted(deps.engine) as connection:
            requests.write(connection, shop.id, request, state="due", due_real=needed.quiet_from)
        return
    answer: dict[str, Any] = {"connected": False}
    if shop.has_brevo:
        answer = {**at_brevo.forget(deps, shop, needed), "other_shops": at_brevo.restore_for_others(deps, shop, needed)}
    reach("privacy.told")
    now = deps.clock.now()
    receipt = {**request.receipt, "brevo": {**answer, "at": now.isoformat()}}
    with autocommitted(deps.engine) as connection:
        requests.write(
            connection, shop.id, request, state="done", sealed=None, reason=None, done_at=now, receipt=receipt
        )


Stage = Callable[[Deps, Shop, Request], Request | None]
"""Does one step of a request that is leased; the request for the next step, None when it has ended or waits."""

_STAGES: Mapping[str, Stage] = {
    "count": _count,
    "gather": exports.gather,
    "bundle": exports.finish,
    "rows": _rows,
    "deliveries": _deliveries,
    "brevo": _brevo,
    "shop": whole_shop.begin,
    "tables": whole_shop.go_on,
}
