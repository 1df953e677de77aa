"""Whoever is gathered leaves: few by themselves, many in imports, by which of the two ends sooner.

Imports are made in rounds: everybody who is gathered goes into as few as Brevo's limit on bodies allows, and who comes
afterwards waits until these have ended. So a stream of wishes makes few imports and not many small ones. While a
back-fill reads customers and their orders no round begins: orders change what their contacts say, and would have them
imported twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.locks import IMPORTS, try_shop
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.copies import upsert
from sync.copies.contact import LANE
from sync.copies.resource import Claim
from sync.imports import contents
from sync.imports.contents import Content, Terms
from sync.mapping import contact as mapping

# So many people are put into imports in one transaction.
SLICE = 1000
# Nobody counts further: it is a lot.
_MANY = 10_000
# Machine seconds that a call of its own takes, made and written down, where the limits leave room for more than we do.
_A_CALL = 0.02
# A back-fill that takes longer is waited for no more. Machine time.
_LONGEST_READING = timedelta(minutes=30)


def gather(deps: Deps, shop: Shop) -> Batch:
    """Go on with a round of imports, begin one, or let those who are gathered go by themselves."""
    asked = {"shop_id": shop.id, "many": _MANY, "lately": deps.clock.machine() - _LONGEST_READING}
    with autocommitted(deps.engine) as connection:
        standing = connection.execute(_STANDING, asked).one()
    if standing.open or not (standing.forming or standing.gathered):
        return NOTHING
    if not standing.forming:
        if standing.being_read:
            return NOTHING
        limits = deps.brevo(shop).drain_seconds(upsert.BUCKET, standing.gathered, lane=LANE)
        if max(limits, standing.gathered * _A_CALL) < deps.settings.import_after_seconds:
            with autocommitted(deps.engine) as connection:
                connection.execute(_BY_THEMSELVES, {"shop_id": shop.id, "ids": None, "machine": deps.clock.machine()})
            return Batch(standing.gathered, True)
    attributes = mapping.of_shop(shop)
    with transaction(deps.engine) as connection:
        if not try_shop(connection, shop.id, IMPORTS):
            return NOTHING
        count = _form(connection, shop, attributes, deps.clock.now(), deps.clock.machine())
        reach("import.formed")
    return Batch(count, True)


_STANDING = text(
    """
SELECT EXISTS (SELECT FROM contact_imports WHERE shop_id = :shop_id AND state = 'forming') AS forming,
    EXISTS (SELECT FROM contact_imports WHERE shop_id = :shop_id AND state IN ('due', 'sent'))
    AND NOT EXISTS (SELECT FROM contact_imports WHERE shop_id = :shop_id AND state = 'forming') AS open,
    (SELECT count(*) FROM (
        SELECT FROM sync_state WHERE shop_id = :shop_id AND state = 'gathering' LIMIT :many
    ) AS counted) AS gathered,
    EXISTS (
        SELECT FROM backfill_parts AS part JOIN backfills ON backfills.shop_id = part.shop_id
            AND backfills.id = part.backfill_id
        WHERE part.shop_id = :shop_id AND part.kind IN ('customers', 'orders')
            AND part.state IN ('waiting', 'running', 'copying', 'applying')
            AND backfills.state = 'running' AND backfills.started_real > :lately
    ) AS being_read
"""
)
# Rows that a writer of wishes holds may be no longer gathered when it has ended: they are looked at again.
_BY_THEMSELVES = text(
    """
