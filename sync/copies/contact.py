"""Contacts: people at Brevo. Orders and events of a person wait for the contact's first upsert.

Those that only a quiet scope has wished for, and that leave by themselves and not in an import, are another resource:
their calls are of another lane, and another process makes them (``sync/imports/``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from connector.consent_policy import country_of, in_force
from connector.db.session import autocommitted
from connector.shops import Shop
from flows.core.permission import OWN, Consent, shown_state
from sync import consent, lists, profile_sources
from sync.copies import left_over, upsert
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import Turn, one_by_one
from sync.mapping import contact as mapping

LANE = "bulk"

# One row per channel of consent, one without for a person who has none. In one statement, so that no consent is newer
# than the version it is sent with.
_PEOPLE = text(
    """
SELECT persons.*, consents.channel, consents.state, consents.level, consents.evidence_at, EXISTS (
    SELECT FROM consent_ledger WHERE consent_ledger.shop_id = persons.shop_id
        AND consent_ledger.person_id = persons.id AND consent_ledger.channel = consents.channel
        AND consent_ledger.purpose = consents.purpose AND consent_ledger.state = ANY(:blacklisting)
) AND NOT EXISTS (
    SELECT FROM consent_ledger WHERE consent_ledger.shop_id = persons.shop_id
        AND consent_ledger.person_id = persons.id AND consent_ledger.channel = consents.channel
        AND consent_ledger.purpose = consents.purpose AND consent_ledger.state = ANY(:blacklisting)
        AND consent_ledger.evidence_at >= consents.evidence_at
) AS opted_out_before, EXISTS (
    SELECT FROM persons AS others JOIN consents AS theirs
        ON theirs.shop_id = others.shop_id AND theirs.person_id = others.id
    WHERE others.shop_id = ANY(CAST(:sharing AS bigint[])) AND others.email = persons.email
        AND theirs.channel = consents.channel AND theirs.purpose = consents.purpose
        AND theirs.state = ANY(:blacklisting)
) AS opted_out_elsewhere, EXISTS (
    SELECT FROM consent_ledger WHERE consent_ledger.shop_id = persons.shop_id
        AND consent_ledger.person_id = persons.id AND consent_ledger.channel = consents.channel
        AND consent_ledger.purpose = consents.purpose AND consent_ledger.state = 'subscribed'
) AS agreed_before, (
    SELECT lists_left.evidence_at FROM lists_left WHERE lists_left.shop_id = persons.shop_id
        AND lists_left.person_id = persons.id AND lists_left.channel = consents.channel
) AS left_at
FROM persons LEFT JOIN consents ON consents.shop_id = persons.shop_id AND consents.person_id = persons.id
    AND consents.purpose IN ('newsletter', 'sms', 'whatsapp', 'push')
WHERE persons.shop_id = :shop_id AND persons.id = ANY(:ids)
"""
)


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """These people as they are now, with what they agreed to."""
    by_id = {one.entity_id: one for one in held}
    asked = {
        "shop_id": shop.id,
        "ids": list(by_id),
        "blacklisting": list(mapping.BLACKLISTING),
        "sharing": list(shop.sharing),
    }
    rows = [dict(row) for row in connection.execute(_PEOPLE, asked).mappings()]
    besides = profile_sources.read(connection, shop, {row["id"]: row for row in rows if row["merged_into"] is None})
    found: dict[int, Snapshot] = {}
    for row in rows:
        if row["merged_into"] is not None:
            found[row["id"]] = left_over.read(connection, shop, by_id[row["id"]], row["version"])
            continue
        if row["id"] not in found:
            nothing = "erased" if row["erased_at"] is not None else None if row["email"] else "no_email"
            found[row["id"]] = Snapshot(by_id[row["id"]], row["version"], _contact(shop, row, besides), nothing)
        if row["channel"] is not None:
            contact: upsert.Contact = found[row["id"]].body
            contact.consents[row["channel"]] = {**row, "state": _state(shop, row)}
            # What the shops of one account know of a contact's blacklisting is known of one and the same contact.
            if row["opted_out_before"] and not row["opted_out_elsewhere"]:
                contact.opted_out_before.add(row["channel"])
            if row["left_at"] != row["evidence_at"] and _leaves(contact, row):
                contact.leaving[row["channel"]] = row["evidence_at"]
    return found


def _contact(shop: Shop, row: Mapping[str, Any], besides: Mapping[int, Mapping[str, Any]]) -> upsert.Contact:
    person = {**row, **besides.get(row["id"], {})}
    return upsert.Contact(person, {}, set(), shop.owns_contacts, lists.by_channel(shop))


def _leaves(contact: upsert.Contact, row: Mapping[str, Any]) -> bool:
    """Whether the contact may be on a list for which this consent says that it should not."""
    if row["state"] in mapping.BLACKLISTING:
        return row["channel"] == "email" or row["channel"] in contact.lists
    return row["state"] == "not_subscribed" and row["agreed_before"] and row["channel"] in contact.lists


def _state(shop: Shop, row: Mapping[str, Any]) -> str:
    """The consent of this row; who still has to confirm it has not agreed yet."""
    consent = Consent(row["state"], row["level"], row["evidence_at"])
    channel = row["channel"]
    country, policy = country_of(row, shop.settings), in_force(shop.settings)
    return shown_state(consent, country, channel, OWN[channel], policy) or row["state"]


def _send(turn: Turn, snapshot: Snapshot, lane: str = "live") -> str | None:
    if isinstance(snapshot.body, left_over.LeftOver):
        return left_over.remove(turn, snapshot.body)
    contact: upsert.Contact = snapshot.body
    person_id = snapshot.claim.entity_id
    call = upsert.Upsert(turn.account, contact, lane, partial(_opted_out_there, turn, person_id))
    note = call.send(mapping.of_shop(turn.shop))
    if contact.leaving:
        call.leave_lists()
        with autocommitted(turn.deps.engine) as connection:
            keep_left(connection, turn.shop, {person_id: contact.leaving})
    return note


def _opted_out_there(turn: Turn, person_id: int) -> None:
    """Brevo's word on a person whom it has on its blocklist is evidence like any other."""
    with turn.deps.open(turn.shop) as scope:
        consent.record(scope, person_id, "email", "unsubscribed", source="brevo", evidence_at=None)


