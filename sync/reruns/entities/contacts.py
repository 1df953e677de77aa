"""Customers of the store, who are contacts at Brevo. A person who is no customer has nothing to be read from the store;
of them Brevo is told again what we hold, under our own id below zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from connector.brevo.client import BrevoAccount
from connector.errors import InvalidInput
from connector.shops import Shop
from sync.copies import contact, upsert
from sync.mapping import contact as mapping
from sync.reruns.entities.entity import Entity, Held, Row, Values, Where, Whose, kept_in, record_number
from sync.reruns.entities.persons import living
from sync.reruns.entities.snapshots import snapshots

_SHOWN = (
    "email", "phone", "first_name", "last_name", "locale", "country", "city", "tags", "orders_count", "total_spent",
)  # fmt: skip

# Whom a customer id names now, and people of ours by the ids that stand for them.
_HELD = text(
    """
SELECT CAST(named.value AS bigint) AS record_id, persons.id, persons.version
FROM unnest(CAST(:names AS text[])) AS named (value)
JOIN identities ON identities.shop_id = :shop_id AND identities.kind = 'customer' AND identities.value = named.value
JOIN persons ON persons.shop_id = :shop_id AND persons.id = identities.person_id
UNION ALL
SELECT -persons.id, persons.id, persons.version FROM persons
WHERE persons.shop_id = :shop_id AND persons.id = ANY(:person_ids)
"""
)


_RECORDS = text("SELECT id, customer_id FROM persons WHERE shop_id = :shop_id AND id = ANY(:ids)")


def _of_person(connection: Connection, shop_id: int, person_id: int) -> Where:
    row = living(connection, shop_id, person_id)
    return Where(ids=(row.customer_id if row.customer_id is not None else -person_id,))


def _named(written: str) -> Where:
    number = record_number(written, "Customer")
    if number is not None:
        return Where(ids=(number,))
    # An address would be kept with the run, where nobody would look for whose it is.
    raise InvalidInput("A customer is named by the store's id; whoever has only an email names the person.")


def _held(connection: Connection, shop_id: int, ids: Sequence[int]) -> dict[int, Held]:
    asked = {
        "shop_id": shop_id,
        "names": [str(one) for one in ids if one > 0],
        "person_ids": [-one for one in ids if one < 0],
    }
    return {row.record_id: Held(row.id, row.version, row.id) for row in connection.execute(_HELD, asked)}


def _records(connection: Connection, shop_id: int, copy_ids: Sequence[int]) -> dict[int, Whose]:
    rows = connection.execute(_RECORDS, {"shop_id": shop_id, "ids": list(copy_ids)})
    return {row.id: Whose(row.customer_id if row.customer_id is not None else -row.id, row.id) for row in rows}


def _rows(connection: Connection, shop: Shop, held: Mapping[int, Held]) -> dict[int, Row]:
    attributes = mapping.of_shop(shop)
    found = snapshots(connection, shop, "contact", held, contact.read)
    rows = {}
    for record_id, snapshot in found.items():
        one = snapshot.body
        if not isinstance(one, upsert.Contact):
            # Somebody who was merged into another.
            continue
        shown = dict.fromkeys([*_SHOWN, *(a.source for a in attributes if not a.source.startswith("consent."))])
        ours: dict[str, Any] = {name: one.person.get(name) for name in shown}
        ours |= {f"consent.{channel}.state": row["state"] for channel, row in one.consents.items()}
        known_by = (("ext_id", one.person["customer_id"] if one.with_id else None), ("email_id", one.person["email"]))
        rows[record_id] = Row(
            label=one.person["email"] or f"person {one.person['id']}",
            ours=ours,
            told={} if snapshot.nothing else _flat(one.body(attributes)),
            untold=snapshot.nothing,
            known_by=tuple((kind, str(value)) for kind, value in known_by if value),
        )
    return rows


def _flat(body: Values) -> dict[str, Any]:
    # The lists that it is on besides are the merchant's business.
    told = {name: value for name, value in body.items() if name not in ("attributes", "updateEnabled", "listIds")}
    return {**told, **body.get("attributes", {})}


def _names(shop: Shop) -> dict[str, str]:
    mapped = {one.source: one.name for one in mapping.of_shop(shop)}
    own = {"email": "email", "consent.email.state": "emailBlacklisted", "consent.sms.state": "smsBlacklisted"}
    return {**mapped, **own}


def _at_brevo(account: BrevoAccount, row: Row) -> Values | None:
    for kind, value in row.known_by:
        account.await_turn(upsert.BUCKET, lane="maintenance")
        found = account.get_contact(value, kind)
        if found is not None:
            told = {name: found.get(name) for name in ("email", "emailBlacklisted", "smsBlacklisted")}
            told |= {"ext_id": value} if kind == "ext_id" else {}
            return {**told, **(found.get("attributes") or {})}
    return None


CONTACTS = Entity(
    name="contact",
    kind="Customer",
    copy="contact",
    listing="changed_customers",
    root="customers",
    count="count_customers",
    count_root="customersCount",
    of_person=_of_person,
    named=_named,
    held=_held,
    rows=_rows,
    records=_records,
    names=_names,
    kept=kept_in(
        # Guests are known to the store by their orders only.
        "(SELECT * FROM persons WHERE erased_at IS NULL AND merged_into IS NULL) AS living",
        record_id="coalesce(customer_id, -id)",
        person_id="id",
        moment="coalesce(source_updated_at, created_at)",
    ),
    at_brevo=_at_brevo,
)
