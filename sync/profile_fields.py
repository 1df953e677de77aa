"""Fields of customers that are kept because the shop's mapping names them: metafields, note, postal address.

They are read with the customer (queries/customers.graphql), and asked for only while they are mapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import text

from connector.scope import Scope
from connector.shops import Shop
from sync import birthdays
from sync.loyalty.port import metafield_keys
from sync.mapping import contact as mapping
from sync.profiles import touch


def variables(shop: Shop) -> dict[str, Any]:
    """What the document asks for in addition, for this shop's mapping and where its loyalty data are."""
    named = mapping.of_shop(shop)
    keys = list(dict.fromkeys([*mapping.metafields(named), *metafield_keys(shop), *birthdays.metafield_keys(shop)]))
    more = any(one.startswith("customer.") for one in mapping.stored_sources(named))
    return {
        **({"more": True} if more else {}),
        **({"keyed": True, "keys": keys, "first": len(keys)} if keys else {}),
    }


def keep(scope: Scope, person_id: int, node: Mapping[str, Any]) -> None:
    """Keep what the node tells of the fields that are mapped, with the person's lock held; a change is one that Brevo
    should see. What the node does not speak of stays. Written at the end of the transaction."""
    wanted = mapping.stored_sources(mapping.of_shop(scope.shop))
    if not wanted:
        return
    told = _told(node)
    found = {source: told[source] for source in wanted if source in told}
    if "metafields" in node and node["metafields"] is not None:
        # The store leaves out what has no value.
        found |= {source: told.get(source) for source in wanted if source.startswith("metafield:")}
    # First: whose field has changed is touched, which is to join what else is written of the person.
    owed = scope.owed(_write, first=True)
    for source, value in found.items():
        owed[person_id, source] = orjson.dumps(value).decode()


def _write(scope: Scope, found: dict[tuple[int, str], str]) -> None:
    """{(person id, source): value as JSON}."""
    keys = sorted(found)
    given = {
        "shop_id": scope.shop_id,
        "person_ids": [person_id for person_id, _ in keys],
        "sources": [source for _, source in keys],
        "values": [found[key] for key in keys],
    }
    for row in scope.connection.execute(_KEEP, given).all():
        touch(scope, row.person_id, emptied=row.emptied)


# What never had a value has no row: there is nothing to clear at Brevo.
_KEEP = text(
    """
INSERT INTO profile_fields (shop_id, person_id, source, value)
SELECT :shop_id, told.person_id, told.source, CAST(told.value AS jsonb)
FROM unnest(CAST(:person_ids AS bigint[]), CAST(:sources AS text[]), CAST(:values AS text[]))
    AS told (person_id, source, value)
WHERE told.value <> 'null' OR EXISTS (
    SELECT FROM profile_fields AS held
    WHERE held.shop_id = :shop_id AND held.person_id = told.person_id AND held.source = told.source
)
ORDER BY told.person_id, told.source
ON CONFLICT (shop_id, person_id, source) DO UPDATE SET value = excluded.value
WHERE profile_fields.value <> excluded.value
RETURNING person_id, value = 'null' AS emptied
"""
)


def forget(scope: Scope) -> None:
    """Remove what the shop's mapping names no more."""
    wanted = [*mapping.stored_sources(mapping.of_shop(scope.shop)), birthdays.SOURCE]
    scope.connection.execute(_FORGET, {"shop_id": scope.shop_id, "sources": wanted})


_FORGET = text("DELETE FROM profile_fields WHERE shop_id = :shop_id AND source <> ALL(CAST(:sources AS text[]))")


def _told(node: Mapping[str, Any]) -> dict[str, Any]:
    """{source: value} of what a Customer of queries/customers.graphql tells, metafields as their types say."""
    address = node.get("defaultAddress")
    told: dict[str, Any] = {}
    for source, name in _OWN.items():
        if name in node:
            told[source] = node[name]
    if address is not None and "company" in address:
        told |= {source: address[name] for source, name in _OF_ADDRESS.items()}
    elif "defaultAddress" in node and "note" in node:
        told |= dict.fromkeys(_OF_ADDRESS)
    if told.get("customer.account_state"):
        told["customer.account_state"] = told["customer.account_state"].lower()
    for one in (node.get("metafields") or {}).get("nodes") or ():
        told[f"metafield:{one['namespace']}.{one['key']}"] = _typed(one["type"], one["value"])
    return {source: None if value == "" else value for source, value in told.items()}


_OWN = {
    "customer.note": "note",
    "customer.verified_email": "verifiedEmail",
    "customer.tax_exempt": "taxExempt",
    "customer.account_state": "state",
    "customer.created_at": "createdAt",
}
_OF_ADDRESS = {
    "customer.company": "company",
    "customer.address": "address1",
    "customer.postcode": "zip",
    "customer.province": "province",
}
_NUMBERS = frozenset({"number_integer", "number_decimal"})
_PLAIN_TEXT = frozenset({"single_line_text_field", "multi_line_text_field", "date", "date_time", "url", "color", "id"})


def _typed(kind: str, value: str) -> Any:
    """A metafield's value, which comes as text, by its type; what cannot be read so stays text.

    Lists and objects come as JSON (metafield data types of the Admin API); of money, a rating or a measure the amount
    is what an attribute can hold.
    """
    if kind in _NUMBERS:
        return _number(value)
    if kind == "boolean":
        return value == "true"
    if kind in _PLAIN_TEXT:
        return value
    try:
        read = orjson.loads(value)
    except ValueError:
        return value
    if isinstance(read, dict):
        amount = next((read[name] for name in ("amount", "value") if name in read), None)
        return read if amount is None or kind == "json" else _number(str(amount))
    return read


def _number(value: str) -> Any:
    try:
        return int(value)
    except ValueError:
        # As text: it keeps its digits on the way through JSON, and becomes a number where the attribute is one.
        return value
