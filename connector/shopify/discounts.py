"""Discounts with codes at the store. Sources: the published schema 2026-10; recorded answers.

A code is unique in the whole store, whatever its case. Making one has no idempotency key, so the code itself is one:
taken is taken, and by its title we tell our own from somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.errors import Refused, Retry
from connector.shopify.graphql import PROVIDER, Store

MOST_ADDED = 250
"""Codes in one addition (the schema's own limit)."""
_TAKEN = frozenset({"TAKEN", "DUPLICATE"})


class CodeTaken(Refused):
    """The code is somebody else's."""


@dataclass(frozen=True)
class Terms:
    """What a discount takes off: ``percent`` (1 to 100) or ``amount`` (text, in the shop's currency), of a whole order
    of at least ``minimum``."""

    percent: int | None = None
    amount: str | None = None
    minimum: str | None = None
    once_per_customer: bool = True

    @property
    def value(self) -> dict[str, Any]:
        if self.percent is not None:
            return {"percentage": self.percent / 100}
        return {"discountAmount": {"amount": self.amount, "appliesOnEachItem": False}}


def obtain(store: Store, code: str, title: str, terms: Terms, starts_at: datetime, ends_at: datetime | None) -> str:
    """Make the discount with this code, good for one order; the store's id of it. When it is there already under this
    title, which nobody else gives one, an earlier try has made it.

    Raises CodeTaken, Refused (the store wants none such), and whatever ``Store.query`` raises: after OutcomeUnknown
    calling this again is right.
    """
    discount = {
        "title": title,
        "code": code,
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else None,
        "usageLimit": 1,
        "appliesOncePerCustomer": terms.once_per_customer,
        "context": {"all": "ALL"},
        "customerGets": {"value": terms.value, "items": {"all": True}},
    }
    if terms.minimum is not None:
        discount["minimumRequirement"] = {"subtotal": {"greaterThanOrEqualToSubtotal": terms.minimum}}
    answer = store.query("discount_create", {"discount": discount})["discountCodeBasicCreate"] or {}
    errors = answer.get("userErrors") or []
    if not errors and answer.get("codeDiscountNode"):
        return str(answer["codeDiscountNode"]["id"])
    if not any(error.get("code") in _TAKEN for error in errors):
        raise _refused(errors)
    found = by_code(store, code)
    if found is None:
        raise Retry(PROVIDER, "the store calls a code taken that it does not show yet")
    if found[1] != title:
        raise CodeTaken(PROVIDER, "the code is another discount's", code="TAKEN")
    return found[0]


def by_code(store: Store, code: str) -> tuple[str, str] | None:
    """(the store's id, the title) of the discount with this code, whatever its case; None when there is none."""
    node = store.query("discount_by_code", {"code": code})["codeDiscountNodeByCode"]
    # Of another kind than ours it tells no title.
    return None if node is None else (str(node["id"]), str((node.get("codeDiscount") or {}).get("title") or ""))


def add_codes(store: Store, discount_id: str, codes: Sequence[str]) -> str:
    """Have the store add these codes to a discount, at most MOST_ADDED; the store's id of the addition, which takes a
    while. Raises as ``obtain``."""
    given = {"discountId": discount_id, "codes": [{"code": code} for code in codes]}
    answer = store.query("discount_codes_add", given)["discountRedeemCodeBulkAdd"] or {}
    if not answer.get("bulkCreation"):
        raise _refused(answer.get("userErrors") or [])
    return str(answer["bulkCreation"]["id"])


def added(store: Store, creation_id: str) -> dict[str, bool] | None:
    """{code: whether it was added} of an addition; None while it is under way, {} when the store knows of none."""
    creation = store.query("discount_codes_added", {"id": creation_id, "first": MOST_ADDED})[
        "discountRedeemCodeBulkCreation"
    ]
    if creation is None:
        return {}
    if not creation["done"]:
        return None
    return {one["code"]: one["discountRedeemCode"] is not None for one in creation["codes"]["nodes"]}


def _refused(errors: Sequence[Mapping[str, Any]]) -> Refused:
    said = "; ".join(f"{'.'.join(error.get('field') or ())}: {error.get('message')}" for error in errors)
    codes = ",".join(sorted({str(error["code"]) for error in errors if error.get("code")}))
    return Refused(PROVIDER, said or "no discount was made", status=200, code=codes)
