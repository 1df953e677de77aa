"""Reads, for many records of the store at once, what applying each of them would ask the tables for.

The functions that apply a record (``sync/customers.py``, ``sync/order_node.py``, ``sync/products.py``) find it in
``Scope.ahead`` and write what they change together, at the end. What a record needs besides is read one by one, as
without: a name that is missing here costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, text

from connector.db.rows import among
from connector.locks import lock_persons
from connector.models.event import events
from connector.models.person import consent_ledger, persons
from connector.models.store import checkouts, fulfillments, orders, products, variants
from connector.scope import Scope
from sync import address_opt_outs, consent
from sync.node_values import number
from sync.people import Key, normal_email

Nodes = Sequence[Mapping[str, Any]]


def read(scope: Scope, kind: str, nodes: Nodes) -> None:
    """Read ahead for these objects (as the store's GraphQL tells them) of one type; of some types nothing is.

    The caller holds the shop's NORMALISE lock. Takes the locks of all the people concerned, in the order of their ids.
    At most a dozen statements.
    """
    if kind == "Customer":
        _customers(scope, nodes)
    elif kind == "Order":
        _orders(scope, nodes)
    elif kind == "Product":
        _products(scope, nodes)


def _customers(scope: Scope, nodes: Nodes) -> None:
    emails = {(node.get("defaultEmailAddress") or {}).get("emailAddress") for node in nodes}
    phones = {(node.get("defaultPhoneNumber") or {}).get("phoneNumber") for node in nodes}
    keys = {("customer", str(number(node["id"]))) for node in nodes}
    _people(scope, keys, emails, phones)


def _orders(scope: Scope, nodes: Nodes) -> None:
    ids = [number(node["id"]) for node in nodes]
    held = _rows(scope, _ORDERS, ids)
    scope.ahead.orders |= held
    parcels = [number(one["id"]) for node in nodes for one in node.get("fulfillments") or ()]
    if parcels:
        scope.ahead.parcels |= _rows(scope, _PARCELS, parcels)
    _checkouts(scope, nodes)
    subjects = [f"order:{one}" for one in ids]
    scope.ahead.unowned |= dict.fromkeys(subjects, False)
    given = {"shop_id": scope.shop_id, "subjects": subjects}
    scope.ahead.unowned |= dict.fromkeys(scope.connection.scalars(_UNOWNED, given), True)
    customers = [node["customer"] for node in nodes if node.get("customer")]
    emails = {(one.get("defaultEmailAddress") or {}).get("emailAddress") for one in customers}
    emails |= {node.get("email") for node in nodes}
    keys = {("customer", str(number(one["id"]))) for one in customers} | {("order", str(one)) for one in ids}
    known = [row["person_id"] for row in (*held.values(), *scope.ahead.checkouts.values()) if row]
    _people(scope, keys, emails, (), known)


def _products(scope: Scope, nodes: Nodes) -> None:
    ids = [number(node["id"]) for node in nodes]
    scope.ahead.products |= _rows(scope, _PRODUCTS, ids)
    scope.ahead.variants |= {one: {} for one in ids}
    for row in scope.connection.execute(_VARIANTS, {"shop_id": scope.shop_id, "ids": ids}).mappings():
        scope.ahead.variants[row["product_id"]][row["id"]] = dict(row)


def _rows(scope: Scope, statement: Any, ids: Sequence[int]) -> dict[int, dict[str, Any] | None]:
    """{id: row, or None where there is none}."""
    found: dict[int, dict[str, Any] | None] = dict.fromkeys(ids)
    for row in scope.connection.execute(statement, {"shop_id": scope.shop_id, "ids": list(found)}).mappings():
        found[row["id"]] = dict(row)
    return found


_ORDERS, _PARCELS, _PRODUCTS = (
    select(table).where(table.c.shop_id == bindparam("shop_id"), among(table.c.id, "ids"))
    for table in (orders, fulfillments, products)
)
_VARIANTS = select(variants).where(variants.c.shop_id == bindparam("shop_id"), among(variants.c.product_id, "ids"))
_UNOWNED = (
    select(events.c.subject)
    .distinct()
    .where(events.c.shop_id == bindparam("shop_id"), among(events.c.subject, "subjects"), events.c.person_id.is_(None))
)


def _checkouts(scope: Scope, nodes: Nodes) -> None:
    """Which checkout each of these orders came from, as ``checkouts.of_order`` finds it."""
    named = {(node.get("checkoutToken"), node.get("cartToken")) for node in nodes}
    tokens, carts = ({pair[place] for pair in named} - {None, ""} for place in (0, 1))
    if not (tokens or carts):
        return
    given = {"shop_id": scope.shop_id, "tokens": list(tokens), "carts": list(carts)}
    newest: dict[str, str] = {}
    for row in scope.connection.execute(_CHECKOUTS, given).mappings():
        scope.ahead.checkouts[row["token"]] = dict(row)
        if row["cart_token"]:
            newest.setdefault(row["cart_token"], row["token"])
    for token, cart in named:
        of_cart = newest.get(cart) if cart else None
        scope.ahead.checkout_of[token, cart] = token if token in scope.ahead.checkouts else of_cart


_CHECKOUTS = (
    select(checkouts)
    .where(
        checkouts.c.shop_id == bindparam("shop_id"),
        among(checkouts.c.token, "tokens") | among(checkouts.c.cart_token, "carts"),
    )
    .order_by(checkouts.c.created_at.desc())
)


def _people(
    scope: Scope,
    keys: Iterable[Key],
    emails: Iterable[str | None],
    phones: Iterable[str | None],
    known: Iterable[int | None] = (),
) -> None:
    """Whom these identities and addresses name, and these people besides: locks, profiles, consent, opt-outs."""
    addresses = {one for one in map(normal_email, emails) if one}
    wanted = sorted({*keys, *(("email", one) for one in addresses)})
    scope.ahead.identities |= dict.fromkeys(wanted)
    given = {
        "shop_id": scope.shop_id,
        "kinds": [kind for kind, _ in wanted],
        "values": [value for _, value in wanted],
    }
    for row in scope.connection.execute(_NAMED, given):
        scope.ahead.identities[row.kind, row.value] = row.person_id
    named = {*scope.ahead.identities.values(), *known} - {None}
    ids = lock_persons(scope, [one for one in named if one is not None])
    if ids:
        whose = {"shop_id": scope.shop_id, "ids": ids}
        for profile in scope.connection.execute(_PROFILES, whose).mappings():
            scope.profiles.setdefault(profile["id"], dict(profile))
        scope.ahead.evidence |= {person_id: {} for person_id in ids}
        for line in scope.connection.execute(_EVIDENCE, whose):
            told = scope.ahead.evidence[line.person_id].setdefault((line.channel, line.purpose), {})
            told[line.id] = consent.as_evidence(line)
    digests = address_opt_outs.digests(scope.shop.salt, {*addresses, *phones})
    scope.ahead.opt_outs |= address_opt_outs.told_of(scope, digests)


# Each by its key: with a join the planner may begin with everybody of the shop.
_NAMED = text(
    """
SELECT kind, value, (
    SELECT person_id FROM identities
    WHERE shop_id = :shop_id AND identities.kind = named.kind AND identities.value = named.value
) AS person_id
FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS named (kind, value)
"""
)
_PROFILES = select(persons).where(persons.c.shop_id == bindparam("shop_id"), among(persons.c.id, "ids"))
_EVIDENCE = select(
    consent_ledger.c.id,
    consent_ledger.c.person_id,
    consent_ledger.c.channel,
    consent_ledger.c.purpose,
    consent_ledger.c.state,
    consent_ledger.c.level,
    consent_ledger.c.source,
    consent_ledger.c.evidence_at,
    consent_ledger.c.verdict,
).where(consent_ledger.c.shop_id == bindparam("shop_id"), among(consent_ledger.c.person_id, "ids"))
