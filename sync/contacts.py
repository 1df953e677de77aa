"""T5: contacts at Brevo. A row of ``sync_state`` is a wish; a call sends a snapshot and answers what it read.

* A contact's first upsert is due at once. A change to a contact that Brevo knows opens a window, which one
  call with the newest snapshot closes; changes while the window is open, or while the call waits for the
  limiter, join.
* ``sent_version`` becomes the version that was *read*. If more is wanted by then, the row is due again.
* Calls are taken from the limiter before rows are claimed, and no transaction is open during a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited, Refused
from connector.models.person import consent_ledger, consents, persons
from connector.models.sync import sync_state
from connector.shops import Shop
from sync import upsert
from sync.backoff import backoff
from sync.mapping import contact as mapping

ENTITY = "contact"
_BATCH = 20
# A worker may wait this long (machine seconds) for the limiter instead of ending and being rung again.
_PATIENCE = 1.0
_REASON_LENGTH = 300


def wish(
    connection: Connection,
    shop_id: int,
    person_id: int,
    version: int,
    *,
    machine_now: datetime,
    coalesce_seconds: float,
) -> None:
    """Ask for the contact to be at least at ``version``. Part of the transaction that changed the person."""
    row = {
        "shop_id": shop_id,
        "entity": ENTITY,
        "entity_id": person_id,
        "wanted_version": version,
        "sent_version": 0,
        "state": "due",
        "due_real": machine_now,
        "attempts": 0,
    }
    at_rest = sync_state.c.state.in_(("done", "failed"))
    window = machine_now + timedelta(seconds=coalesce_seconds)
    opens = case((sync_state.c.sent_version > 0, window), else_=machine_now)
    statement = insert(sync_state).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["shop_id", "entity", "entity_id"],
            set_={
                "wanted_version": statement.excluded.wanted_version,
                "state": case((at_rest, "due"), else_=sync_state.c.state),
                "due_real": case((at_rest, opens), else_=sync_state.c.due_real),
                "attempts": case((at_rest, 0), else_=sync_state.c.attempts),
                "reason": case((at_rest, None), else_=sync_state.c.reason),
            },
            where=statement.excluded.wanted_version > sync_state.c.wanted_version,
        )
    )


def send_due(deps: Deps, shop: Shop) -> bool:
    """Send one batch of the contacts that are due; returns whether it is worth ringing again at once."""
    waiting = _count_due(deps, shop)
    if not waiting:
        return False
    account = deps.brevo(shop)
    grant = account.grab(upsert.BUCKET, min(waiting, _BATCH))
    if not grant.calls:
        pause(min(grant.wait, _PATIENCE))
        return grant.wait <= _PATIENCE
    began = monotonic()
    claims = _claim(deps, shop, grant.calls)
    account.give_back(upsert.BUCKET, grant, grant.calls - len(claims))
    snapshots = _read(deps, shop, claims)
    attributes = mapping.attributes(shop.settings["contact_mapping"])
    left = list(claims)
    # After this no call is begun: its answer could come when the lease has ended. The first always goes.
    last_start = began + max(deps.settings.delivery_lease_seconds - deps.settings.provider_timeout_seconds, 0)
    while left:
        claim = left.pop(0)
        snapshot = snapshots.get(claim.person_id)
        nothing = _nothing_to_send(snapshot)
        if snapshot is None or nothing is not None:
            _record_done(deps, shop, claim, None, nothing)
            continue
        try:
            note = upsert.send(account, snapshot.person, snapshot.consents, snapshot.opted_out_before, attributes)
        except ProviderError as error:
            _record_failure(deps, shop, claim, snapshot.version, error)
            if not isinstance(error, Refused):
                # Whatever it is, the next call would likely meet it too.
                _release(deps, shop, left, backoff(deps.settings.retry_seconds, 0, error))
                return False
        else:
            _record_done(deps, shop, claim, snapshot.version, note)
        if monotonic() > last_start:
            break
    _release(deps, shop, left, 0.0)
    return waiting > len(claims) or bool(left)


@dataclass(frozen=True)
class _Claim:
    person_id: int
    lease: datetime
    attempts: int


@dataclass(frozen=True)
class _Snapshot:
    person: Mapping[str, Any]
    consents: Mapping[str, Mapping[str, Any]]
    opted_out_before: frozenset[str]

    @property
    def version(self) -> int:
        return int(self.person["version"])


def _due(shop_id: int, machine: datetime) -> Any:
    open_ = or_(
        and_(sync_state.c.state == "due", sync_state.c.due_real <= machine),
        and_(sync_state.c.state == "leased", sync_state.c.lease_real < machine),
    )
    return and_(sync_state.c.shop_id == shop_id, sync_state.c.entity == ENTITY, open_)


def _count_due(deps: Deps, shop: Shop) -> int:
    """How many are due, counted no further than one more than a batch."""
    some = select(sync_state.c.entity_id).where(_due(shop.id, deps.clock.machine())).limit(_BATCH + 1)
    with transaction(deps.engine) as connection:
        return int(connection.scalar(select(func.count()).select_from(some.subquery())) or 0)


def _claim(deps: Deps, shop: Shop, most: int) -> list[_Claim]:
    machine = deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.delivery_lease_seconds)
    chosen = (
        select(sync_state.c.entity_id, sync_state.c.attempts)
        .where(_due(shop.id, machine))
        .order_by(sync_state.c.due_real)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    # Two statements: inside one UPDATE the planner may run a subquery with LIMIT more than once.
    with transaction(deps.engine) as connection:
        claims = [_Claim(row.entity_id, lease, row.attempts) for row in connection.execute(chosen)]
        if claims:
            connection.execute(
                update(sync_state)
                .where(
                    sync_state.c.shop_id == shop.id,
                    sync_state.c.entity == ENTITY,
                    sync_state.c.entity_id.in_([claim.person_id for claim in claims]),
                )
                .values(state="leased", lease_real=lease)
            )
    return claims


def _read(deps: Deps, shop: Shop, claims: Iterable[_Claim]) -> dict[int, _Snapshot]:
    """The newest state of these persons."""
    ids = [claim.person_id for claim in claims]
    if not ids:
        return {}
    people = select(persons).where(persons.c.shop_id == shop.id, persons.c.id.in_(ids))
    agreed = select(consents).where(consents.c.shop_id == shop.id, consents.c.person_id.in_(ids))
    opted_out = (
        select(consent_ledger.c.person_id, consent_ledger.c.channel)
        .where(
            consent_ledger.c.shop_id == shop.id,
            consent_ledger.c.person_id.in_(ids),
            consent_ledger.c.state.in_(mapping.BLACKLISTING),
        )
        .distinct()
    )
    with transaction(deps.engine) as connection:
        # The version before the consents: if a consent changes in between, the version read is older than
        # what is sent and the contact goes again. The other way round a stale consent would pass for the
        # newest.
        rows = connection.execute(people).mappings().all()
        current: dict[int, dict[str, Mapping[str, Any]]] = {}
        for row in connection.execute(agreed).mappings():
            current.setdefault(row["person_id"], {})[row["channel"]] = row
        before: dict[int, set[str]] = {}
        for person_id, channel in connection.execute(opted_out):
            before.setdefault(person_id, set()).add(channel)
    return {row["id"]: _Snapshot(row, current.get(row["id"], {}), frozenset(before.get(row["id"], ()))) for row in rows}


def _nothing_to_send(snapshot: _Snapshot | None) -> str | None:
    if snapshot is None or snapshot.person["erased_at"] is not None:
        return "erased"
    return None if snapshot.person["email"] else "no_email"


def _record_done(deps: Deps, shop: Shop, claim: _Claim, version: int | None, reason: str | None) -> None:
    """The call was accepted with this version, or (None) there is nothing to send for now.

    ``sent_version`` says that Brevo knows the contact, so "nothing to send" leaves it as it is.
    """
    window = deps.clock.machine() + timedelta(seconds=deps.settings.contact_coalesce_seconds)
    values: dict[str, Any] = {"state": "done", "lease_real": None, "attempts": 0, "reason": reason}
    if version is not None:
        more = sync_state.c.wanted_version > version
        values |= {
            "sent_version": func.greatest(sync_state.c.sent_version, version),
            # What changed during the call opens the next window.
            "state": case((more, "due"), else_="done"),
            "due_real": case((more, window), else_=sync_state.c.due_real),
        }
    with transaction(deps.engine) as connection:
        if not _held(connection, shop, claim, values):
            # The lease had ended: another call may have been overtaken by ours. Send the newest once more.
            connection.execute(_row(shop, claim).values(state="due", due_real=deps.clock.machine()))


def _record_failure(deps: Deps, shop: Shop, claim: _Claim, version: int, error: ProviderError) -> None:
    values: dict[str, Any] = {"lease_real": None, "reason": str(error)[:_REASON_LENGTH]}
    if isinstance(error, Refused):
        # A wish that arrived meanwhile is another request, which may be accepted.
        more = sync_state.c.wanted_version > version
        values |= {"state": case((more, "due"), else_="failed"), "attempts": 0}
    else:
        delay = timedelta(seconds=backoff(deps.settings.retry_seconds, claim.attempts, error))
        values |= {"state": "due", "due_real": deps.clock.machine() + delay}
        if not isinstance(error, RateLimited):
            values["attempts"] = claim.attempts + 1
    with transaction(deps.engine) as connection:
        _held(connection, shop, claim, values)


def _release(deps: Deps, shop: Shop, claims: Iterable[_Claim], delay: float) -> None:
    """Give back what was claimed and not begun."""
    due = deps.clock.machine() + timedelta(seconds=delay)
    with transaction(deps.engine) as connection:
        for claim in claims:
            _held(connection, shop, claim, {"state": "due", "due_real": due, "lease_real": None})


def _row(shop: Shop, claim: _Claim) -> Any:
    return update(sync_state).where(
        sync_state.c.shop_id == shop.id,
        sync_state.c.entity == ENTITY,
        sync_state.c.entity_id == claim.person_id,
    )


def _held(connection: Connection, shop: Shop, claim: _Claim, values: Mapping[str, Any]) -> bool:
    """Write under our lease; False when it is no longer ours."""
    ours = _row(shop, claim).where(sync_state.c.state == "leased", sync_state.c.lease_real == claim.lease)
    return connection.execute(ours.values(**values)).rowcount == 1
