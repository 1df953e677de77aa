"""The calls about discounts with codes: making one, adding codes in bulk, finding one by its code, deleting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from sandbox.store import pages
from sandbox.store.discounts import (
    ADDED_AFTER_SECONDS,
    LONGEST_CODE,
    MOST_ADDED,
    Addition,
    Discount,
    Discounts,
    RedeemCode,
)
from sandbox.store.resolvers import number_of
from sandbox.store.shop import Shop
from sandbox.store.values import gid

_INPUT = "basicCodeDiscount"


class _Refused(Exception):
    def __init__(self, field: list[str], message: str, code: str) -> None:
        super().__init__(message)
        self.error = {"field": field, "message": message, "code": code, "extra_info": None}


def discount_resolvers() -> dict[str, dict[str, Callable[..., Any]]]:
    """The resolvers of the calls and of what they answer."""
    return {
        "Mutation": {
            "discountCodeBasicCreate": _create,
            "discountCodeDelete": _delete,
            "discountRedeemCodeBulkAdd": _add,
        },
        "QueryRoot": {
            "codeDiscountNodeByCode": _by_code,
            "discountRedeemCodeBulkCreation": _addition,
        },
        "DiscountCodeNode": {
            "id": lambda one, info: gid("DiscountCodeNode", one.id),
            "codeDiscount": lambda one, info: one,
        },
        "DiscountCodeBasic": {
            "codes": lambda one, info, **arguments: pages.page(one.codes, arguments),
            "codesCount": lambda one, info: {"count": len(one.codes), "precision": "EXACT"},
            "appliesOncePerCustomer": lambda one, info: one.once_per_customer,
            "asyncUsageCount": lambda one, info: sum(len(code.used) for code in one.codes),
            "status": lambda one, info: _status(one, info.context.now),
        },
        "DiscountRedeemCode": {
            "id": lambda one, info: gid("DiscountRedeemCode", one.id),
            "asyncUsageCount": lambda one, info: len(one.used),
        },
        "DiscountRedeemCodeBulkCreation": {
            "id": lambda one, info: gid("DiscountRedeemCodeBulkCreation", one.id),
            "codesCount": lambda one, info: len(one.wanted),
            "importedCount": lambda one, info: len(one.made),
            "failedCount": lambda one, info: len(one.refused),
            "discountCode": lambda one, info: one.discount,
            "codes": lambda one, info, **arguments: pages.page(_outcomes(one), arguments),
        },
    }


def _allowed(info: GraphQLResolveInfo[Any], *scopes: str) -> Discounts:
    """The shop's discounts, additions finished that have had their time. Raises GraphQLError without a scope."""
    shop: Shop = info.context.shop
    if not set(scopes) & shop.installation.scopes:
        message = f"Access denied for {info.field_name} field. Required access: `{scopes[0]}` access scope."
        required = f"`{scopes[0]}` access scope."
        raise GraphQLError(message, extensions={"code": "ACCESS_DENIED", "requiredAccess": required})
    shop.discounts.settle(info.context.wire)
    return shop.discounts


def _create(source: Any, info: GraphQLResolveInfo[Any], basicCodeDiscount: dict[str, Any]) -> dict[str, Any]:
    discounts = _allowed(info, "write_discounts")
    try:
        made = _read(discounts, basicCodeDiscount, info.context.now)
        _check_code(discounts, basicCodeDiscount.get("code"))
    except _Refused as refusal:
        return {"code_discount_node": None, "user_errors": [refusal.error]}
    discounts.add(made, basicCodeDiscount["code"])
    return {"code_discount_node": made, "user_errors": []}