WITH mine AS MATERIALIZED (
    SELECT entity, entity_id FROM sync_state
    WHERE shop_id = :shop_id AND entity = 'contact' AND state = 'gathering'
        AND (CAST(:ids AS bigint[]) IS NULL OR entity_id = ANY(CAST(:ids AS bigint[])))
    FOR UPDATE SKIP LOCKED
)
UPDATE sync_state SET state = 'due', due_real = :machine FROM mine
WHERE shop_id = :shop_id AND sync_state.entity = mine.entity AND sync_state.entity_id = mine.entity_id
"""
)


def _form(
    connection: Connection, shop: Shop, attributes: tuple[mapping.Attribute, ...], now: datetime, machine: datetime
) -> int:
    """Put a slice of those who are gathered into imports; when nobody is left the round's imports are due.

    Nobody else forms imports of the shop meanwhile.
    """
    rows = connection.execute(_GATHERED, {"shop_id": shop.id, "most": SLICE}).all()
    if not rows:
        return connection.execute(_COMPLETE, {"shop_id": shop.id, "machine": machine, "ids": None}).rowcount
    held = [Claim("contact", row.entity_id, row.wanted_version, row.sent_version, 0, machine, True) for row in rows]
    found = contents.read(connection, shop, held, attributes)
    if alone := [one.entity_id for one in held if one.entity_id not in found]:
        connection.execute(_BY_THEMSELVES, {"shop_id": shop.id, "ids": alone, "machine": machine})
    _Forming(connection, shop, now, machine).take(found.items())
    return len(rows)


class _Forming:
    """The imports into which people are put now: one for each terms, a new one when the next does not fit."""

    def __init__(self, connection: Connection, shop: Shop, now: datetime, machine: datetime) -> None:
        self._connection = connection
        self._shop = shop
        self._times = {"now": now, "machine": machine}
        rows = connection.execute(_OPEN, {"shop_id": shop.id}).mappings()
        self._open = {Terms.of(row): (int(row["id"]), int(row["bytes"])) for row in rows}
        self._added: dict[int, tuple[int, int]] = {}

    def take(self, found: Iterable[tuple[int, Content]]) -> None:
        placed = [(person_id, self._place(content)) for person_id, content in found]
        if not placed:
            return
        person_ids, import_ids = zip(*placed, strict=True)
        shop = {"shop_id": self._shop.id}
        self._connection.execute(_PUT, {**shop, "ids": list(person_ids), "import_ids": list(import_ids)})
        for import_id, (people, size) in self._added.items():
            self._connection.execute(_COUNT, {**shop, "id": import_id, "people": people, "bytes": size})

    def _place(self, content: Content) -> int:
        import_id, size = self._open.get(content.terms, (0, contents.LARGEST_BODY))
        if size + content.size > contents.LARGEST_BODY:
            if import_id:
                self._complete([import_id])
            import_id, size = self._begin(content.terms), contents.ENVELOPE
        self._open[content.terms] = import_id, size + content.size
        people, added = self._added.get(import_id, (0, 0))
        self._added[import_id] = people + 1, added + content.size
        return import_id

    def _begin(self, terms: Terms) -> int:
        values = {
            "email_blocked": terms.email_blocked,
            "sms_blocked": terms.sms_blocked,
            "list_ids": list(terms.list_ids),
            "bytes": contents.ENVELOPE,
        }
        return int(self._connection.execute(_BEGIN, {"shop_id": self._shop.id, **values, **self._times}).scalar_one())

    def _complete(self, ids: Sequence[int]) -> None:
        given = {"shop_id": self._shop.id, "ids": list(ids), "machine": self._times["machine"]}
        self._connection.execute(_COMPLETE, given)


_GATHERED = text(
    """
SELECT entity_id, wanted_version, sent_version FROM sync_state
WHERE shop_id = :shop_id AND entity = 'contact' AND state = 'gathering' ORDER BY entity_id LIMIT :most
"""
)
_OPEN = text("SELECT * FROM contact_imports WHERE shop_id = :shop_id AND state = 'forming'")
_BEGIN = text(
    """
INSERT INTO contact_imports
    (shop_id, state, email_blocked, sms_blocked, list_ids, people, bytes, refused, made_at, due_real, attempts, polls)
VALUES (:shop_id, 'forming', :email_blocked, :sms_blocked, CAST(:list_ids AS bigint[]), 0, :bytes, 0, :now, :machine,
    0, 0)
RETURNING id
"""
)
_COMPLETE = text(
    """
UPDATE contact_imports SET state = 'due', due_real = :machine
WHERE shop_id = :shop_id AND state = 'forming' AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(CAST(:ids AS bigint[])))
"""
)
_COUNT = text(
    "UPDATE contact_imports SET people = people + :people, bytes = bytes + :bytes WHERE shop_id = :shop_id AND id = :id"
)
# Who has been changed in earnest since is gathered no more. In this and other statements on many contacts rows are
# looked up by the whole key, the entity too coming from the list: of a table that was just filled the planner believes
# that it holds hardly any contacts, and would go through all of them for each.
_PUT = text(
    """
WITH mine AS MATERIALIZED (
    SELECT row.entity, row.entity_id, put.import_id
    FROM unnest(CAST(:ids AS bigint[]), CAST(:import_ids AS bigint[])) AS put (id, import_id)
    CROSS JOIN LATERAL (
        SELECT entity, entity_id, state FROM sync_state
        WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = put.id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS row
    WHERE row.state = 'gathering'
)
UPDATE sync_state SET state = 'importing', import_id = mine.import_id, import_version = NULL FROM mine
WHERE shop_id = :shop_id AND sync_state.entity = mine.entity AND sync_state.entity_id = mine.entity_id
"""
)
