"""An import that is due is sent: its people are read anew, so that it brings what they are now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from connector import pauses
from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, ProviderError, Refused
from connector.logging import get
from connector.queue.batch import NOTHING, Batch
from connector.scope import scoped
from connector.shops import Shop
from sync import lists
from sync.copies import upsert
from sync.copies.contact import LANE
from sync.copies.resource import Claim
from sync.imports import contents, endings
from sync.imports.contents import Terms
from sync.mapping import contact as mapping

log = get(__name__)

# People are read so many at a time.
_CHUNK = 1000
# A lease of T5 is for one short call: to read and send megabytes takes longer.
LEASES = 4
# An import that Brevo refuses is halved down to so many, who then go by themselves.
_SMALLEST = 50
# Machine seconds until Brevo is first asked what became of an import.
FIRST_LOOK = 3.0
_REASON_LENGTH = 300


def send_next(deps: Deps, shop: Shop) -> Batch:
    """Send the import that has been due longest, if there is a call for it."""
    machine = deps.clock.machine()
    asked = {"shop_id": shop.id, "machine": machine}
    with autocommitted(deps.engine) as connection:
        if not connection.scalar(_IS_DUE, asked):
            return NOTHING
    account = deps.brevo(shop)
    grant = account.grab(upsert.BUCKET, 1, lane=LANE)
    if not grant.calls:
        return NOTHING
    lease = machine + timedelta(seconds=LEASES * deps.settings.delivery_lease_seconds)
    with autocommitted(deps.engine) as connection:
        held = connection.execute(_CLAIM, {**asked, "lease": lease}).mappings().first()
    if held is None:
        account.give_back(upsert.BUCKET, grant, 1)
        return NOTHING
    reach("import.leased")
    lines = _lines(deps, shop, held)
    if not lines:
        account.give_back(upsert.BUCKET, grant, 1)
        endings.give_up(deps, shop, held, "nobody is left in it")
        return Batch(1, True)
    try:
        terms = Terms.of(held)
        if not terms.list_ids:
            shop, _ = lists.ensure(deps, shop, account)
        process_id = account.import_contacts(terms.body(lines, shop.settings["lists"].get(lists.IMPORTS)))
    except Refused as error:
        _refused(deps, shop, held, len(lines), error)
        return Batch(1, True)
    except ProviderError as error:
        postpone(deps, shop, held, error)
        return Batch(1, False)
    reach("import.told")
    machine = deps.clock.machine()
    sent = {"process_id": process_id, "people": len(lines), "sent": machine}
    with autocommitted(deps.engine) as connection:
        connection.execute(_SENT, {**_mine(held), **sent, "due": machine + timedelta(seconds=FIRST_LOOK)})
        connection.execute(_GO_ON, {"shop_id": shop.id, "channel": pauses.ACCOUNT, "machine": machine})
    return Batch(1, True)


_IS_DUE = text(
    """
SELECT EXISTS (
    SELECT FROM contact_imports WHERE shop_id = :shop_id AND state = 'due' AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
)
"""
)
_CLAIM = text(
    """
UPDATE contact_imports SET lease_real = :lease, attempts = attempts + 1
WHERE shop_id = :shop_id AND id = (
    SELECT id FROM contact_imports WHERE shop_id = :shop_id AND state = 'due' AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
)
_SENT = text(
    """
UPDATE contact_imports SET state = 'sent', process_id = :process_id, people = :people, sent_real = :sent, polls = 0,
    due_real = :due, lease_real = NULL, reason = NULL
WHERE shop_id = :shop_id AND id = :id AND lease_real = :lease
"""
)
# Brevo has accepted something: a pause whose probe is due is over. One that began meanwhile is not.
_GO_ON = text("DELETE FROM channel_pauses WHERE shop_id = :shop_id AND channel = :channel AND probe_real <= :machine")


def _mine(held: RowMapping) -> dict[str, Any]:
    """The row of a claimed import, as long as the lease is ours."""
    return {"shop_id": held["shop_id"], "id": held["id"], "lease": held["lease_real"]}