def keep_left(connection: Connection, shop: Shop, left: Mapping[int, Mapping[str, datetime]]) -> None:
    """These people ({person: {channel: when they opted out}}) are off their lists: it need not be asked again."""
    rows = [(person_id, channel, at) for person_id, channels in left.items() for channel, at in channels.items()]
    person_ids, channels, times = zip(*sorted(rows), strict=True)
    given = {"person_ids": list(person_ids), "channels": list(channels), "times": list(times)}
    connection.execute(_KEEP_LEFT, {"shop_id": shop.id, **given})


_KEEP_LEFT = text(
    """
INSERT INTO lists_left (shop_id, person_id, channel, evidence_at)
SELECT :shop_id, person_id, channel, evidence_at
FROM unnest(CAST(:person_ids AS bigint[]), CAST(:channels AS text[]), CAST(:times AS timestamptz[]))
    AS given (person_id, channel, evidence_at)
ON CONFLICT (shop_id, person_id, channel) DO UPDATE SET evidence_at = excluded.evidence_at
"""
)


# Rows that a writer of wishes holds are left alone: it makes them due itself, and waiting for it could be for ever.
_WAKE = text(
    """
UPDATE sync_state SET state = 'due', due_real = :machine, reason = NULL
FROM (
    SELECT waiting.entity, waiting.entity_id
    FROM (
        SELECT 'events' AS entity, id FROM unnest(CAST(:person_ids AS bigint[])) AS asked (id)
        UNION ALL SELECT 'order', id FROM orders
            WHERE shop_id = :shop_id AND person_id = ANY(CAST(:person_ids AS bigint[]))
    ) AS theirs
    CROSS JOIN LATERAL (
        SELECT entity, entity_id FROM sync_state
        WHERE shop_id = :shop_id AND entity = theirs.entity AND entity_id = theirs.id AND state = 'waiting'
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS waiting
) AS waiting
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = waiting.entity
    AND sync_state.entity_id = waiting.entity_id
"""
)


def wake_all(connection: Connection, shop: Shop, person_ids: Sequence[int], machine: datetime) -> bool:
    """What has waited for these contacts may go, or hear that it waits in vain."""
    asked = {"shop_id": shop.id, "person_ids": list(person_ids), "machine": machine}
    return connection.execute(_WAKE, asked).rowcount > 0


def wake(connection: Connection, shop: Shop, person_id: int, machine: datetime) -> bool:
    """The same for one."""
    return wake_all(connection, shop, [person_id], machine)


def identifiers(shop: Shop, row: Mapping[str, Any]) -> dict[str, str]:
    """Whose order or event it is. ``row``: email and customer_id of the person, ``contact_reason`` of its contact."""
    found = {"email_id": row["email"]} if row["email"] else {}
    # An id that another contact there holds would bring it to the wrong person.
    without_id = not shop.owns_contacts or str(row["contact_reason"] or "").startswith(upsert.WITHOUT_ID)
    if row["customer_id"] is not None and not without_id:
        found["ext_id"] = str(row["customer_id"])
    return found


CONTACTS = Resource("contact", 20, one_by_one(upsert.BUCKET, read, _send), wake, quiet=False)
BULK_CONTACTS = Resource(
    "contact", 20, one_by_one(upsert.BUCKET, read, partial(_send, lane=LANE), lane=LANE), wake, quiet=True
)
