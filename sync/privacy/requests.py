"""What was asked for by law: rows of ``privacy_requests``, from the asking to the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.models.privacy import privacy_requests
from connector.scope import Scope
from connector.shops import Shop
from sync.privacy import tombstones
from sync.privacy.traces import Named

Kind = Literal["data_request", "export", "redact", "shop_redact"]

BELL = "privacy"
# Shopify wants the act to be completed within so long.
WITHIN = timedelta(days=30)
_FIRST_STAGE: Mapping[str, str] = {
    "data_request": "count",
    "export": "gather",
    "redact": "rows",
    "shop_redact": "shop",
}


@dataclass(frozen=True)
class Request:
    """A row of ``privacy_requests``. Times named ``real`` are machine time, the others business time."""

    id: int
    kind: Kind
    source: str
    customer_digest: str | None
    person_id: int | None
    named: Named
    state: str
    stage: str
    sealed: str | None
    scanned: int
    top: int
    received_at: datetime
    due_at: datetime
    lease_real: datetime | None
    attempts: int
    reason: str | None
    done_at: datetime | None
    receipt: Mapping[str, Any]

    @property
    def open(self) -> bool:
        return self.state in ("due", "leased", "ready")


_COLUMNS = tuple(privacy_requests.c[name] for name in Request.__annotations__)


def _request(row: Any) -> Request:
    return Request(**{**row._mapping, "named": Named.of(row.named)})


def ask(
    scope: Scope, kind: Kind, named: Named, *, reference: str, source: str = "shopify", person_id: int | None = None
) -> int | None:
    """Note that this was asked for, once for each ``reference``; a worker carries it out. None when it was known."""
    scope.bells.add(BELL)
    asked = named.customer_id
    statement = (
        insert(privacy_requests)
        .values(
            shop_id=scope.shop_id,
            kind=kind,
            source=source,
            reference=reference,
            customer_digest=None if asked is None else tombstones.customer_digest(scope.shop.salt, asked),
            person_id=person_id,
            named=named.as_json(),
            state="due",
            stage=_FIRST_STAGE[kind],
            scanned=0,
            top=0,
            received_at=scope.now,
            due_at=scope.now + WITHIN,
            due_real=scope.machine,
            attempts=0,
            receipt={},
        )
        .on_conflict_do_nothing()
        .returning(privacy_requests.c.id)
    )
    found: int | None = scope.connection.scalar(statement)
    return found


def claim(connection: Connection, shop_id: int, machine: datetime, lease: datetime, only: int | None) -> Request | None:
    """Lease the request that has waited longest, or ``only`` this one; None when nothing is due."""
    given = {"shop_id": shop_id, "machine": machine, "lease": lease, "only": only}
    claimed = connection.scalar(_CLAIM, given)
    return None if claimed is None else one(connection, shop_id, claimed)


_CLAIM = text(
    """
UPDATE privacy_requests SET state = 'leased', lease_real = :lease
WHERE shop_id = :shop_id AND id = (
    SELECT id FROM privacy_requests
    WHERE shop_id = :shop_id AND state IN ('due', 'leased')
        AND (due_real <= :machine OR CAST(:only AS bigint) IS NOT NULL)
        AND (lease_real IS NULL OR lease_real < :machine)
        AND (CAST(:only AS bigint) IS NULL OR id = :only)
    ORDER BY due_real, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
)


def one(connection: Connection, shop_id: int, request_id: int) -> Request:
    """Raises NoResultFound."""
    query = select(*_COLUMNS).where(privacy_requests.c.shop_id == shop_id, privacy_requests.c.id == request_id)
    return _request(connection.execute(query).one())


def of_shop(
    connection: Connection, shop: Shop, customer_id: int | None = None, *, open_only: bool = False
) -> list[Request]:
    """The requests of this shop, the newest first."""
    query = select(*_COLUMNS).where(privacy_requests.c.shop_id == shop.id).order_by(privacy_requests.c.id.desc())
    if customer_id is not None:
        query = query.where(privacy_requests.c.customer_digest == tombstones.customer_digest(shop.salt, customer_id))
    if open_only:
        query = query.where(privacy_requests.c.state.in_(("due", "leased", "ready")))
    return [_request(row) for row in connection.execute(query)]


class LostLease(Exception):
    """The lease had run out and somebody else has the request: what the transaction wrote must not stay."""


def write(connection: Connection, shop_id: int, request: Request, **values: Any) -> None:
    """Write this of a request under its lease. With another ``state`` than "leased" the lease is given up.

    Raises LostLease.
    """
    if values.get("state", "leased") != "leased":
        values["lease_real"] = None
    mine = (
        privacy_requests.c.shop_id == bindparam("shop"),
        privacy_requests.c.id == bindparam("request"),
        privacy_requests.c.state == "leased",
        privacy_requests.c.lease_real == bindparam("held"),
    )
    given = {"shop": shop_id, "request": request.id, "held": request.lease_real}
    if connection.execute(update(privacy_requests).where(*mine).values(**values), given).rowcount == 0:
        raise LostLease


def withdraw(scope: Scope, customer_ids: Sequence[int], person_ids: Sequence[int]) -> None:
    """Requests for the data of somebody who is erased now have nothing to hand out any more."""
    digests = [tombstones.customer_digest(scope.shop.salt, one) for one in customer_ids]
    scope.connection.execute(
        update(privacy_requests)
        .where(
            privacy_requests.c.shop_id == scope.shop_id,
            privacy_requests.c.kind.in_(("data_request", "export")),
            or_(privacy_requests.c.customer_digest.in_(digests), privacy_requests.c.person_id.in_(person_ids)),
            privacy_requests.c.state != "done",
        )
        .values(state="cancelled", named={}, sealed=None, done_at=scope.now, reason="erased", lease_real=None)
    )


def handed_out(scope: Scope, customer_id: int, counts: Mapping[str, int]) -> int:
    """The bundle of this customer was given to the merchant: their requests for it are done; how many there were."""
    digest = tombstones.customer_digest(scope.shop.salt, customer_id)
    done = {"handed_out_at": scope.now.isoformat(), "tables": dict(counts)}
    return scope.connection.execute(
        update(privacy_requests)
        .where(
            privacy_requests.c.shop_id == scope.shop_id,
            privacy_requests.c.customer_digest == digest,
            privacy_requests.c.kind == "data_request",
            privacy_requests.c.state.in_(("due", "ready")),
        )
        .values(
            state="done", named={}, done_at=scope.now, receipt=privacy_requests.c.receipt.concat(done), lease_real=None
        )
    ).rowcount
