"""Checkouts: who is buying what, since when unchanged, and whether it was completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import RowMapping, Text, bindparam, func, select, update

from connector import eventlog
from connector.ahead import Row
from connector.db.rows import replacing
from connector.eventlog import Fact
from connector.models.person import consents
from connector.models.store import checkouts, orders
from connector.scope import Scope
from sync import consent, customers, fetch, people, products


def project(scope: Scope, payload: Mapping[str, Any], items: Sequence[Mapping[str, Any]] | None) -> None:
    """Apply a checkout payload and say what happened to the checkout.

    What the payload leaves out (None) stays as it was; items that are told to be none are none.
    """
    token = payload["token"]
    person_id = _person(scope, payload)
    held = _held(scope, token)
    told = {
        "cart_token": payload["cart_token"],
        "person_id": person_id,
        "email": people.normal_email(payload["email"]),
        "currency": payload["presentment_currency"] or payload["currency"],
        "total": payload["total_price"],
        "recovery_url": payload["abandoned_checkout_url"],
        "items": None if items is None else list(items),
        "created_at": payload["created_at"],
        "source_updated_at": payload["updated_at"],
        "completed_at": payload["completed_at"],
    }
    before = dict(held) if held else _new(scope, token, told) | {"completed_at": _ordered_at(scope, token)}
    values = {**before, **{name: value for name, value in told.items() if value is not None}}
    # Completion is final; a late edit does not reopen a checkout.
    values["completed_at"] = before["completed_at"] or values["completed_at"]
    if held is None or values["source_updated_at"] >= held["source_updated_at"]:
        if held is None or values != dict(held):
            scope.connection.execute(replacing(checkouts, tuple(values)), values)
    elif payload["completed_at"]:
        complete(scope, token, payload["completed_at"])
    if person_id is not None and (held is None or held["person_id"] != person_id or not held["cart_token"]):
        subjects = [("checkout", token)]
        if payload["cart_token"]:
            subjects.append(("cart", payload["cart_token"]))
        people.attach(scope, person_id, subjects)
    eventlog.append(scope, _facts(token, values, held))
    if items:
        products.want(scope, items)


def _ordered_at(scope: Scope, token: str) -> datetime | None:
    """When an order was made of a checkout that is only now heard of; None when there is none."""
    if scope.quiet:
        return None
    return scope.connection.execute(_ORDERED, {"shop_id": scope.shop_id, "token": token}).scalar()


_ORDERED = select(func.min(orders.c.created_at)).where(
    orders.c.shop_id == bindparam("shop_id"), orders.c.checkout_token == bindparam("token")
)


def _new(scope: Scope, token: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """A checkout before anything is known of it."""
    at = told["created_at"] or told["source_updated_at"] or scope.now
    empty = dict.fromkeys(column.name for column in checkouts.c)
    times = {"created_at": at, "source_updated_at": at}
    return {**empty, "shop_id": scope.shop_id, "token": token, "total": Decimal(0), "items": [], **times}


def _person(scope: Scope, payload: Mapping[str, Any]) -> int | None:
    customer = payload["customer"]
    email = payload["email"] or (customer or {}).get("email")
    found = customers.buyer(scope, customer, email)
    if found is None:
        return people.person_of(scope, "cart", payload["cart_token"]) if payload["cart_token"] else None
    if customer and not _consent_known(scope, found.person_id):
        fetch.wish(scope, "Customer", customer["id"])
    if payload["buyer_accepts_marketing"] and people.known_by(scope, found.person_id, email):
        consent.record(
            scope,
            found.person_id,
            "email",
            consent.SUBSCRIBED,
            source="checkout",
            evidence_at=payload["created_at"],
            implied=True,
            evidence={"checkout": payload["token"]},
        )
    return found.person_id


def _consent_known(scope: Scope, person_id: int) -> bool:
    given = {"shop_id": scope.shop_id, "person_id": person_id}
    return scope.connection.execute(_EMAIL_CONSENT, given).first() is not None


_EMAIL_CONSENT = select(consents.c.state).where(
    consents.c.shop_id == bindparam("shop_id"),
    consents.c.person_id == bindparam("person_id"),
    consents.c.channel == "email",
    consents.c.purpose == "newsletter",
)


def _held(scope: Scope, token: str) -> RowMapping | None:
    return scope.connection.execute(_HELD, {"shop_id": scope.shop_id, "token": token}).mappings().first()


_HELD = select(checkouts).where(checkouts.c.shop_id == bindparam("shop_id"), checkouts.c.token == bindparam("token"))


def _facts(token: str, values: Mapping[str, Any], held: RowMapping | None) -> list[Fact]:
    """What this state of the checkout says: begun, changed, emptied, completed."""
    props = {
        "checkout_token": token,
        "cart_token": values["cart_token"],
        "total": str(values["total"]),
        "currency": values["currency"],
        "items": values["items"],
        "recovery_url": values["recovery_url"],
        "changed_at": values["source_updated_at"].isoformat(),
    }
    subject, person_id = f"checkout:{token}", values["person_id"]

    def fact(name: str, identity: str, at: datetime, *, over: bool = False) -> Fact:
        return Fact(name, f"{subject}:{identity}", at, subject, person_id, token, props, over=over)

    over = values["completed_at"] is not None
    facts = [fact("checkout_started", "started", values["created_at"], over=over)]
    changed_at = values["source_updated_at"]
    if changed_at > values["created_at"]:
        content = sha256(orjson.dumps([props["items"], props["total"], values["email"]])).hexdigest()[:16]
        facts.append(fact("checkout_updated", f"{changed_at.isoformat()}:{content}", changed_at, over=over))
    if held and held["items"] and not values["items"] and not values["completed_at"]:
        facts.append(fact("cart_cleared", f"cleared:{changed_at.isoformat()}", changed_at))
    if values["completed_at"]:
        facts.append(fact("checkout_completed", "completed", values["completed_at"]))
    return facts


def complete(scope: Scope, token: str, at: datetime) -> None:
    """The checkout became an order."""
    read = scope.ahead.checkouts.get(token)
    if read is not None:
        read["completed_at"] = read["completed_at"] or at
        scope.write(checkouts, read)
        return
    scope.connection.execute(_COMPLETE, {"shop": scope.shop_id, "named": token, "at": at})


_COMPLETE = (
    update(checkouts)
    .where(
        checkouts.c.shop_id == bindparam("shop"),
        checkouts.c.token == bindparam("named"),
        checkouts.c.completed_at.is_(None),
    )
    .values(completed_at=bindparam("at"))
)


def deleted(scope: Scope, token: str | None, cart_token: str | None, at: datetime) -> None:
    """The store threw a checkout away, by its token or by its cart's: its recovery address is dead.

    One that became an order is told of by the order.
    """
    named = checkouts.c.token == token if token else checkouts.c.cart_token == cart_token
    if not (token or cart_token):
        return
    gone = scope.connection.execute(
        update(checkouts)
        .where(
            checkouts.c.shop_id == scope.shop_id,
            named,
            checkouts.c.completed_at.is_(None),
            checkouts.c.deleted_at.is_(None),
        )
        .values(deleted_at=at)
        .returning(checkouts.c.token, checkouts.c.cart_token, checkouts.c.person_id)
    ).all()
    eventlog.append(
        scope,
        [
            Fact(
                "checkout_deleted",
                f"checkout:{row.token}:deleted",
                at,
                f"checkout:{row.token}",
                row.person_id,
                row.token,
                {"checkout_token": row.token, "cart_token": row.cart_token},
            )
            for row in gone
        ],
    )


def of_cart(scope: Scope, cart_token: str) -> RowMapping | None:
    """The newest checkout of this cart that is still open."""
    query = (
        select(checkouts)
        .where(
            checkouts.c.shop_id == scope.shop_id,
            checkouts.c.cart_token == cart_token,
            checkouts.c.completed_at.is_(None),
            checkouts.c.deleted_at.is_(None),
        )
        .order_by(checkouts.c.created_at.desc())
        .limit(1)
    )
    return scope.connection.execute(query).mappings().first()


def of_order(scope: Scope, checkout_token: str | None, cart_token: str | None) -> RowMapping | Row | None:
    """The checkout that an order came from: by its token, else the newest of its cart."""
    if not (checkout_token or cart_token):
        return None
    if (checkout_token, cart_token) in scope.ahead.checkout_of:
        token = scope.ahead.checkout_of[checkout_token, cart_token]
        if token is None or token in scope.ahead.checkouts:
            return None if token is None else scope.ahead.checkouts[token]
    given = {"shop_id": scope.shop_id, "token": checkout_token, "cart_token": cart_token}
    return scope.connection.execute(_OF_ORDER, given).mappings().first()


_by_token = checkouts.c.token == bindparam("token", type_=Text)
_OF_ORDER = (
    select(checkouts)
    .where(
        checkouts.c.shop_id == bindparam("shop_id"),
        _by_token | (checkouts.c.cart_token == bindparam("cart_token", type_=Text)),
    )
    # Null, where the order names no checkout, counts as no match.
    .order_by(func.coalesce(_by_token, False).desc(), checkouts.c.created_at.desc())
    .limit(1)
)
