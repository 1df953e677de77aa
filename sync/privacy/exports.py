"""What is stored of a person, to be handed out: asked for by staff, put together by a worker, kept for a few days.

It is a request like those of the law (``sync.privacy.work``). Deliveries are gone through in batches, each with a
commit, and what they say of the person is put aside; the last step reads the rest and puts the bundle in its place. All
of it is encrypted. It goes when the person is erased, when it has lain for ``EXPORTS_KEEP_DAYS``, when the person turns
out to be another one too, and when it is asked for anew.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, delete, exists, insert, select

from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.locks import lock_persons
from connector.models.person import persons
from connector.models.privacy import person_exports, privacy_requests
from connector.scope import Scope
from connector.shops import Shop
from sync.privacy import bundle, deliveries, requests, traces
from sync.privacy.bundle import Bundle
from sync.privacy.requests import Request
from sync.privacy.traces import Named

_WHOLE = 0
_SEALED_AS = "export"
_NOTHING = "Nothing lies ready any more: have it put together once more."


@dataclass(frozen=True)
class Export:
    """``ends_real``: until when it can be handed out, machine time; None while it is being put together."""

    id: int
    asked_at: datetime
    ends_real: datetime | None = None

    @property
    def ready(self) -> bool:
        return self.ends_real is not None


def ask(scope: Scope, person_id: int) -> Export:
    """Have what is stored of them put together; what lay ready goes. While it is under way, that one.

    Raises InvalidInput for somebody who was erased or is another person's record.
    """
    lock_persons(scope, [person_id])
    if not _is_there(scope.connection, scope.shop_id, person_id):
        raise InvalidInput("This person was erased or is somebody else's record by now: there is nothing to hand out.")
    known = of_person(scope.connection, scope.shop_id, person_id, scope.machine)
    if known is not None and not known.ready:
        return known
    _forget(scope.connection, scope.shop_id, person_id)
    reference = f"export:{person_id}:{scope.machine.isoformat()}"
    made = requests.ask(scope, "export", Named(), reference=reference, source="staff", person_id=person_id)
    assert made is not None, "two at one moment stand behind each other's lock"
    return Export(made, scope.now)


def of_person(connection: Connection, shop_id: int, person_id: int, machine: datetime) -> Export | None:
    """The one that is under way, else the one that lies ready; None when there is neither."""
    under_way = (
        select(privacy_requests.c.id, privacy_requests.c.received_at)
        .where(
            privacy_requests.c.shop_id == shop_id,
            privacy_requests.c.kind == "export",
            privacy_requests.c.person_id == person_id,
            privacy_requests.c.state.in_(("due", "leased")),
        )
        .limit(1)
    )
    if (row := connection.execute(under_way).first()) is not None:
        return Export(row.id, row.received_at)
    mine = (privacy_requests.c.shop_id == person_exports.c.shop_id) & (
        privacy_requests.c.id == person_exports.c.request_id
    )
    ready = (
        select(privacy_requests.c.id, privacy_requests.c.received_at, person_exports.c.ends_real)
        .join_from(person_exports, privacy_requests, mine)
        .where(
            person_exports.c.shop_id == shop_id,
            person_exports.c.person_id == person_id,
            person_exports.c.part == _WHOLE,
            person_exports.c.ends_real > machine,
        )
        .limit(1)
    )
    lies = connection.execute(ready).first()
    return None if lies is None else Export(lies.id, lies.received_at, lies.ends_real)


def hand_out(deps: Deps, scope: Scope, person_id: int) -> Bundle:
    """What lies ready of them; the store's own open requests for it are done with this.

    Raises InvalidInput while there is nothing to be handed out.
    """
    found = of_person(scope.connection, scope.shop_id, person_id, scope.machine)
    if found is None:
        raise InvalidInput(_NOTHING)
    if not found.ready:
        raise InvalidInput("It is still being put together: wait a moment.")
    whole = select(person_exports.c.sealed).where(*_of(scope.shop_id, found.id), person_exports.c.part == _WHOLE)
    sealed = scope.connection.execute(whole).scalar_one_or_none()
    if sealed is None:
        # Somebody has had it put together anew between the two looks.
        raise InvalidInput(_NOTHING)
    made: Bundle = _opened(deps, scope.shop, sealed)
    counts = bundle.counts(made)
    for row in made["tables"].get("persons", ()):
        if row.get("customer_id"):
            requests.handed_out(scope, row["customer_id"], counts)
    return made


def gather(deps: Deps, shop: Shop, request: Request) -> Request | None:
    """Put aside what the next batch of deliveries says of the person."""
    with transaction(deps.engine) as connection:
        if not _is_there(connection, shop.id, request.person_id):
            _end(connection, deps, shop, request, state="cancelled", reason="erased")
            return None
        top, names = _begun(connection, deps, shop, request)
        batch = deliveries.after(connection, shop.id, request.scanned, top)
        values: dict[str, Any] = {
            "top": top,
            "scanned": batch[-1].id if batch else top,
            "stage": "gather" if batch else "bundle",
            "sealed": request.sealed or _sealed(deps, shop, sorted(names)),
        }
        if found := list(bundle.of_deliveries(deliveries.Search(names), batch)):
            _keep(connection, deps, shop, request, values["scanned"], found)
        requests.write(connection, shop.id, request, **values)
        reach("privacy.gathered")
    return replace(request, **values)


def finish(deps: Deps, shop: Shop, request: Request) -> None:
    """Put everything together, in the place of what was put aside."""
    with transaction(deps.engine) as connection:
        if not _is_there(connection, shop.id, request.person_id):
            _end(connection, deps, shop, request, state="cancelled", reason="erased")
            return
        mine = traces.of_person(connection, shop.id, request.person_id)
        aside = select(person_exports.c.sealed).where(*_of(shop.id, request.id)).order_by(person_exports.c.part)
        stored = [one for sealed in connection.scalars(aside) for one in _opened(deps, shop, sealed)]
        made = bundle.put_together(connection, shop, mine, stored)
        connection.execute(delete(person_exports).where(*_of(shop.id, request.id)))
        _keep(connection, deps, shop, request, _WHOLE, made)
        receipt = {"made_at": deps.clock.now().isoformat(), "tables": bundle.counts(made)}
        _end(connection, deps, shop, request, state="done", receipt=receipt)


def _begun(connection: Connection, deps: Deps, shop: Shop, request: Request) -> tuple[int, frozenset[tuple[str, str]]]:
    """Up to which delivery is looked, and for what: found out once, because it takes a look at everybody."""
    if request.sealed is None:
        names = traces.of_person(connection, shop.id, request.person_id).names
        return deliveries.newest(connection, shop.id), names
    return request.top, frozenset((kind, value) for kind, value in _opened(deps, shop, request.sealed))


def _end(connection: Connection, deps: Deps, shop: Shop, request: Request, **values: Any) -> None:
    requests.write(connection, shop.id, request, sealed=None, done_at=deps.clock.now(), **values)


def _keep(connection: Connection, deps: Deps, shop: Shop, request: Request, part: int, value: Any) -> None:
    row: Mapping[str, Any] = {
        "shop_id": shop.id,
        "request_id": request.id,
        "part": part,
        "person_id": request.person_id,
        "sealed": _sealed(deps, shop, value),
        "ends_real": deps.clock.machine() + timedelta(days=deps.settings.exports_keep_days),
    }
    connection.execute(insert(person_exports).values(row))


def _of(shop_id: int, request_id: int) -> tuple[Any, ...]:
    return person_exports.c.shop_id == shop_id, person_exports.c.request_id == request_id


def _forget(connection: Connection, shop_id: int, person_id: int) -> None:
    theirs = (person_exports.c.shop_id == shop_id, person_exports.c.person_id == person_id)
    connection.execute(delete(person_exports).where(*theirs))


def _is_there(connection: Connection, shop_id: int, person_id: int | None) -> bool:
    known = exists().where(
        persons.c.shop_id == shop_id,
        persons.c.id == person_id,
        persons.c.erased_at.is_(None),
        persons.c.merged_into.is_(None),
    )
    return bool(connection.scalar(select(known)))


def _sealed(deps: Deps, shop: Shop, value: Any) -> str:
    packed = base64.b64encode(zlib.compress(orjson.dumps(value))).decode()
    return deps.secrets.encrypt(shop.id, _SEALED_AS, packed)


def _opened(deps: Deps, shop: Shop, sealed: str) -> Any:
    """Raises ConfigurationError when no key opens it."""
    return orjson.loads(zlib.decompress(base64.b64decode(deps.secrets.decrypt(shop.id, _SEALED_AS, sealed))))
