"""People who ask, by a form, to be told when something is back: kept here, and given to Brevo where the merchant wants
its own alerts (POST /products/{id}/alerts/back_in_stock).

Whom Brevo tells is not told by a flow as well. Brevo takes an alert again without harm, so a call of which nothing was
heard is made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text, update

from connector.backoff import backoff
from connector.deps import Deps
from connector.errors import ActionNeeded, OutcomeUnknown, ProviderError, RateLimited, Refused, Retry
from connector.logging import get
from connector.models.catalogue_signal import product_alerts
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop

log = get(__name__)

# Machine time of one call; until somebody may have switched alerts on at Brevo; until contact or product may be there.
_LEASE, _ASK_STAFF, _NOT_YET = timedelta(seconds=25), timedelta(hours=1), timedelta(minutes=30)
# How often a contact or product that is not there is waited for.
_MOST = 5
_REASON_LENGTH = 300


def ask(scope: Scope, person_id: int, form: str, answers: Mapping[str, Any], at: datetime) -> None:
    """Keep that this person, whose lock the caller holds, has asked by this form, if it is the one for it.

    ``answers``: ``product_id`` and, for one of its variants, ``variant_id``; numbers, also as text.
    """
    settings = scope.shop.settings["catalogue_signals"]
    product_id = _number(answers.get("product_id"))
    if form != settings["alert_form"] or product_id is None:
        return
    given = {
        "shop_id": scope.shop_id,
        "product_id": product_id,
        "person_id": person_id,
        "variant_id": _number(answers.get("variant_id")),
        "asked_at": at,
        "state": "due" if settings["brevo_alerts"] else "ours",
        "machine": scope.machine,
    }
    scope.connection.execute(_ASK, given)
    scope.bells.add("signals")


def _number(value: Any) -> int | None:
    written = str(value)
    return int(written) if written.isascii() and written.isdigit() and len(written) <= 18 else None


def answered(scope: Scope, product_id: int, people: Sequence[int]) -> None:
    """These have been told that it is back."""
    given = {"shop_id": scope.shop_id, "product_id": product_id, "people": list(people)}
    scope.connection.execute(_ANSWERED, given)


def answered_by_brevo(scope: Scope, product_id: int, variant_ids: Sequence[int], at: datetime) -> None:
    """It came back: Brevo has told whoever had asked it before."""
    given = {"shop_id": scope.shop_id, "product_id": product_id, "variants": list(variant_ids), "at": at}
    scope.connection.execute(_ANSWERED_BY_BREVO, given)


def tell_brevo(deps: Deps, shop: Shop) -> Batch:
    """One alert that Brevo is to be given."""
    machine = deps.clock.machine()
    with deps.open(shop) as scope:
        given = {"shop_id": shop.id, "machine": machine, "lease": machine + _LEASE}
        due = scope.connection.execute(_CLAIM, given).mappings().first()
    if due is None:
        return NOTHING
    alert = dict(due)
    try:
        who = _identifiers(alert)
        if who is None:
            raise Refused("brevo", "the person is no contact there")
        account = deps.brevo(shop)
        account.await_turn("other", lane="bulk")
        account.ask_for_alert(alert["record"], who)
    except ProviderError as error:
        _put_off(deps, shop, alert, error)
        return Batch(1, False)
    with deps.open(shop) as scope:
        _release(scope, alert, state="brevo", reason=None)
    return Batch(1, True)


def _identifiers(alert: Mapping[str, Any]) -> dict[str, str] | None:
    """By the address, which is nobody else's there; None while Brevo does not know the contact."""
    return {"email": alert["email"]} if alert["email"] and alert["known"] else None


