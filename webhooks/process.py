"""T2: what was acknowledged becomes projections and events. Bytes only, no network.

One transaction handles one batch of one shop, under the shop's lock, in the order of arrival. When a row fails
the batch is done once more with a savepoint for each row, so that the others are left alone. What becomes of a row:

* ``done``: applied;
* ``ignored``: of no concern to us, with the reason; of what is about somebody who was erased nothing else is kept;
* ``poison``: signed but unreadable;
* ``quarantined``: readable, but not of the shape that the topic declares; kept for a replay after a fix. Of a batch of
  Brevo's the other objects are applied;
* ``retry``: something failed that may pass (again later, then poison).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlsplit

import orjson
from marshmallow import Schema, ValidationError
from sqlalchemy import BigInteger, RowMapping, any_, bindparam, exists, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError

from connector.crashpoints import reach
from connector.db.schema import Moment
from connector.deps import Deps
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.inbox import inbox
from connector.models.privacy import erasures
from connector.models.shop import shops
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync.privacy.late import Arrived, sorted_out
from webhooks.brevo_entries import family
from webhooks.topics import TOPICS
from webhooks.topics.topic import Delivery, Topic

log = get(__name__)

BATCH = 100
_RETRIES = (1.0, 5.0, 30.0, 120.0, 600.0)  # seconds of machine time


@dataclass(frozen=True)
class Verdict:
    """What becomes of an inbox row."""

    state: str
    reason: str | None = None


class Unreadable(Exception):
    """The bytes are no JSON that can be stored. The argument says why."""


def read(raw: bytes) -> Any:
    """The JSON value of these bytes; raises Unreadable."""
    if b"\x00" in raw or b"\\u0000" in raw:
        raise Unreadable("contains NUL")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"no JSON: {str(error)[:120]}") from error


def handle_due(deps: Deps, shop: Shop) -> Batch:
    """Normalise one batch of the shop's inbox."""
    try:
        return _batch(deps, shop, alone=False)
    except OperationalError:
        # The database itself is in trouble: nothing of the batch is decided, the whole of it is tried again.
        raise
    except Exception as error:
        # Nearly no row ever fails, so rows are guarded from each other only when one did.
        log.warning("batch_taken_apart", shop_id=shop.id, error=type(error).__name__)
        return _batch(deps, shop, alone=True)


def _batch(deps: Deps, shop: Shop, *, alone: bool) -> Batch:
    """``alone``: a row that fails is given its verdict and undone by itself; else it raises."""
    with deps.open(shop) as scope:
        lock_shop(scope, NORMALISE)
        rows = (
            scope.connection.execute(_CLAIM, {"shop_id": shop.id, "machine": scope.machine, "most": BATCH})
            .mappings()
            .all()
        )
        if not rows:
            return NOTHING
        reach("t2.claimed")
        told = _without_the_erased(scope, rows)
        judge = _apply_alone if alone else _apply
        elsewhere = _Elsewhere(scope)
        for verdict, same in _by_verdict([(row, judge(scope, row, elsewhere)) for row in told]).items():
            _finish(scope, same, verdict)
        scope.pay()
        reach("t2.applied")
    return Batch(len(rows), len(rows) == BATCH)