def _lines(deps: Deps, shop: Shop, held: RowMapping) -> list[Mapping[str, Any]]:
    """What the import brings. Its people's versions are written down as they are read; who does not fit into it any
    more is gathered again, who cannot be in any goes by themselves.
    """
    attributes, terms = mapping.of_shop(shop), Terms.of(held)
    lines: list[Mapping[str, Any]] = []
    size, after = contents.ENVELOPE, 0
    while True:
        with transaction(deps.engine) as connection:
            asked = {"shop_id": shop.id, "import_id": held["id"], "after": after, "most": _CHUNK}
            rows = connection.execute(_PEOPLE, asked).all()
            if not rows:
                return lines
            after = rows[-1].entity_id
            machine = deps.clock.machine()
            claims = [
                Claim("contact", row.entity_id, row.wanted_version, row.sent_version, 0, machine, True) for row in rows
            ]
            found = contents.read(connection, shop, claims, attributes)
            read: dict[int, int] = {}
            others: dict[int, str] = {}
            for row in rows:
                content = found.get(row.entity_id)
                if content is None:
                    others[row.entity_id] = "due"
                elif content.terms != terms or size + content.size > contents.LARGEST_BODY:
                    others[row.entity_id] = "gathering"
                else:
                    read[row.entity_id] = content.version
                    size += content.size
                    lines.append(content.line)
            _write(connection, shop, read, others, machine)


def _write(
    connection: Connection, shop: Shop, read: Mapping[int, int], others: Mapping[int, str], machine: datetime
) -> None:
    if read:
        given = {"ids": list(read), "versions": list(read.values())}
        connection.execute(_READ, {"shop_id": shop.id, **given})
    if others:
        given_states = {"ids": list(others), "states": list(others.values())}
        connection.execute(_OTHERS, {"shop_id": shop.id, "machine": machine, **given_states})


# Held until what is read of them is written down: who is changed in earnest meanwhile is changed after that.
_PEOPLE = text(
    """
SELECT entity_id, wanted_version, sent_version FROM sync_state
WHERE shop_id = :shop_id AND import_id = :import_id AND state = 'importing' AND entity_id > :after
ORDER BY entity_id LIMIT :most FOR UPDATE
"""
)
_READ = text(
    """
UPDATE sync_state SET import_version = read.version
FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[])) AS read (id, version)
WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = read.id
"""
)
_OTHERS = text(
    """
UPDATE sync_state SET state = other.state, due_real = :machine, import_id = NULL, import_version = NULL
FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[])) AS other (id, state)
WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = other.id
"""
)


def _refused(deps: Deps, shop: Shop, held: RowMapping, people: int, error: Refused) -> None:
    """Brevo does not say whose fault it is: half of the people leave in another import, a few go by themselves."""
    log.warning("import_refused", shop_id=shop.id, import_id=held["id"], people=people, status=error.status)
    if people <= _SMALLEST:
        endings.give_up(deps, shop, held, str(error))
        return
    with transaction(deps.engine) as connection:
        asked = {**_mine(held), "half": people // 2, "machine": deps.clock.machine(), "now": deps.clock.now()}
        connection.execute(_HALVE, {**asked, "reason": str(error)[:_REASON_LENGTH]})


_HALVE = text(
    """
WITH mine AS (
    UPDATE contact_imports SET people = people - :half, lease_real = NULL, reason = :reason
    WHERE shop_id = :shop_id AND id = :id AND lease_real = :lease
    RETURNING *
), other AS (
    INSERT INTO contact_imports (shop_id, state, email_blocked, sms_blocked, list_ids, people, bytes, refused, made_at,
        due_real, attempts, polls)
    SELECT shop_id, 'due', email_blocked, sms_blocked, list_ids, :half, bytes, 0, :now, :machine, 0, 0 FROM mine
    RETURNING id
), half AS MATERIALIZED (
    SELECT entity, entity_id FROM sync_state
    WHERE shop_id = :shop_id AND import_id = :id AND state = 'importing'
    ORDER BY entity_id DESC LIMIT :half FOR UPDATE
)
UPDATE sync_state SET import_id = other.id FROM half, other
WHERE shop_id = :shop_id AND sync_state.entity = half.entity AND sync_state.entity_id = half.entity_id
"""
)


def postpone(deps: Deps, shop: Shop, held: RowMapping, error: ProviderError) -> None:
    """Nothing is wrong with the import: again after its back-off."""
    log.warning("import_postponed", shop_id=shop.id, import_id=held["id"], error=type(error).__name__)
    wait = backoff(deps.settings.retry_seconds, max(held["attempts"] - 1, 0) + held["polls"], error)
    due = {"due": deps.clock.machine() + timedelta(seconds=wait), "reason": str(error)[:_REASON_LENGTH]}
    with autocommitted(deps.engine) as connection:
        connection.execute(_POSTPONE, {**_mine(held), **due})
    if isinstance(error, ActionNeeded) and error.status == 401:
        with (
            transaction(deps.engine) as connection,
            scoped(connection, shop, deps.clock, deps.settings) as scope,
        ):
            pauses.start(scope, pauses.ACCOUNT, error)


_POSTPONE = text(
    """
UPDATE contact_imports SET due_real = :due, lease_real = NULL, reason = :reason
WHERE shop_id = :shop_id AND id = :id AND lease_real = :lease
"""
)
