"""Orders, products and categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.brevo.calls import JSON, Calls, object_of
from connector.brevo.verdicts import Kind

MOST_ORDERS, MOST_PRODUCTS, MOST_CATEGORIES = 1000, 100, 100
"""Records that one batch takes, by Brevo's reference."""


class CommerceCalls(Calls):
    """Orders, products and categories."""

    def activate_ecommerce(self) -> None:
        """POST /ecommerce/activate: once per account; again does no harm."""
        self._call(self._sdk.ecommerce.activate_the_e_commerce_app, Kind.IDEMPOTENT, "other")

    def put_order(self, body: Mapping[str, Any]) -> None:
        """POST /orders/status: a live order, which starts automations. The same id again updates it."""
        # What the SDK's signature wants; the body replaces it.
        required: dict[str, Any] = {
            "amount": 0,
            "created_at": "",
            "id": "",
            "products": [],
            "status": "",
            "updated_at": "",
        }
        self._call(self._sdk.ecommerce.create_order, Kind.IDEMPOTENT, "orders", body=body, **required)

    def put_history(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """POST /orders/status/batch: up to 1,000 orders, told as history: no automation starts. Taken (202), not done.

        ``historical`` is said though it is the default, because all depends on it.
        """
        put = self._sdk.ecommerce.create_batch_order
        body = {"orders": [dict(one) for one in bodies], "historical": True}
        self._call(put, Kind.IDEMPOTENT, "other", body=body, orders=[])

    def get_product(self, product_id: str) -> JSON | None:
        """GET /products/{id}; None when there is no such product. Of the narrowest limit."""
        get = self._sdk.ecommerce.get_product_info
        answer = self._call(get, Kind.READ, "other", product_id, missing_is_answer=True)
        return None if answer.status == 404 else object_of(answer, Kind.READ)

    def put_product(self, record: Mapping[str, Any]) -> None:
        """POST /products: create or update one."""
        put = self._sdk.ecommerce.create_update_product
        body = {**record, "updateEnabled": True}
        self._call(put, Kind.IDEMPOTENT, "products", body=body, id=body["id"], name=body["name"])

    def put_products(self, records: Sequence[Mapping[str, Any]]) -> None:
        """POST /products/batch: create or update up to 100, no id twice."""
        put = self._sdk.ecommerce.create_update_batch_products
        body = {"products": [dict(one) for one in records], "updateEnabled": True}
        self._call(put, Kind.IDEMPOTENT, "other", body=body, products=[])

    def ask_for_alert(self, product_id: str, identifiers: Mapping[str, str]) -> None:
        """POST /products/{id}/alerts/back_in_stock: Brevo writes to this contact when the product's stock is no longer
        0. ``identifiers``: one of ext_id, email and sms. Raises ActionNeeded while alerts are not switched on at Brevo
        (403), Refused when it has no such product (404).
        """
        ask = self._sdk.ecommerce.create_product_alert
        self._call(ask, Kind.IDEMPOTENT, "other", product_id, body={"contactIdentifiers": dict(identifiers)})

    def put_categories(self, records: Sequence[Mapping[str, Any]]) -> None:
        """POST /categories/batch: create or update up to 100, no id twice."""
        put = self._sdk.ecommerce.create_update_batch_category
        body = {"categories": [dict(one) for one in records], "updateEnabled": True}
        self._call(put, Kind.IDEMPOTENT, "other", body=body, categories=[])
