"""Products and their variants, projected from webhooks and from the store itself.

``products.version`` rises with every change that Brevo's copy shows, of the product or of a variant. A product that was
deleted stays deleted: the store never uses an id again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.store import products
from connector.scope import Scope
from sync import fetch, variants, wishes
from sync.catalogue_signals import noticing
from sync.node_values import moment, number

_EMPTY: Mapping[str, Any] = {**dict.fromkeys(column.name for column in products.c), "title": "", "version": 0}
# In the words of the store; None: it has not told.
_SOLD = (None, "active", "unlisted")
# What an event of a change tells, with the values before and after.
_TOLD = ("title", "handle", "status", "vendor", "product_type", "tags", "image_url", "url", "price_min", "price_max")


def want(scope: Scope, items: Sequence[Mapping[str, Any]]) -> None:
    """Ask the store for the products of these items that are not known yet."""
    ids = sorted({item["product_id"] for item in items if item["product_id"]})
    if not ids:
        return
    known = set(scope.connection.scalars(_KNOWN, {"shop_id": scope.shop_id, "ids": ids}))
    for product_id in ids:
        if product_id not in known:
            fetch.wish(scope, "Product", product_id)


_KNOWN = select(products.c.id).where(
    products.c.shop_id == bindparam("shop_id"), products.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
)


def project(scope: Scope, told: Mapping[str, Any], at: datetime, *, created: bool = False) -> None:
    """Apply a product as a webhook or the store tells it; what is None was not told and stays as it was.

    ``told``: id, the columns of ``products`` by name (``updated_at`` for their time), ``variants`` (as
    ``variants.project`` takes them) and ``variant_ids``, all ids that there are. ``at``: when it was told.
    """
    product_id = told["id"]
    told_at = told["updated_at"] or told["created_at"] or at
    held = held_product(scope, product_id)
    before: Mapping[str, Any] = held or {**_EMPTY, "shop_id": scope.shop_id, "id": product_id}
    if before["deleted_at"]:
        _tell_created(scope, told, before, told_at, created=created)
        return
    older = held is not None and _older(told_at, held["source_updated_at"])
    # Before the product's own row: the lowest price is that of its variants.
    all_ids = None if older else told["variant_ids"]
    changes = variants.project(scope, product_id, told["variants"], told_at, all_ids=all_ids)
    values: dict[str, Any] = variants.price_range(changes.rows) if changes.any else {}
    if not older:
        names = (*_TOLD, "collection_ids", "published_at")
        values |= {name: told[name] for name in names if told.get(name) is not None}
        values["source_updated_at"] = told_at
    changed = {name: value for name, value in values.items() if before[name] != value}
    visible = held is None or changes.any or bool(changed.keys() - {"source_updated_at", "published_at"})
    if visible:
        changed["version"] = before["version"] + 1
        wishes.wish(scope, "product", product_id, changed["version"])
    if changed:
        _write(scope, before, changed)
    _ask(scope, told, held, before, told_at, changed)
    row = {**before, **changed}
    _tell_created(scope, told, row, told_at, created=created)
    _tell_changed(scope, row, held, changed, changes, told_at)


def _write(scope: Scope, before: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    row = {**before, **changed}
    if row["id"] in scope.ahead.products:
        scope.ahead.products[row["id"]] = row
        scope.write(products, row)
    else:
        statement = insert(products).values(row)
        scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "id"], set_=dict(changed)))


def _older(told_at: datetime, held_at: datetime | None) -> bool:
    return held_at is not None and told_at < held_at


def _ask(
    scope: Scope,
    told: Mapping[str, Any],
    held: Mapping[str, Any] | None,
    before: Mapping[str, Any],
    told_at: datetime,
    changed: Mapping[str, Any],
) -> None:
    """Read the product from the store when a webhook cannot have told all of it."""
    if "collection_ids" in told:
        return
    tie = held is not None and held["source_updated_at"] == told_at and bool(changed)
    page = held is None or before["collection_ids"] is None or bool({"handle", "status"} & changed.keys())
    listed = told["variants"] or ()
    more = told["variant_ids"] is not None and len(told["variant_ids"]) > len(listed)
    if tie or page or more:
        fetch.wish(scope, "Product", told["id"], urgent=False)


def _about(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"product_id": row["id"], "title": row["title"], "handle": row["handle"], "status": row["status"]}


def _tell_created(
    scope: Scope, told: Mapping[str, Any], row: Mapping[str, Any], at: datetime, *, created: bool
) -> None:
    """However late we hear of it."""
    if created:
        subject, moment = f"product:{row['id']}", told["created_at"] or at
        fact = Fact("product_created", f"{subject}:created", moment, subject, key=str(row["id"]), props=_about(row))
        eventlog.append(scope, [fact])


def _tell_changed(
    scope: Scope,
    row: Mapping[str, Any],
    held: Mapping[str, Any] | None,
    changed: Mapping[str, Any],
    changes: variants.Changes,
    at: datetime,
) -> None:
    subject = f"product:{row['id']}"
    facts = changes.facts(_about(row), at)
    differ = {name: [_value(held[name]), _value(changed[name])] for name in _TOLD if held and name in changed}
    if differ:
        props = {**_about(row), "changed": differ}
        identity = f"{subject}:{at.isoformat()}:{row['version']}"
        facts.append(Fact("product_updated", identity, at, subject, key=str(row["id"]), props=props))
    if held and _sold(held) and not _sold(row):
        facts.append(_discontinued(row, f"{at.isoformat()}:{row['version']}", at))
    eventlog.append(scope, facts)
    noticing.notice(scope, row["id"], changes, at)


def _sold(row: Mapping[str, Any]) -> bool:
    return row["status"] in _SOLD


def _discontinued(row: Mapping[str, Any], part: str, at: datetime) -> Fact:
    """One mark for everybody, found by the runs that are about this product."""
    subject = f"product:{row['id']}"
    props = {"product_id": row["id"], "title": row["title"], "handle": row["handle"]}
    return Fact("product_discontinued", f"{subject}:{part}", at, subject, key=str(row["id"]), props=props)


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | list) else str(value)


def deleted(scope: Scope, product_id: int, at: datetime) -> None:
    """The product and its variants are gone. One that we never heard of is kept as gone, so that it stays so."""
    held = held_product(scope, product_id)
    if held is not None and held["deleted_at"]:
        return
    before: Mapping[str, Any] = held or {**_EMPTY, "shop_id": scope.shop_id, "id": product_id}
    changed = {"deleted_at": at, "version": before["version"] + 1}
    _write(scope, before, changed)
    variants.deleted(scope, product_id, at)
    subject = f"product:{product_id}"
    props = {"product_id": product_id, "title": before["title"], "handle": before["handle"]}
    facts = [Fact("product_deleted", f"{subject}:deleted", at, subject, key=str(product_id), props=props)]
    if held is not None and _sold(held):
        facts.append(_discontinued(before, "deleted", at))
    eventlog.append(scope, facts)
    if held is not None:
        wishes.wish(scope, "product", product_id, changed["version"])


def touch(scope: Scope, product_id: int) -> None:
    """A variant of this product changed by itself: Brevo's copy follows."""
    version = scope.connection.scalar(
        update(products)
        .where(products.c.shop_id == scope.shop_id, products.c.id == product_id)
        .values(version=products.c.version + 1)
        .returning(products.c.version)
    )
    if version is not None:
        wishes.wish(scope, "product", product_id, version)


def held_product(scope: Scope, product_id: int) -> Mapping[str, Any] | None:
    if product_id in scope.ahead.products:
        return scope.ahead.products[product_id]
    query = select(products).where(products.c.shop_id == scope.shop_id, products.c.id == product_id)
    row = scope.connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply a product as the store's GraphQL tells it (queries/products.graphql)."""
    media = node.get("featuredMedia") or {}
    image = (media.get("preview") or {}).get("image") or media.get("image") or {}
    listed, ids = variants.of_node(node)
    found = (node.get("collections") or {}).get("nodes")
    told = {
        "id": number(node["id"]),
        "title": node.get("title"),
        "handle": node.get("handle"),
        "url": node.get("onlineStoreUrl"),
        "image_url": image.get("url"),
        "status": (node.get("status") or "").lower() or None,
        "vendor": node.get("vendor"),
        "product_type": node.get("productType"),
        "tags": node.get("tags"),
        "collection_ids": None if found is None else sorted(number(one["id"]) for one in found),
        "created_at": None,
        "published_at": moment(node.get("publishedAt")),
        "updated_at": moment(node.get("updatedAt")),
        "variants": listed,
        "variant_ids": ids,
    }
    project(scope, told, scope.now)
