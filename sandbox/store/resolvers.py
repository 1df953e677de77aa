"""How a shop's records answer the fields of the Admin API.

A field without a resolver of its own is read from the record's attribute, or the dict's key, of the same name
in snake case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from sandbox.store import pages
from sandbox.store.records import (
    Address,
    Checkout,
    Collection,
    Consent,
    Customer,
    Fulfillment,
    Line,
    Order,
    Product,
    Refund,
    Subscription,
    Variant,
)
from sandbox.store.shop import Shop
from sandbox.store.topics import enum_name


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def number_of(global_id: str, kind: str) -> int | None:
    """The number in a global id of `kind`, else None."""
    match = re.fullmatch(rf"gid://shopify/{kind}/(\d+)", global_id)
    return int(match[1]) if match else None


def read(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    """The resolver of fields that have none of their own."""
    name = snake(info.field_name)
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


@dataclass(frozen=True)
class InventoryItem:
    """What is counted of a variant."""

    variant: Variant

    @property
    def id(self) -> int:
        return self.variant.inventory_item_id


@dataclass(frozen=True)
class SoldLine(Line):
    """A line of an order with what is left of it."""

    current_quantity: int


def _sold(sale: Order) -> list[SoldLine]:
    return [SoldLine(line.id, line.variant, line.quantity, sale.left(line)) for line in sale.lines]


# Single records

_BY_KIND: dict[str, Callable[[Shop, int], Any]] = {
    "Customer": lambda shop, number: shop.customers.get(number),
    "Order": lambda shop, number: shop.orders.get(number),
    "Product": lambda shop, number: shop.products.get(number),
    "ProductVariant": lambda shop, number: next((v for v in shop.variants() if v.id == number), None),
    "InventoryItem": lambda shop, number: next(
        (InventoryItem(v) for v in shop.variants() if v.inventory_item_id == number), None
    ),
    "Collection": lambda shop, number: shop.collections.get(number),
    "AbandonedCheckout": lambda shop, number: next((c for c in shop.checkouts.values() if c.id == number), None),
    "WebhookSubscription": lambda shop, number: shop.subscriptions.get(number),
}
_KIND_OF: dict[type, str] = {
    Customer: "Customer",
    Order: "Order",
    Product: "Product",
    Variant: "ProductVariant",
    Collection: "Collection",
    InventoryItem: "InventoryItem",
    Fulfillment: "Fulfillment",
    Refund: "Refund",
    Checkout: "AbandonedCheckout",
    Subscription: "WebhookSubscription",
    Address: "MailingAddress",
}


def find(shop: Shop, global_id: str) -> Any:
    """The record of a global id, or None. Raises GraphQLError for text that is no global id."""
    match = re.fullmatch(r"gid://shopify/(\w+)/(\d+)", global_id)
    if not match:
        raise GraphQLError(f"Invalid global id '{global_id}'", extensions={"code": "INVALID"})
    reader = _BY_KIND.get(match[1])
    return reader(shop, int(match[2])) if reader else None


def _single(kind: str) -> Callable[..., Any]:
    def one(source: Any, info: GraphQLResolveInfo, id: str) -> Any:
        number = number_of(id, kind)
        return None if number is None else _BY_KIND[kind](info.context.shop, number)

    return one


def _by_identifier(source: Any, info: GraphQLResolveInfo, identifier: dict[str, str]) -> Customer | None:
    shop: Shop = info.context.shop
    if "id" in identifier:
        return _single("Customer")(source, info, identifier["id"])
    if "emailAddress" in identifier:
        return shop.customer_by_email(identifier["emailAddress"])
    return next((c for c in shop.customers.values() if c.phone == identifier.get("phoneNumber")), None)


# Values


def _money(value: Decimal, info: GraphQLResolveInfo) -> dict[str, str]:
    return {"amount": f"{value:.2f}", "currency_code": info.context.shop.settings.currency}


def _bag(value: Decimal, info: GraphQLResolveInfo) -> dict[str, Any]:
    money = _money(value, info)
    return {"shop_money": money, "presentment_money": money}


def _bag_of(value: Callable[[Any], Decimal]) -> Callable[..., Any]:
    return lambda source, info, **arguments: _bag(value(source), info)


def _zero(source: Any) -> Decimal:
    return Decimal(0)


def _image(product: Product) -> dict[str, Any]:
    url = product.image_url
    size = {"width": 600, "height": 600}
    return {"id": gid("ProductImage", product.id), "url": url, "src": url, "alt_text": product.title, **size}


def _media(product: Product, info: GraphQLResolveInfo) -> dict[str, Any]:
    image = _image(product)
    return {
        "__typename": "MediaImage",
        "id": gid("MediaImage", product.id),
        "alt": product.title,
        "image": image,
        "preview": {"image": image, "status": "READY"},
        "media_content_type": "IMAGE",
        "status": "READY",
    }


def _email_address(person: Customer, info: GraphQLResolveInfo) -> dict[str, Any]:
    consent: Consent = person.consent
    return {
        "email_address": person.email,
        "marketing_state": consent.state.upper(),
        "marketing_opt_in_level": consent.opt_in_level.upper() if consent.opt_in_level else None,
        "marketing_updated_at": consent.updated_at,
        "marketing_unsubscribe_url": f"{info.context.shop.base_url}/account/unsubscribe/{person.id}",
        "open_tracking_level": "UNKNOWN",
        "valid_format": True,
    }


def _phone_number(person: Customer, info: GraphQLResolveInfo) -> dict[str, Any] | None:
    if not person.phone:
        return None
    never = {"state": "NEVER_SUBSCRIBED"}
    return {
        "phone_number": person.phone,
        "marketing_state": "NOT_SUBSCRIBED",
        "sms_marketing_consent": never,
        "whats_app_marketing_consent": never,
    }


def _price_range(product: Product, info: GraphQLResolveInfo) -> dict[str, Any]:
    prices = [variant.price for variant in product.variants]
    return {"min_variant_price": _money(min(prices), info), "max_variant_price": _money(max(prices), info)}


def _constant(value: Any) -> Callable[..., Any]:
    return lambda source, info, **arguments: value


def _own_id(kind: str) -> Callable[..., str]:
    return lambda source, info: gid(kind, source.id)


def _legacy_id(source: Any, info: GraphQLResolveInfo) -> str:
    return str(source.id)


def _formatted_area(place: Address, info: GraphQLResolveInfo) -> str:
    return ", ".join(part for part in (place.city, place.province_code, place.country) if part)


def _variant_title(line: Line, info: GraphQLResolveInfo) -> str | None:
    return None if line.variant.title == "Default Title" else line.variant.title


def _line_name(line: Line, info: GraphQLResolveInfo) -> str:
    title = _variant_title(line, info)
    return f"{line.variant.product.title} - {title}" if title else line.variant.product.title


def _abandoned_lines(cart: Checkout, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    return pages.page(cart.lines, arguments)


def node_type(source: Any, info: Any, abstract: Any) -> str | None:
    return source.get("__typename") if isinstance(source, Mapping) else _KIND_OF.get(type(source))


_FULFILLED = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}

_LINE: dict[str, Callable[..., Any]] = {
    "title": lambda line, info: line.variant.product.title,
    "variantTitle": _variant_title,
    "sku": lambda line, info: line.variant.sku,
    "product": lambda line, info: line.variant.product,
    "image": lambda line, info: _image(line.variant.product),
    "customAttributes": _constant([]),
    "originalUnitPriceSet": _bag_of(lambda line: line.variant.price),
    "discountedUnitPriceSet": _bag_of(lambda line: line.variant.price),
}

# What the platform calls it -> how our records answer it.
RESOLVERS: dict[str, dict[str, Callable[..., Any]]] = {
    "QueryRoot": {
        "shop": lambda source, info: info.context.shop,
        "currentAppInstallation": lambda source, info: info.context.shop,
        "node": lambda source, info, id: find(info.context.shop, id),
        "nodes": lambda source, info, ids: [find(info.context.shop, id) for id in ids],
        "customer": _single("Customer"),
        "customerByIdentifier": _by_identifier,
        "customers": pages.list_of(pages.customers, pages.CUSTOMER_FIELDS),
        "customersCount": pages.count_of(pages.customers, pages.CUSTOMER_FIELDS),
        "order": _single("Order"),
        "orders": pages.list_of(pages.orders, pages.ORDER_FIELDS),
        "ordersCount": pages.count_of(pages.orders, pages.ORDER_FIELDS),
        "abandonedCheckouts": pages.list_of(pages.abandoned, pages.CHECKOUT_FIELDS),
        "abandonedCheckoutsCount": pages.count_of(pages.abandoned, pages.CHECKOUT_FIELDS),
        "product": _single("Product"),
        "products": pages.list_of(pages.products, pages.PRODUCT_FIELDS),
        "productVariant": _single("ProductVariant"),
        "webhookSubscription": _single("WebhookSubscription"),
        "webhookSubscriptions": pages.subscriptions,
    },
    "AppInstallation": {
        "id": _own_id("AppInstallation"),
        "accessScopes": lambda shop, info: [
            {"handle": scope, "description": scope.replace("_", " ").capitalize()} for scope in sorted(shop.scopes)
        ],
    },
    "Shop": {
        "id": _own_id("Shop"),
        "name": lambda shop, info: shop.settings.name or shop.domain.split(".")[0].title(),
        "email": lambda shop, info: f"owner@{shop.domain.split('.')[0]}.example",
        "contactEmail": lambda shop, info: f"hello@{shop.domain.split('.')[0]}.example",
        "myshopifyDomain": lambda shop, info: shop.domain,
        "primaryDomain": lambda shop, info: {
            "id": gid("Domain", shop.id),
            "host": shop.domain,
            "url": shop.base_url,
            "ssl_enabled": True,
        },
        "url": lambda shop, info: shop.base_url,
        "currencyCode": lambda shop, info: shop.settings.currency,
        "ianaTimezone": lambda shop, info: shop.settings.timezone,
        "timezoneOffset": lambda shop, info: shop.offset(info.context.now),
        "shopOwnerName": _constant("Robin Owner"),
        "weightUnit": _constant("GRAMS"),
        "createdAt": lambda shop, info: shop.opened_at,
        "updatedAt": lambda shop, info: shop.opened_at,
        "plan": _constant({"partner_development": True, "public_display_name": "Basic", "shopify_plus": False}),
    },
    "Customer": {
        "id": _own_id("Customer"),
        "legacyResourceId": _legacy_id,
        "displayName": lambda c, info: " ".join(n for n in (c.first_name, c.last_name) if n) or c.email,
        "state": _constant("DISABLED"),
        "verifiedEmail": _constant(True),
        "taxExempt": _constant(False),
        "dataSaleOptOut": _constant(False),
        "canDelete": lambda c, info: not c.orders,
        "productSubscriberStatus": _constant("NEVER_SUBSCRIBED"),
        "statistics": _constant({}),
        "metafield": _constant(None),
        "numberOfOrders": lambda c, info: str(len(c.orders)),
        "amountSpent": lambda c, info: _money(info.context.shop.spent(c), info),
        "lastOrder": lambda c, info: c.orders[-1] if c.orders else None,
        "orders": pages.orders_of_customer,
        "defaultEmailAddress": _email_address,
        "defaultPhoneNumber": _phone_number,
        "defaultAddress": lambda c, info: c.address,
        "addressesV2": lambda c, info, **arguments: pages.page([c.address] if c.address else [], arguments),
    },
    "MailingAddress": {
        "id": _own_id("MailingAddress"),
        "countryCodeV2": lambda place, info: place.country_code,
        "formattedArea": _formatted_area,
    },
    "Order": {
        "id": _own_id("Order"),
        "legacyResourceId": _legacy_id,
        "processedAt": lambda o, info: o.created_at,
        "cancelReason": lambda o, info: o.cancel_reason.upper() if o.cancel_reason else None,
        "closed": _constant(False),
        "confirmed": _constant(True),
        "confirmationNumber": lambda o, info: o.token[:9].upper(),
        "currencyCode": lambda o, info: info.context.shop.settings.currency,
        "presentmentCurrencyCode": lambda o, info: info.context.shop.settings.currency,
        "displayFinancialStatus": lambda o, info: o.financial_status.upper(),
        "displayFulfillmentStatus": lambda o, info: _FULFILLED[o.fulfillment_status],
        "fulfillments": lambda o, info, first=None, query=None: o.fulfillments[:first],
        "refunds": lambda o, info, first=None: o.refunds[:first],
        "fullyPaid": lambda o, info: o.financial_status == "paid",
        "unpaid": lambda o, info: o.financial_status == "pending",
        "customerLocale": lambda o, info: o.locale,
        "customerAcceptsMarketing": lambda o, info: o.accepts_marketing,
        "discountCodes": _constant([]),
        "lineItems": lambda o, info, **arguments: pages.page(_sold(o), arguments),
        "shippingAddress": lambda o, info: o.address,
        "billingAddress": lambda o, info: o.address,
        "subtotalLineItemsQuantity": lambda o, info: sum(line.quantity for line in o.lines),
        "currentSubtotalLineItemsQuantity": lambda o, info: (
            0 if o.cancelled_at else sum(o.left(line) for line in o.lines)
        ),
        "subtotalPriceSet": _bag_of(lambda o: o.subtotal),
        "totalPriceSet": _bag_of(lambda o: o.subtotal),
        "originalTotalPriceSet": _bag_of(lambda o: o.subtotal),
        "currentSubtotalPriceSet": _bag_of(lambda o: o.worth),
        "currentTotalPriceSet": _bag_of(lambda o: o.worth),
        "totalReceivedSet": _bag_of(lambda o: o.subtotal),
        "netPaymentSet": _bag_of(lambda o: o.subtotal - o.refunded),
        "totalRefundedSet": _bag_of(lambda o: o.refunded),
        **{
            name: _bag_of(_zero)
            for name in (
                "totalDiscountsSet",
                "currentTotalDiscountsSet",
                "totalShippingPriceSet",
                "totalTaxSet",
                "currentTotalTaxSet",
                "totalOutstandingSet",
            )
        },
        "taxesIncluded": _constant(True),
        "tags": _constant([]),
        "customAttributes": _constant([]),
        "paymentGatewayNames": _constant(["bogus"]),
        "statusPageUrl": lambda o, info: f"{info.context.shop.base_url}/orders/{o.token}/authenticate",
        "sourceName": _constant("web"),
        "requiresShipping": _constant(True),
    },
    "LineItem": {
        **_LINE,
        "id": _own_id("LineItem"),
        "name": _line_name,
        "vendor": lambda line, info: line.variant.product.vendor,
        "isGiftCard": _constant(False),
        "requiresShipping": _constant(True),
        "taxable": _constant(True),
        "originalTotalSet": _bag_of(lambda line: line.total),
        "discountedTotalSet": _bag_of(lambda line: line.total),
        "totalDiscountSet": _bag_of(_zero),
    },
    "AbandonedCheckoutLineItem": {
        **_LINE,
        "id": _own_id("AbandonedCheckoutLineItem"),
        "originalTotalPriceSet": _bag_of(lambda line: line.total),
        "discountedTotalPriceSet": _bag_of(lambda line: line.total),
    },
    "AbandonedCheckout": {
        "id": _own_id("AbandonedCheckout"),
        "name": lambda c, info: f"#{c.id}",
        "note": _constant(""),
        "defaultCursor": lambda c, info: pages.cursor(c),
        "abandonedCheckoutUrl": lambda c, info: info.context.shop.recovery_url(c),
        "lineItems": _abandoned_lines,
        "discountCodes": _constant([]),
        "customAttributes": _constant([]),
        "shippingAddress": lambda c, info: c.address,
        "billingAddress": lambda c, info: c.address,
        "subtotalPriceSet": _bag_of(lambda c: c.subtotal),
        "totalPriceSet": _bag_of(lambda c: c.subtotal),
        "totalLineItemsPriceSet": _bag_of(lambda c: c.subtotal),
        "totalDiscountSet": _bag_of(_zero),
        "totalTaxSet": _bag_of(_zero),
        "taxesIncluded": _constant(True),
    },
    "Fulfillment": {
        "id": _own_id("Fulfillment"),
        "legacyResourceId": _legacy_id,
        "name": lambda f, info: f"{f.order.name}.{f.place}",
        "status": lambda f, info: f.status.upper(),
        "displayStatus": lambda f, info: (f.shipment_status or "fulfilled").upper(),
        "trackingInfo": lambda f, info, first=None: (
            [{"company": f.tracking_company, "number": f.tracking_number, "url": f.tracking_url}]
            if f.tracking_number
            else []
        ),
    },
    "Refund": {
        "id": _own_id("Refund"),
        "legacyResourceId": _legacy_id,
        "processedAt": lambda r, info: r.created_at,
        "totalRefundedSet": _bag_of(lambda r: r.amount),
    },
    "Collection": {
        "id": _own_id("Collection"),
        "legacyResourceId": _legacy_id,
        "image": _constant(None),
        "products": lambda c, info, **arguments: pages.page(
            [p for p in info.context.shop.products.values() if c in p.collections], arguments
        ),
    },
    "InventoryItem": {
        "id": _own_id("InventoryItem"),
        "legacyResourceId": _legacy_id,
        "sku": lambda item, info: item.variant.sku,
        "tracked": _constant(True),
        "variants": lambda item, info, **arguments: pages.page([item.variant], arguments),
    },
    "Product": {
        "id": _own_id("Product"),
        "legacyResourceId": _legacy_id,
        "status": lambda p, info: p.status.upper(),
        "collections": lambda p, info, **arguments: pages.page(p.collections, arguments),
        "descriptionHtml": lambda p, info: f"<p>{p.description}</p>",
        "description": lambda p, info, truncateAt=None: p.description[:truncateAt],
        "publishedAt": lambda p, info: p.created_at,
        "onlineStoreUrl": lambda p, info: f"{info.context.shop.base_url}/products/{p.handle}",
        "totalInventory": lambda p, info: sum(v.inventory_quantity for v in p.variants),
        "tracksInventory": _constant(True),
        "hasOnlyDefaultVariant": lambda p, info: p.variants[0].title == "Default Title",
        "isGiftCard": _constant(False),
        "featuredMedia": _media,
        "featuredImage": lambda p, info: _image(p),
        "priceRangeV2": _price_range,
        "variants": lambda p, info, **arguments: pages.page(p.variants, arguments),
        "variantsCount": lambda p, info: {"count": len(p.variants), "precision": "EXACT"},
    },
    "ProductVariant": {
        "id": _own_id("ProductVariant"),
        "legacyResourceId": _legacy_id,
        "displayName": lambda v, info: f"{v.product.title} - {v.title}",
        "availableForSale": lambda v, info: v.inventory_quantity > 0,
        "inventoryItem": lambda v, info: InventoryItem(v),
        "image": lambda v, info: _image(v.product),
        "createdAt": lambda v, info: v.product.created_at,
        "updatedAt": lambda v, info: v.product.updated_at,
        "selectedOptions": lambda v, info: [{"name": "Title", "value": v.title}],
        "taxable": _constant(True),
    },
    "WebhookSubscription": {
        "id": _own_id("WebhookSubscription"),
        "legacyResourceId": _legacy_id,
        "topic": lambda s, info: enum_name(s.topic),
        "callbackUrl": lambda s, info: s.uri,
        "endpoint": lambda s, info: {"__typename": "WebhookHttpEndpoint", "callback_url": s.uri},
        "format": _constant("JSON"),
        "apiVersion": lambda s, info: {
            "display_name": s.api_version,
            "handle": s.api_version,
            "supported": True,
        },
    },
}