_CLAIM = (
    # Under the shop's lock: whoever was erased before is known, and nobody is erased meanwhile.
    select(inbox, exists().where(erasures.c.shop_id == bindparam("shop_id")).label("somebody_erased"))
    .where(
        inbox.c.shop_id == bindparam("shop_id"),
        inbox.c.state.in_(("new", "retry")),
        or_(inbox.c.retry_real.is_(None), inbox.c.retry_real <= bindparam("machine")),
    )
    .order_by(inbox.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


class _Elsewhere:
    """The domains of the other shops, read when they are first asked for."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __contains__(self, host: object) -> bool:
        # Most orders name an address on the shop's own domain, which no other shop is connected by.
        named = isinstance(host, str) and host.endswith(".myshopify.com") and host != self._scope.shop.domain
        return named and host in self._domains

    @cached_property
    def _domains(self) -> frozenset[str]:
        query = select(shops.c.domain).where(shops.c.id != self._scope.shop_id)
        return frozenset(self._scope.connection.scalars(query))


Row = Mapping[Any, Any]


def _without_the_erased(scope: Scope, rows: Sequence[RowMapping]) -> Sequence[Row]:
    """The rows with what they say of somebody erased taken out, here and in the inbox; of some nothing is left."""
    if not rows[0]["somebody_erased"]:
        return rows
    arrived = []
    for row in rows:
        try:
            body = read(bytes(row["raw"]))
        except Unreadable:
            continue
        arrived.append(Arrived(row["id"], row["source"], row["topic"], body, _delivery(row).happened_at))
    left = {one.id: one.raw for one in sorted_out(scope, arrived)}
    for row in rows:
        if row["id"] in left:
            given = {"shop": scope.shop_id, "delivery": row["id"], "arrival": row["received_at"]}
            scope.connection.execute(_STRIP, {**given, "rest": left[row["id"]]})
    return [{**row, "raw": left.get(row["id"], row["raw"])} for row in rows]


_STRIP = (
    update(inbox)
    .where(
        inbox.c.shop_id == bindparam("shop"),
        inbox.c.id == bindparam("delivery"),
        inbox.c.received_at == bindparam("arrival"),
    )
    .values(raw=bindparam("rest"))
)


def _apply(scope: Scope, row: Row, elsewhere: Container[str]) -> Verdict:
    """Apply a row. Raises whatever its topic raises; the row's own faults are a verdict."""
    if not row["raw"] and row["somebody_erased"]:
        return Verdict("ignored", "erased")
    if row["source"] == "brevo":
        return _apply_objects(scope, row)
    topic = TOPICS.get((row["source"], row["topic"]))
    if topic is None:
        return Verdict("ignored", "unknown_topic")
    if scope.shop.state == "uninstalled" and not topic.after_removal:
        return Verdict("ignored", "app_removed")
    try:
        body = read(bytes(row["raw"]))
        if not isinstance(body, dict):
            raise Unreadable("not a JSON object")
        if names_another_shop(body, scope.shop.domain, elsewhere):
            return Verdict("ignored", "names_another_shop")
        payload = _load(topic, body)
    except Unreadable as error:
        return Verdict("poison", str(error))
    except ValidationError as error:
        return Verdict("quarantined", _where(error)[:500])
    topic.apply(scope, payload, _delivery(row))
    return Verdict("done")


def _apply_objects(scope: Scope, row: Row) -> Verdict:
    """A delivery of Brevo, with up to 500 objects of all its topics: what cannot be read keeps back none of the others.

    Applying it again, after a fix, changes nothing about those.
    """
    if scope.shop.state == "uninstalled":
        return Verdict("ignored", "app_removed")
    try:
        body = read(bytes(row["raw"]))
        entries = body if isinstance(body, list) else [body]
        if entries and not any(isinstance(entry, dict) for entry in entries):
            raise Unreadable("not a JSON object")
    except Unreadable as error:
        return Verdict("poison", str(error))
    faults = []
    for number, entry in enumerate(entries, start=1):
        which = f"{number} of {len(entries)}: " if len(entries) > 1 else ""
        if not isinstance(entry, dict):
            faults.append(f"{which}not a JSON object")
            continue
        topic = TOPICS["brevo", family(entry)]
        try:
            payload = _load(topic, entry)
        except ValidationError as error:
            faults.append(f"{which}{_where(error)}")
            continue
        topic.apply(scope, payload, _delivery(row))
    return Verdict("quarantined", "; ".join(faults)[:500]) if faults else Verdict("done")


def _apply_alone(scope: Scope, row: Row, elsewhere: Container[str]) -> Verdict:
    """Apply a row so that nothing of it stays when it fails."""
    try:
        with scope.savepoint():
            return _apply(scope, row, elsewhere)
    except OperationalError:
        raise
    except ValidationError as error:
        return Verdict("quarantined", _where(error)[:500])
    except Exception as error:
        log.exception("normalise_failed", shop_id=scope.shop_id, kind=row["topic"], error=type(error).__name__)
        state = "retry" if row["attempts"] < len(_RETRIES) else "poison"
        return Verdict(state, f"{type(error).__name__}: {error}"[:500])


def _load(topic: Topic, entry: dict[str, Any]) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = _schema(topic.schema).load(entry)
    return loaded


# Making one costs more than loading a payload with it.
@cache
def _schema(kind: type[Schema]) -> Schema:
    return kind()


def _delivery(row: Row) -> Delivery:
    told = row["headers"].get("triggered_at")
    try:
        triggered_at = datetime.fromisoformat(told) if told else None
    except ValueError:
        triggered_at = None
    if triggered_at is not None and triggered_at.tzinfo is None:
        triggered_at = None
    return Delivery(row["topic"], row["external_id"], row["received_at"], triggered_at)


def names_another_shop(payload: Mapping[str, Any], domain: str, others: Container[str]) -> bool:
    """Whether the signed body belongs to another shop than the unsigned header said.

    ``myshopify_domain`` and ``shop_domain`` name the shop outright; addresses of order and checkout pages do so
    when they lie on the domain of another shop that we serve.
    """
    for field in ("myshopify_domain", "shop_domain"):
        named = payload.get(field)
        if isinstance(named, str) and named and named.lower() != domain:
            return True
    for field in ("order_status_url", "abandoned_checkout_url"):
        address = payload.get(field)
        if isinstance(address, str):
            try:
                host = urlsplit(address).hostname
            except ValueError:
                continue
            if host and host in others:
                return True
    return False


def _where(error: ValidationError) -> str:
    """The paths of the fields that did not fit, and how."""

    def walk(node: Any, path: str) -> list[str]:
        if isinstance(node, dict):
            return [line for key, value in node.items() for line in walk(value, f"{path}.{key}" if path else str(key))]
        return [f"{path}: {' '.join(str(part) for part in node)}"]

    return "; ".join(walk(error.normalized_messages(), ""))


def _by_verdict(judged: Sequence[tuple[Row, Verdict]]) -> dict[Verdict, list[Row]]:
    found: dict[Verdict, list[Row]] = {}
    for row, verdict in judged:
        found.setdefault(verdict, []).append(row)
    return found


def _finish(scope: Scope, rows: Sequence[Row], verdict: Verdict) -> None:
    """Write the same verdict on these rows."""
    retry_real, attempts = None, 0
    if verdict.state == "retry":
        tried = min(row["attempts"] for row in rows)
        retry_real = scope.machine + timedelta(seconds=_RETRIES[min(tried, len(_RETRIES) - 1)])
        attempts = 1
    if verdict.state in ("poison", "quarantined"):
        for row in rows:
            log.warning("inbox_" + verdict.state, shop_id=scope.shop_id, topic=row["topic"], inbox_id=row["id"])
    scope.connection.execute(
        _FINISH,
        {
            "shop": scope.shop_id,
            "ids": [row["id"] for row in rows],
            "arrivals": list({row["received_at"] for row in rows}),
            "new_state": verdict.state,
            "new_reason": verdict.reason,
            "new_retry_real": retry_real,
            "more_attempts": attempts,
        },
    )


_FINISH = (
    update(inbox)
    .where(
        inbox.c.shop_id == bindparam("shop"),
        inbox.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
        # The partitions are by this column.
        inbox.c.received_at == any_(bindparam("arrivals", type_=ARRAY(Moment))),
    )
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        retry_real=bindparam("new_retry_real"),
        attempts=inbox.c.attempts + bindparam("more_attempts"),
    )
)
