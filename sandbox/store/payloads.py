"""Webhook bodies, field for field as Shopify's samples of 2026-04 and later.

Since 2025-01 customers carry no tags, order counts or consent; since 2026-04 orders carry no `checkout_id`
and checkouts no `id`. A key that has nothing to say is there with null, as in the samples.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.store import order_payloads
from sandbox.store.payload_parts import address, amount, local_time, money_set, order_line, variant_title
from sandbox.store.records import Address, Checkout, Customer, Line, Order
from sandbox.store.shop import Shop

_ORDER_MONEY = (
    "current_shipping_price",
    "current_subtotal_price",
    "current_total_discounts",
    "current_total_price",
    "current_total_tax",
    "subtotal_price",
    "total_cash_rounding_payment_adjustment",
    "total_cash_rounding_refund_adjustment",
    "total_discounts",
    "total_line_items_price",
    "total_price",
    "total_shipping_price",
    "total_tax",
)
# Of these only the set exists, not the plain amount.
_SET_ONLY = {
    "current_shipping_price",
    "total_cash_rounding_payment_adjustment",
    "total_cash_rounding_refund_adjustment",
    "total_shipping_price",
}


def customer(shop: Shop, person: Customer) -> dict[str, Any]:
    """Body of customers/create and customers/update."""
    body = _embedded_customer(shop, person)
    body["addresses"] = [body["default_address"]] if person.address else []
    return body


def checkout(shop: Shop, cart: Checkout) -> dict[str, Any]:
    """Body of checkouts/create and checkouts/update."""
    total = amount(cart.subtotal)
    return {
        "token": cart.token,
        "cart_token": cart.cart_token,
        "email": cart.email,
        "gateway": None,
        "buyer_accepts_marketing": cart.accepts_marketing,
        "created_at": local_time(shop, cart.created_at),
        "updated_at": local_time(shop, cart.updated_at),
        "landing_site": "/",
        "note": None,
        "note_attributes": [],
        "referring_site": "",
        "shipping_lines": [],
        "taxes_included": True,
        "total_weight": sum(line.variant.grams * line.quantity for line in cart.lines),
        "currency": shop.settings.currency,
        "completed_at": local_time(shop, cart.completed_at),
        "closed_at": None,
        "user_id": None,
        "location_id": None,
        "source_identifier": None,
        "source_url": None,
        "device_id": None,
        "phone": cart.phone,
        "customer_locale": cart.locale,
        "line_items": [_checkout_line(line) for line in cart.lines],
        "name": f"#{cart.id}",
        "source": None,
        "abandoned_checkout_url": shop.recovery_url(cart),
        "discount_codes": [],
        "tax_lines": [],
        "source_name": "web",
        "presentment_currency": shop.settings.currency,
        "buyer_accepts_sms_marketing": False,
        "sms_marketing_phone": None,
        "total_discounts": "0.00",
        "total_line_items_price": total,
        "total_price": total,
        "total_tax": "0.00",
        "subtotal_price": total,
        "total_duties": None,
        "reservation_token": None,
        "billing_address": address(cart.address) if cart.address else None,
        "shipping_address": address(cart.address) if cart.address else None,
        "customer": _embedded_customer(shop, cart.customer) if cart.customer else None,
    }


def deleted_checkout(shop: Shop, cart: Checkout) -> dict[str, Any]:
    """Body of checkouts/delete: the cart's token, and not the checkout's."""
    total = amount(cart.subtotal)
    return {
        "id": cart.id,
        "presentment_currency": shop.settings.currency,
        "buyer_accepts_sms_marketing": False,
        "sms_marketing_phone": None,
        "total_discounts": "0.00",
        "total_line_items_price": total,
        "total_price": total,
        "total_tax": "0.00",
        "subtotal_price": total,
        "cart_token": cart.cart_token,
        "total_duties": None,
        "reservation_token": None,
    }


def order(shop: Shop, sale: Order) -> dict[str, Any]:
    """Body of the orders/* topics but edited and delete."""
    currency = shop.settings.currency
    values = dict.fromkeys(_ORDER_MONEY, Decimal(0))
    for name in ("subtotal_price", "total_price"):
        values[name] = sale.subtotal
    values["total_line_items_price"] = sale.full_price
    values["total_discounts"] = values["current_total_discounts"] = sale.discount
    values["current_subtotal_price"] = values["current_total_price"] = sale.worth
    money: dict[str, Any] = {}
    for name, value in values.items():
        money[f"{name}_set"] = money_set(value, currency, sale)
        if name not in _SET_ONLY:
            money[name] = amount(value)
    return {
        **money,
        "id": sale.id,
        "admin_graphql_api_id": f"gid://shopify/Order/{sale.id}",
        "app_id": None,
        "browser_ip": None,
        "buyer_accepts_marketing": sale.accepts_marketing,
        "cancel_reason": sale.cancel_reason,
        "cancelled_at": local_time(shop, sale.cancelled_at),
        "cart_token": sale.cart_token,
        "checkout_token": sale.checkout_token,
        "client_details": None,
        "closed_at": None,
        "confirmation_number": sale.token[:9].upper(),
        "confirmed": True,
        "contact_email": sale.email,
        "created_at": local_time(shop, sale.created_at),
        "currency": currency,
        "current_total_additional_fees_set": None,
        "current_total_duties_set": None,
        "customer_locale": sale.locale,
        "device_id": None,
        "discount_codes": [{"code": sale.discount_code, "amount": amount(sale.discount), "type": "fixed_amount"}]
        if sale.discount_code
        else [],
        "duties_included": False,
        "email": sale.email,
        "estimated_taxes": False,
        "financial_status": sale.financial_status,
        "fulfillment_status": sale.fulfillment_status,
        "landing_site": "/",
        "landing_site_ref": None,
        "location_id": None,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": None,
        "name": sale.name,
        "note": None,
        "note_attributes": [],
        "number": sale.number - 1000,
        "order_number": sale.number,
        "order_status_url": f"{shop.base_url}/orders/{sale.token}/authenticate?key={sale.token[::-1]}",
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "payment_gateway_names": ["bogus"],
        "phone": sale.phone,
        "po_number": None,
        "presentment_currency": sale.presentment_currency or currency,
        "processed_at": local_time(shop, sale.created_at),
        "reference": None,
        "referring_site": "",
        "source_identifier": None,
        "source_name": "web",
        "source_url": None,
        "tags": "",
        "tax_exempt": False,
        "tax_lines": [],
        "taxes_included": True,
        "test": sale.test,
        "token": sale.token,
        "total_outstanding": "0.00",
        "total_tip_received": "0.00",
        "total_weight": sum(line.variant.grams * line.quantity for line in sale.lines),
        "updated_at": local_time(shop, sale.updated_at),
        "user_id": None,
        "billing_address": address(sale.address),
        "customer": _embedded_customer(shop, sale.customer),
        "discount_applications": [],
        "fulfillments": [order_payloads.fulfillment(shop, parcel) for parcel in sale.fulfillments],
        "line_items": [order_line(line, currency, sale) for line in sale.lines],
        "payment_terms": None,
        "refunds": [order_payloads.refund(shop, given) for given in sale.refunds],
        "shipping_address": address(sale.address),
        "shipping_lines": [_shipping_line(sale, currency)],
        "returns": [],
        "line_item_groups": [],
    }


def _embedded_customer(shop: Shop, person: Customer) -> dict[str, Any]:
    return {
        "id": person.id,
        "created_at": local_time(shop, person.created_at),
        "updated_at": local_time(shop, person.updated_at),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "state": "disabled",
        "note": person.note,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": person.email,
        "phone": person.phone,
        "currency": shop.settings.currency,
        "tax_exemptions": [],
        "admin_graphql_api_id": f"gid://shopify/Customer/{person.id}",
        "default_address": _default_address(person, person.address) if person.address else None,
    }


def _default_address(person: Customer, home: Address) -> dict[str, Any]:
    return {
        "id": home.id,
        "customer_id": person.id,
        "first_name": home.first_name,
        "last_name": home.last_name,
        "company": home.company,
        "address1": home.address1,
        "address2": home.address2,
        "city": home.city,
        "province": home.province,
        "country": home.country,
        "zip": home.zip,
        "phone": home.phone,
        "name": home.name,
        "province_code": home.province_code,
        "country_code": home.country_code,
        "country_name": home.country,
        "default": True,
    }


def _checkout_line(line: Line) -> dict[str, Any]:
    variant = line.variant
    return {
        "applied_discounts": [],
        "discount_allocations": [],
        "key": f"{line.id:032x}",
        "destination_location_id": None,
        "fulfillment_service": "manual",
        "gift_card": False,
        "grams": variant.grams,
        "origin_location_id": None,
        "presentment_title": variant.product.title,
        "presentment_variant_title": variant_title(line) or "",
        "product_id": variant.product.id,
        "properties": None,
        "quantity": line.quantity,
        "requires_shipping": True,
        "sku": variant.sku,
        "tax_lines": [],
        "taxable": True,
        "title": variant.product.title,
        "variant_id": variant.id,
        "variant_title": variant_title(line) or "",
        "variant_price": amount(variant.price),
        "vendor": variant.product.vendor,
        "user_id": None,
        "unit_price_measurement": dict.fromkeys(
            ("measured_type", "quantity_value", "quantity_unit", "reference_value", "reference_unit")
        ),
        "rank": None,
        "compare_at_price": amount(variant.compare_at_price) if variant.compare_at_price else None,
        "line_price": amount(line.total),
        "price": amount(variant.price),
    }


def _shipping_line(sale: Order, currency: str) -> dict[str, Any]:
    free = money_set(Decimal(0), currency, sale)
    return {
        "id": sale.id + 1_000_000_000_000,
        "carrier_identifier": None,
        "code": "Standard",
        "current_discounted_price_set": free,
        "discounted_price": "0.00",
        "discounted_price_set": free,
        "is_removed": False,
        "phone": None,
        "price": "0.00",
        "price_set": free,
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": "Standard",
        "tax_lines": [],
        "discount_allocations": [],
    }
