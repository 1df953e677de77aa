"""Webhook bodies about parts of an order, field for field as Shopify's samples: parcels, refunds, payments, returns
and edits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.store.payload_parts import address, amount, local_time, money_set, order_line
from sandbox.store.records import Fulfillment, Order, Refund, Return
from sandbox.store.shop import Shop


def fulfillment(shop: Shop, parcel: Fulfillment) -> dict[str, Any]:
    """Body of fulfillments/create and fulfillments/update, and an entry of an order's fulfilments."""
    sale, currency = parcel.order, shop.settings.currency
    return {
        "id": parcel.id,
        "order_id": sale.id,
        "status": parcel.status,
        "created_at": local_time(shop, parcel.created_at),
        "service": "manual",
        "updated_at": local_time(shop, parcel.updated_at),
        "tracking_company": parcel.tracking_company,
        "shipment_status": parcel.shipment_status,
        "location_id": None,
        "origin_address": None,
        "email": sale.email,
        "destination": address(sale.address),
        "line_items": [_sold_line(order_line(line, currency)) | {"quantity": count} for line, count in parcel.lines],
        "tracking_number": parcel.tracking_number,
        "tracking_numbers": [parcel.tracking_number] if parcel.tracking_number else [],
        "tracking_url": parcel.tracking_url,
        "tracking_urls": [parcel.tracking_url] if parcel.tracking_url else [],
        "receipt": {},
        "name": f"{sale.name}.{parcel.place}",
        "admin_graphql_api_id": f"gid://shopify/Fulfillment/{parcel.id}",
    }


def fulfillment_event(shop: Shop, parcel: Fulfillment, event_id: int, status: str) -> dict[str, Any]:
    """Body of fulfillment_events/create."""
    at = local_time(shop, parcel.updated_at)
    return {
        "id": event_id,
        "fulfillment_id": parcel.id,
        "status": status,
        "message": None,
        "happened_at": at,
        "city": None,
        "province": None,
        "country": shop.settings.country_code,
        "zip": None,
        "address1": None,
        "latitude": None,
        "longitude": None,
        "shop_id": shop.id,
        "created_at": at,
        "updated_at": at,
        "estimated_delivery_at": None,
        "order_id": parcel.order.id,
        "admin_graphql_api_id": f"gid://shopify/FulfillmentEvent/{event_id}",
    }


def refund(shop: Shop, given: Refund) -> dict[str, Any]:
    """Body of refunds/create, and an entry of an order's refunds."""
    currency = shop.settings.currency
    at = local_time(shop, given.created_at)
    return {
        "id": given.id,
        "order_id": given.order.id,
        "created_at": at,
        "note": None,
        "user_id": None,
        "processed_at": at,
        "duties": [],
        "total_duties_set": money_set(Decimal(0), currency),
        "return": None,
        "restock": False,
        "refund_shipping_lines": [],
        "admin_graphql_api_id": f"gid://shopify/Refund/{given.id}",
        "order_adjustments": [],
        "refund_line_items": [
            {
                "id": given.id + place,
                "quantity": count,
                "line_item_id": line.id,
                "location_id": None,
                "restock_type": "no_restock",
                "subtotal": float(line.variant.price * count),
                "total_tax": 0,
                "subtotal_set": money_set(line.variant.price * count, currency),
                "total_tax_set": money_set(Decimal(0), currency),
                "line_item": _sold_line(order_line(line, currency)),
            }
            for place, (line, count) in enumerate(given.lines, start=1)
        ],
        "transactions": [_refund_transaction(shop, given)],
    }


def _sold_line(line: dict[str, Any]) -> dict[str, Any]:
    """A line inside a refund or a parcel lacks what only the order knows."""
    only_in_orders = ("attributed_staffs", "current_quantity", "sales_line_item_group_id")
    return {name: value for name, value in line.items() if name not in only_in_orders}


def _refund_transaction(shop: Shop, given: Refund) -> dict[str, Any]:
    body = transaction(shop, given.order, given.id + 500, "refund", "success", given.amount, given.created_at)
    return {name: value for name, value in body.items() if name != "payment_details"}


def transaction(
    shop: Shop, sale: Order, transaction_id: int, kind: str, status: str, value: Decimal, at: float
) -> dict[str, Any]:
    """Body of order_transactions/create."""
    none = {"amount": "0.0", "currency": shop.settings.currency}
    return {
        "id": transaction_id,
        "order_id": sale.id,
        "kind": kind,
        "gateway": "bogus",
        "status": status,
        "message": None,
        "created_at": local_time(shop, at),
        "test": sale.test,
        "authorization": None,
        "location_id": None,
        "user_id": None,
        "parent_id": None,
        "processed_at": local_time(shop, at),
        "device_id": None,
        "error_code": "card_declined" if status == "failure" else None,
        "source_name": "web",
        "payment_details": None,
        "receipt": {},
        "amount": amount(value),
        "currency": shop.settings.currency,
        "payment_id": f"{sale.name}.{transaction_id % 1000}",
        "total_unsettled_set": {"presentment_money": none, "shop_money": none},
        "manual_payment_gateway": False,
        "amount_rounding": None,
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{transaction_id}",
    }


def edit(
    shop: Shop, sale: Order, edit_id: int, added: dict[int, int], removed: dict[int, int], at: float
) -> dict[str, Any]:
    """Body of orders/edited: line id -> how many were added or taken out."""

    def lines(changes: dict[int, int]) -> list[dict[str, int]]:
        return [{"id": line_id, "delta": count} for line_id, count in changes.items()]

    return {
        "order_edit": {
            "id": edit_id,
            "app_id": None,
            "created_at": local_time(shop, at),
            "committed_at": local_time(shop, at),
            "notify_customer": False,
            "order_id": sale.id,
            "staff_note": "",
            "user_id": None,
            "line_items": {"additions": lines(added), "removals": lines(removed)},
            "discounts": {"line_item": {"additions": [], "removals": []}},
            "shipping_lines": {"additions": [], "removals": []},
        }
    }


def returned(one: Return) -> dict[str, Any]:
    """Body of the returns/* topics."""
    return {
        "id": one.id,
        "admin_graphql_api_id": f"gid://shopify/Return/{one.id}",
        "status": one.status,
        "order": {"id": one.order.id, "admin_graphql_api_id": f"gid://shopify/Order/{one.order.id}"},
        "total_return_line_items": one.items,
        "name": f"{one.order.name}-R{one.place}",
        "return_line_items": [],
        "return_shipping_fees": [],
        "exchange_line_items": [],
        "total_exchange_line_items": 0,
    }
