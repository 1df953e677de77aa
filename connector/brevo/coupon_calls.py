"""Collections of coupons, whose codes Brevo's templates show by ``{{ coupon }}``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connector.brevo.calls import JSON, Calls, dicts
from connector.brevo.verdicts import Kind

MOST_COUPONS = 10_000
"""Codes in one call (OpenAPI, maxItems)."""
_PAGE = 100
# So that an account with more collections than anybody has ends the reading.
_MOST_PAGES = 20


class CouponCalls(Calls):
    """Collections of coupons. All are of the bucket "other", of 100 calls an hour on the general tier."""

    def coupon_collections(self) -> list[JSON]:
        """GET /couponCollections: [{id, name, totalCoupons, remainingCoupons, ...}], all pages, the oldest first."""
        found: list[JSON] = []
        for page in range(_MOST_PAGES):
            if page:
                self.await_turn("other", lane="bulk")
            query = {"limit": _PAGE, "offset": page * _PAGE, "sort": "asc"}
            told = self._json(self._sdk.coupons.get_coupon_collections, Kind.READ, "other", query=query)
            rows = dicts(told.get("collections"))
            found += rows
            if len(rows) < _PAGE:
                break
        return found

    def create_coupon_collection(self, name: str, default: str, expires_at: datetime | None) -> str:
        """POST /couponCollections. Returns its id. ``default``: what is shown when no code is left. Raises
        OutcomeUnknown: two collections may have one name."""
        body = {"name": name, "defaultCoupon": default}
        if expires_at is not None:
            body["expirationDate"] = expires_at.isoformat()
        create = self._sdk.coupons.create_coupon_collection
        return str(self._json(create, Kind.ONCE, "other", body=body, name=name, default_coupon=default)["id"])

    def add_coupons(self, collection_id: str, codes: Sequence[str]) -> None:
        """POST /coupons, at most MOST_COUPONS different ones. Brevo adds them by and by."""
        body = {"collectionId": collection_id, "coupons": list(codes)}
        add = self._sdk.coupons.create_coupons
        self._call(add, Kind.IDEMPOTENT, "other", body=body, collection_id=collection_id, coupons=[])
