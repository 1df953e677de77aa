"""Coupon collections: the codes that templates show by `{{ coupon }}`.

Chosen where the documentation is silent: a code that a collection has already is passed over; the same code may be in
two collections. What is accepted is there at once, where the real provider takes a while.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.provider import moments
from sandbox.provider.shapes import COUPON_COLLECTION, COUPONS
from sandbox.provider.wire import Answer, Call, Refusal, Route, missing, not_found

MOST_AT_ONCE = 10_000


@dataclass
class Collection:
    """`codes` are in their order; times are business unix seconds."""

    id: str
    name: str
    default: str
    created_at: float
    expires: str | None = None
    codes: dict[str, None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "name": self.name,
            "defaultCoupon": self.default,
            "createdAt": moments.api(self.created_at),
            "totalCoupons": len(self.codes),
            "remainingCoupons": len(self.codes),
        }
        return {**shown, "expirationDate": self.expires} if self.expires else shown


def get_collections(call: Call) -> Answer:
    with call.account.lock:
        rows = [one.as_json() for one in call.account.coupon_collections.values()]
    return Answer(200, {"collections": call.sorted_page(rows, 50, 100)})


def create_collection(call: Call) -> Answer:
    for name in ("name", "defaultCoupon"):
        if not call.body.get(name):
            raise missing(f"{name} is missing")
    with call.account.lock:
        held = call.account.coupon_collections
        id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"coupons:{call.account.key}:{len(held)}"))
        body = call.body
        held[id] = Collection(id, body["name"], body["defaultCoupon"], call.now, body.get("expirationDate"))
    return Answer(201, {"id": id})


def add_coupons(call: Call) -> Answer:
    codes = call.body["coupons"]
    if not 1 <= len(codes) <= MOST_AT_ONCE or len(set(codes)) != len(codes):
        raise Refusal(400, "invalid_parameter", f"coupons should be 1 to {MOST_AT_ONCE} different texts")
    with call.account.lock:
        found = call.account.coupon_collections.get(call.body["collectionId"])
        if found is None:
            raise not_found("Coupon collection not found")
        found.codes |= dict.fromkeys(codes)
    return Answer(204, None)


ROUTES = [
    Route("GET", "/couponCollections", get_collections),
    Route("POST", "/couponCollections", create_collection, COUPON_COLLECTION),
    Route("POST", "/coupons", add_coupons, COUPONS),
]
