"""An order as the store's GraphQL tells it (queries/orders.graphql), applied like a webhook's.

Null says nothing here: it may be a field that the store refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from sync import fulfillments, orders
from sync.node_lines import items
from sync.node_values import moment, number, shop_money
from sync.order_events import Refund

# The fulfilment states that webhooks know by other names; all others mean: nothing sent yet.
_FULFILLED = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "RESTOCKED": "restocked"}


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply the order, its refunds and its parcels."""
    payload = _payload(node)
    orders.project(scope, payload, items(node, current_quantity="currentQuantity"), read=True)
    for parcel in node.get("fulfillments") or ():
        fulfillments.project(scope, payload["id"], _parcel(parcel), None)


def _payload(node: Mapping[str, Any]) -> dict[str, Any]:
    customer, status = node.get("customer"), node.get("displayFinancialStatus")
    codes, address = node.get("discountCodes"), node.get("billingAddress")
    sent = node.get("displayFulfillmentStatus")
    return {
        **({"fulfillment_status": _FULFILLED.get(sent)} if sent else {}),
        **({"closed_at": moment(node["closedAt"])} if node.get("closedAt") else {}),
        "id": number(node["id"]),
        "name": node.get("name"),
        "email": node.get("email"),
        "contact_email": None,
        "customer": _customer(customer) if customer else None,
        "checkout_token": node.get("checkoutToken"),
        "cart_token": node.get("cartToken"),
        "buyer_accepts_marketing": node.get("customerAcceptsMarketing"),
        "test": node.get("test"),
        "source_name": node.get("sourceName"),
        "created_at": moment(node.get("createdAt")),
        "updated_at": moment(node.get("updatedAt")),
        "cancelled_at": moment(node.get("cancelledAt")),
        "currency": node.get("currencyCode"),
        "total_price": shop_money(node.get("totalPriceSet")),
        "current_total_price": shop_money(node.get("currentTotalPriceSet")),
        "financial_status": status.lower() if status else None,
        "discount_codes": None if codes is None else [{"code": code} for code in codes],
        "payment_gateway_names": node.get("paymentGatewayNames"),
        "billing_address": _address(address) if address else None,
        "order_status_url": node.get("statusPageUrl"),
        "refunds": [
            Refund(number(one["id"]), shop_money(one.get("totalRefundedSet")), moment(one.get("createdAt")))
            for one in node.get("refunds") or ()
        ],
    }


def _customer(customer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": number(customer["id"]),
        "email": (customer.get("defaultEmailAddress") or {}).get("emailAddress"),
        "phone": None,
        "first_name": customer.get("firstName"),
        "last_name": customer.get("lastName"),
        "created_at": None,
        "updated_at": None,
        "default_address": None,
    }


def _address(address: Mapping[str, Any]) -> dict[str, Any]:
    same = ("name", "address1", "address2", "city", "province", "zip", "country", "phone")
    values = {name: address.get(name) for name in same}
    return {**values, "first_name": None, "last_name": None, "country_code": address.get("countryCodeV2")}


def _parcel(node: Mapping[str, Any]) -> dict[str, Any]:
    tracking = next(iter(node.get("trackingInfo") or ()), None) or {}
    shipment = node.get("displayStatus")
    return {
        "id": number(node["id"]),
        "status": (node.get("status") or "").lower() or None,
        "shipment_status": shipment.lower() if shipment in _CARRIED else None,
        "delivered_at": moment(node.get("deliveredAt")),
        "created_at": moment(node.get("createdAt")),
        "updated_at": moment(node.get("updatedAt")),
        "tracking_company": tracking.get("company"),
        "tracking_number": tracking.get("number"),
        "tracking_url": tracking.get("url"),
    }


# The display states that come from carriers; the others repeat the fulfilment's own state.
_CARRIED = frozenset(
    {
        "ATTEMPTED_DELIVERY", "CARRIER_PICKED_UP", "CONFIRMED", "DELAYED", "DELIVERED", "FAILURE", "IN_TRANSIT",
        "LABEL_PRINTED", "LABEL_PURCHASED", "NOT_DELIVERED", "OUT_FOR_DELIVERY", "PICKED_UP", "READY_FOR_PICKUP",
    }
)  # fmt: skip