def _put_off(deps: Deps, shop: Shop, alert: Mapping[str, Any], error: ProviderError) -> None:
    log.warning("alert_not_told", shop_id=shop.id, status=error.status)
    machine, attempts = deps.clock.machine(), alert["attempts"] + 1
    changes: dict[str, Any] = {"reason": error.detail[:_REASON_LENGTH], "attempts": attempts}
    match error:
        case RateLimited():
            changes |= {"due_real": machine + timedelta(seconds=max(error.after, 1.0)), "attempts": alert["attempts"]}
        case ActionNeeded():
            changes |= {"due_real": machine + _ASK_STAFF, "attempts": alert["attempts"]}
        case Refused():
            changes |= {"due_real": machine + _NOT_YET} if attempts < _MOST else {"state": "refused"}
        case _:
            again = Retry(error.provider, error.detail) if isinstance(error, OutcomeUnknown) else error
            changes["due_real"] = machine + timedelta(seconds=backoff(deps.settings.retry_seconds, attempts - 1, again))
    with deps.open(shop) as scope:
        _release(scope, alert, **changes)
        if isinstance(error, ActionNeeded):
            # What is wrong with the account is wrong for all of them.
            scope.connection.execute(_ALL_LATER, {"shop_id": shop.id, "due": changes["due_real"]})


def _release(scope: Scope, alert: Mapping[str, Any], **values: Any) -> None:
    """If the lease is still ours; who was merged meanwhile has asked anew."""
    columns = product_alerts.c
    mine = (columns.product_id == alert["product_id"]) & (columns.person_id == alert["person_id"])
    held = (columns.shop_id == scope.shop_id) & (columns.lease_real == alert["lease_real"])
    scope.connection.execute(update(product_alerts).where(mine, held).values(**values, lease_real=None))


_ASK = text(
    """
INSERT INTO product_alerts (shop_id, product_id, person_id, variant_id, asked_at, state, attempts, due_real)
VALUES (:shop_id, :product_id, :person_id, :variant_id, :asked_at, :state, 0, :machine)
ON CONFLICT (shop_id, product_id, person_id) DO UPDATE SET
    variant_id = excluded.variant_id, asked_at = excluded.asked_at, state = excluded.state, reason = NULL, attempts = 0,
    due_real = excluded.due_real, lease_real = NULL
    WHERE excluded.asked_at > product_alerts.asked_at
"""
)
_ANSWERED = text(
    "DELETE FROM product_alerts WHERE shop_id = :shop_id AND product_id = :product_id"
    " AND person_id = ANY (CAST(:people AS bigint[]))"
)
_ANSWERED_BY_BREVO = text(
    "DELETE FROM product_alerts WHERE shop_id = :shop_id AND product_id = :product_id AND state = 'brevo'"
    " AND asked_at < :at AND (variant_id IS NULL OR variant_id = ANY (CAST(:variants AS bigint[])))"
)
# A product with a single variant is one record at Brevo, else each variant is one too (sync/mapping/catalogue.py).
_CLAIM = text(
    """
UPDATE product_alerts SET lease_real = :lease FROM persons
WHERE product_alerts.shop_id = :shop_id AND (product_id, person_id) = (
    SELECT product_id, person_id FROM product_alerts
    WHERE shop_id = :shop_id AND state = 'due' AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY due_real, product_id, person_id LIMIT 1 FOR UPDATE SKIP LOCKED
) AND persons.shop_id = :shop_id AND persons.id = person_id
RETURNING product_id, person_id, attempts, lease_real, persons.email, CAST(CASE WHEN variant_id IS NOT NULL AND (
    SELECT count(*) FROM variants WHERE variants.shop_id = :shop_id AND variants.product_id = product_alerts.product_id
) > 1 THEN variant_id ELSE product_id END AS text) AS record, EXISTS (
    SELECT FROM sync_state WHERE sync_state.shop_id = :shop_id AND entity = 'contact' AND entity_id = person_id
        AND sent_version > 0
) AS known
"""
)
_ALL_LATER = text(
    "UPDATE product_alerts SET due_real = greatest(due_real, :due) WHERE shop_id = :shop_id AND state = 'due'"
)