def _read(discounts: Discounts, given: Mapping[str, Any], now: float) -> Discount:
    if not (given.get("title") or "").strip():
        raise _Refused([_INPUT, "title"], "Title can't be blank", "BLANK")
    starts_at, ends_at = given.get("startsAt"), given.get("endsAt")
    if starts_at is None:
        raise _Refused([_INPUT, "startsAt"], "Starts at can't be blank", "BLANK")
    if ends_at is not None and ends_at <= starts_at:
        raise _Refused([_INPUT, "endsAt"], "Ends at needs to be after starts_at", "END_DATE_BEFORE_START_DATE")
    if not given.get("context"):
        raise _Refused([_INPUT, "context"], "Context can't be blank", "BLANK")
    gets = given.get("customerGets") or {}
    value = gets.get("value") or {}
    percentage, fixed = value.get("percentage"), (value.get("discountAmount") or {}).get("amount")
    if not (gets.get("items") or {}).get("all") or (percentage is None) == (fixed is None):
        raise _Refused([_INPUT, "customerGets"], "Customer gets is invalid", "INVALID")
    where = [_INPUT, "customerGets", "value"]
    if percentage is not None and not 0 < percentage <= 1:
        raise _Refused([*where, "percentage"], "Value must be between 0.0 and 1.0", "VALUE_OUTSIDE_RANGE")
    if fixed is not None and Decimal(fixed) <= 0:
        raise _Refused([*where, "discountAmount", "amount"], "Amount must be greater than 0", "GREATER_THAN")
    least = ((given.get("minimumRequirement") or {}).get("subtotal") or {}).get("greaterThanOrEqualToSubtotal")
    return Discount(
        discounts.next_id(),
        given["title"],
        starts_at,
        ends_at,
        given.get("usageLimit"),
        bool(given.get("appliesOncePerCustomer")),
        percentage,
        None if fixed is None else Decimal(fixed),
        None if least is None else Decimal(least),
        now,
    )


def _check_code(discounts: Discounts, code: str | None) -> None:
    where = [_INPUT, "code"]
    if not (code or "").strip():
        raise _Refused(where, "Code can't be blank", "BLANK")
    assert code is not None
    if len(code) > LONGEST_CODE:
        raise _Refused(where, f"Code is too long (maximum is {LONGEST_CODE} characters)", "TOO_LONG")
    if discounts.find(code) is not None:
        raise _Refused(where, "Code must be unique. Please try a different code.", "TAKEN")


def _delete(source: Any, info: GraphQLResolveInfo[Any], id: str) -> dict[str, Any]:
    discounts = _allowed(info, "write_discounts")
    found = discounts.by_id.get(number_of(id, "DiscountCodeNode") or 0)
    if found is None:
        error = {"field": ["id"], "message": "Code discount does not exist.", "code": "INVALID"}
        return {"deleted_code_discount_id": None, "user_errors": [error]}
    discounts.delete(found)
    return {"deleted_code_discount_id": id, "user_errors": []}


def _add(source: Any, info: GraphQLResolveInfo[Any], discountId: str, codes: list[dict[str, Any]]) -> dict[str, Any]:
    discounts = _allowed(info, "write_discounts")
    found = discounts.by_id.get(number_of(discountId, "DiscountCodeNode") or 0)
    problem = None
    if found is None:
        problem = (["discountId"], "Code discount does not exist.", "INVALID")
    elif not codes:
        problem = (["codes"], "Codes can't be blank", "BLANK")
    elif len(codes) > MOST_ADDED:
        problem = (["codes"], f"You can add at most {MOST_ADDED} codes at once", "EXCEEDED_MAX")
    if problem is not None or found is None:
        field, message, code = problem or ([], "", "")
        return {"bulk_creation": None, "user_errors": [{"field": field, "message": message, "code": code}]}
    wire = info.context.wire
    wanted = [one["code"] for one in codes]
    addition = Addition(discounts.next_id(), found, wanted, info.context.now, wire + ADDED_AFTER_SECONDS)
    discounts.additions[addition.id] = addition
    return {"bulk_creation": addition, "user_errors": []}


def _by_code(source: Any, info: GraphQLResolveInfo[Any], code: str) -> Discount | None:
    found = _allowed(info, "read_discounts", "write_discounts").find(code)
    return None if found is None else found.discount


def _addition(source: Any, info: GraphQLResolveInfo[Any], id: str) -> Addition | None:
    discounts = _allowed(info, "read_discounts", "write_discounts")
    return discounts.additions.get(number_of(id, "DiscountRedeemCodeBulkCreation") or 0)


@dataclass(frozen=True)
class _Outcome:
    """What became of one code of an addition. `id` is its place."""

    id: int
    code: str
    discount_redeem_code: RedeemCode | None
    errors: list[dict[str, Any]]


def _outcomes(addition: Addition) -> list[_Outcome]:
    if not addition.done:
        return []
    refused = {code: [{"field": ["code"], "message": why, "code": "TAKEN"}] for code, why in addition.refused.items()}
    return [
        _Outcome(place, code, addition.made.get(code), refused.get(code, []))
        for place, code in enumerate(addition.wanted)
    ]


def _status(discount: Discount, now: float) -> str:
    if now < discount.starts_at:
        return "SCHEDULED"
    return "EXPIRED" if discount.ends_at is not None and now >= discount.ends_at else "ACTIVE"
