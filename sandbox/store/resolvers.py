"""How a shop's records answer the fields of the Admin API.

A field without a resolver of its own is read from the record's attribute, or the dict's key, of the same name
in snake case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from sandbox.store import pages
from sandbox.store.bulk.operation import Operation
from sandbox.store.discounts import Discount
from sandbox.store.records import (
    INVENTORY_ITEM_OFFSET,
    Address,
    Checkout,
    Collection,
    Customer,
    Fulfillment,
    Line,
    Order,
    Product,
    Refund,
    Segment,
    Subscription,
    Variant,
)
from sandbox.store.shop import Shop
from sandbox.store.topics import enum_name
from sandbox.store.values import (
    abandoned_lines,
    bag_of,
    constant,
    email_address,
    formatted_area,
    gid,
    image,
    legacy_id,
    line_name,
    media,
    money,
    own_id,
    phone_number,
    price_range,
    variant_title,
    zero,
)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


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


def _item(variant: Variant | None) -> InventoryItem | None:
    return None if variant is None else InventoryItem(variant)


@dataclass(frozen=True, slots=True)
class SoldLine(Line):
    """A line of an order with what is left of it."""

    current_quantity: int
    order: Order


def _sold(sale: Order) -> list[SoldLine]:
    return [SoldLine(line.id, line.variant, line.quantity, sale.left(line), sale) for line in sale.lines]


def _lying_in(shop: Shop, collection: Collection) -> list[Product]:
    return [goods for goods in shop.products.values() if collection in goods.collections]


# Single records

_BY_KIND: dict[str, Callable[[Shop, int], Any]] = {
    "Customer": lambda shop, number: shop.customers.get(number),
    "Order": lambda shop, number: shop.orders.get(number),
    "Product": lambda shop, number: shop.products.get(number),
    "ProductVariant": lambda shop, number: shop.find_variant(number),
    "InventoryItem": lambda shop, number: _item(shop.find_variant(number - INVENTORY_ITEM_OFFSET)),
    "Collection": lambda shop, number: shop.collections.get(number),
    "AbandonedCheckout": lambda shop, number: next((c for c in shop.checkouts.values() if c.id == number), None),
    "WebhookSubscription": lambda shop, number: shop.subscriptions.get(number),
    "Segment": lambda shop, number: shop.segments.get(number),
    "BulkOperation": lambda shop, number: shop.bulk_operations.get(number),
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
    Segment: "Segment",
    Operation: "BulkOperation",
    Address: "MailingAddress",
    Discount: "DiscountCodeBasic",
}


def find(asked: pages.Asked, global_id: str) -> Any:
    """The record of a global id, or None. Raises GraphQLError for text that is no global id."""
    match = re.fullmatch(r"gid://shopify/(\w+)/(\d+)", global_id)
    if not match:
        raise GraphQLError(f"Invalid global id '{global_id}'", extensions={"code": "INVALID"})
    reader = _BY_KIND.get(match[1])
    return _seen(asked, reader(asked.shop, int(match[2]))) if reader else None


def _seen(asked: pages.Asked, record: Any) -> Any:
    """Nothing in place of an order that is too old for the app's scopes."""
    return record if not isinstance(record, Order) or pages.seen(asked, [record]) else None


def _single(kind: str) -> Callable[..., Any]:
    def one(source: Any, info: GraphQLResolveInfo, id: str) -> Any:
        number = number_of(id, kind)
        return None if number is None else _seen(info.context, _BY_KIND[kind](info.context.shop, number))

    return one


def _by_identifier(source: Any, info: GraphQLResolveInfo, identifier: dict[str, str]) -> Customer | None:
    shop: Shop = info.context.shop
    if "id" in identifier:
        return _single("Customer")(source, info, identifier["id"])
    if "emailAddress" in identifier:
        return shop.customer_by_email(identifier["emailAddress"])
    return next((c for c in shop.customers.values() if c.phone == identifier.get("phoneNumber")), None)


def _memberships(source: Any, info: GraphQLResolveInfo, customerId: str, segmentIds: list[str]) -> dict[str, Any]:
    number, segments = number_of(customerId, "Customer"), info.context.shop.segments
    found = {one: segments.get(number_of(one, "Segment") or 0) for one in segmentIds}
    return {
        "memberships": [
            {"segment_id": one, "is_member": number in segment.members} for one, segment in found.items() if segment
        ]
    }


def node_type(source: Any, info: Any, abstract: Any) -> str | None:
    return source.get("__typename") if isinstance(source, Mapping) else _KIND_OF.get(type(source))


_FULFILLED = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}

_LINE: dict[str, Callable[..., Any]] = {
    "title": lambda line, info: line.variant.product.title,
    "variantTitle": variant_title,
    "sku": lambda line, info: line.variant.sku,
    "product": lambda line, info: line.variant.product,
    "image": lambda line, info: image(line.variant.product),
    "customAttributes": constant([]),
    "originalUnitPriceSet": bag_of(lambda line: line.variant.price),
    "discountedUnitPriceSet": bag_of(lambda line: line.variant.price),
}

# What the platform calls it -> how our records answer it.
RESOLVERS: dict[str, dict[str, Callable[..., Any]]] = {
    "QueryRoot": {
        "segment": _single("Segment"),
        "segments": pages.segments,
        "customerSegmentMembership": _memberships,
        "shop": lambda source, info: info.context.shop,
        "currentAppInstallation": lambda source, info: info.context.shop,
        "node": lambda source, info, id: find(info.context, id),
        "nodes": lambda source, info, ids: [find(info.context, id) for id in ids],
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
        "productsCount": pages.count_of(pages.products, pages.PRODUCT_FIELDS),
        "productVariant": _single("ProductVariant"),
        "bulkOperation": _single("BulkOperation"),
        "bulkOperations": pages.bulk_operations,
        "collection": _single("Collection"),
        "collections": pages.list_of(pages.collections, pages.COLLECTION_FIELDS),
        "collectionsCount": pages.count_of(pages.collections, pages.COLLECTION_FIELDS),
        "webhookSubscription": _single("WebhookSubscription"),
        "webhookSubscriptions": pages.subscriptions,
    },
    "AppInstallation": {
        "id": own_id("AppInstallation"),
        "accessScopes": lambda shop, info: [
            {"handle": scope, "description": scope.replace("_", " ").capitalize()}
            for scope in sorted(shop.installation.scopes)
        ],
    },
    "Shop": {
        "id": own_id("Shop"),
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
        "shopAddress": lambda shop, info: {
            "id": gid("ShopAddress", shop.id),
            "company": shop.settings.name or shop.domain.split(".")[0].title(),
            "country": shop.settings.country,
            "country_code_v2": shop.settings.country_code,
        },
        "currencyCode": lambda shop, info: shop.settings.currency,
        "ianaTimezone": lambda shop, info: shop.settings.timezone,
        "timezoneOffset": lambda shop, info: shop.offset(info.context.now),
        "shopOwnerName": constant("Robin Owner"),
        "weightUnit": constant("GRAMS"),
        "createdAt": lambda shop, info: shop.opened_at,
        "updatedAt": lambda shop, info: shop.opened_at,
        "plan": constant({"partner_development": True, "public_display_name": "Basic", "shopify_plus": False}),
    },
    "Customer": {
        "id": own_id("Customer"),
        "legacyResourceId": legacy_id,
        "displayName": lambda c, info: " ".join(n for n in (c.first_name, c.last_name) if n) or c.email or c.phone,
        "state": constant("DISABLED"),
        "verifiedEmail": constant(True),
        "taxExempt": constant(False),
        "dataSaleOptOut": constant(False),
        "canDelete": lambda c, info: not c.orders,
        "productSubscriberStatus": constant("NEVER_SUBSCRIBED"),
        "statistics": constant({}),
        "metafield": lambda c, info, key, namespace=None: next(
            (one for one in c.metafields if (one.namespace, one.key) == (namespace, key)), None
        ),
        "metafields": pages.metafields,
        "numberOfOrders": lambda c, info: str(len(c.orders)),
        "amountSpent": lambda c, info: money(info.context.shop.spent(c), info),
        "lastOrder": lambda c, info: c.orders[-1] if c.orders else None,
        "orders": pages.orders_of_customer,
        "defaultEmailAddress": email_address,
        "defaultPhoneNumber": phone_number,
        "defaultAddress": lambda c, info: c.address,
        "addressesV2": lambda c, info, **arguments: pages.page([c.address] if c.address else [], arguments),
    },
    "Metafield": {"id": own_id("Metafield"), "legacyResourceId": legacy_id},
    "Segment": {"id": own_id("Segment")},
    "MailingAddress": {
        "id": own_id("MailingAddress"),
        "countryCodeV2": lambda place, info: place.country_code,
        "formattedArea": formatted_area,
    },
    "Order": {
        "id": own_id("Order"),
        "legacyResourceId": legacy_id,
        "processedAt": lambda o, info: o.created_at,
        "cancelReason": lambda o, info: o.cancel_reason.upper() if o.cancel_reason else None,
        "closed": constant(False),
        "confirmed": constant(True),
        "confirmationNumber": lambda o, info: o.token[:9].upper(),
        "currencyCode": lambda o, info: info.context.shop.settings.currency,
        "presentmentCurrencyCode": lambda o, info: o.presentment_currency or info.context.shop.settings.currency,
        "displayFinancialStatus": lambda o, info: o.financial_status.upper(),
        "displayFulfillmentStatus": lambda o, info: _FULFILLED[o.fulfillment_status],
        "fulfillments": lambda o, info, first=None, query=None: o.fulfillments[:first],
        "refunds": lambda o, info, first=None: o.refunds[:first],
        "fullyPaid": lambda o, info: o.financial_status == "paid",
        "unpaid": lambda o, info: o.financial_status == "pending",
        "customerLocale": lambda o, info: o.locale,
        "customerAcceptsMarketing": lambda o, info: o.accepts_marketing,
        "discountCodes": lambda o, info: [o.discount_code] if o.discount_code else [],
        "lineItems": lambda o, info, **arguments: pages.page(_sold(o), arguments),
        "shippingAddress": lambda o, info: o.address,
        "billingAddress": lambda o, info: o.address,
        "subtotalLineItemsQuantity": lambda o, info: sum(line.quantity for line in o.lines),
        "currentSubtotalLineItemsQuantity": lambda o, info: (
            0 if o.cancelled_at else sum(o.left(line) for line in o.lines)
        ),
        "subtotalPriceSet": bag_of(lambda o: o.subtotal),
        "totalPriceSet": bag_of(lambda o: o.subtotal),
        "originalTotalPriceSet": bag_of(lambda o: o.subtotal),
        "currentSubtotalPriceSet": bag_of(lambda o: o.worth),
        "currentTotalPriceSet": bag_of(lambda o: o.worth),
        "totalReceivedSet": bag_of(lambda o: o.subtotal),
        "netPaymentSet": bag_of(lambda o: o.subtotal - o.refunded),
        "totalRefundedSet": bag_of(lambda o: o.refunded),
        "totalDiscountsSet": bag_of(lambda o: o.discount),
        "currentTotalDiscountsSet": bag_of(lambda o: o.discount),
        **{
            name: bag_of(zero)
            for name in (
                "totalShippingPriceSet",
                "totalTaxSet",
                "currentTotalTaxSet",
                "totalOutstandingSet",
            )
        },
        "taxesIncluded": constant(True),
        "tags": constant([]),
        "customAttributes": constant([]),
        "paymentGatewayNames": constant(["bogus"]),
        "statusPageUrl": lambda o, info: f"{info.context.shop.base_url}/orders/{o.token}/authenticate",
        "sourceName": constant("web"),
        "requiresShipping": constant(True),
    },
    "LineItem": {
        **_LINE,
        "id": own_id("LineItem"),
        "name": line_name,
        "vendor": lambda line, info: line.variant.product.vendor,
        "isGiftCard": constant(False),
        "requiresShipping": constant(True),
        "taxable": constant(True),
        "originalTotalSet": bag_of(lambda line: line.total),
        "discountedTotalSet": bag_of(lambda line: line.total),
        "totalDiscountSet": bag_of(zero),
    },
    "AbandonedCheckoutLineItem": {
        **_LINE,
        "id": own_id("AbandonedCheckoutLineItem"),
        "originalTotalPriceSet": bag_of(lambda line: line.total),
        "discountedTotalPriceSet": bag_of(lambda line: line.total),
    },
    "AbandonedCheckout": {
        "id": own_id("AbandonedCheckout"),
        "name": lambda c, info: f"#{c.id}",
        "note": constant(""),
        "defaultCursor": lambda c, info: pages.cursor(c),
        "abandonedCheckoutUrl": lambda c, info: info.context.shop.recovery_url(c),
        "lineItems": abandoned_lines,
        "discountCodes": constant([]),
        "customAttributes": constant([]),
        "shippingAddress": lambda c, info: c.address,
        "billingAddress": lambda c, info: c.address,
        "subtotalPriceSet": bag_of(lambda c: c.subtotal),
        "totalPriceSet": bag_of(lambda c: c.subtotal),
        "totalLineItemsPriceSet": bag_of(lambda c: c.subtotal),
        "totalDiscountSet": bag_of(zero),
        "totalTaxSet": bag_of(zero),
        "taxesIncluded": constant(True),
    },
    "Fulfillment": {
        "id": own_id("Fulfillment"),
        "legacyResourceId": legacy_id,
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
        "id": own_id("Refund"),
        "legacyResourceId": legacy_id,
        "processedAt": lambda r, info: r.created_at,
        "totalRefundedSet": bag_of(lambda r: r.amount),
    },
    "Collection": {
        "id": own_id("Collection"),
        "legacyResourceId": legacy_id,
        "image": constant(None),
        "products": lambda c, info, **arguments: pages.page(_lying_in(info.context.shop, c), arguments),
        "productsCount": lambda c, info: {"count": len(_lying_in(info.context.shop, c)), "precision": "EXACT"},
    },
    "InventoryItem": {
        "id": own_id("InventoryItem"),
        "legacyResourceId": legacy_id,
        "sku": lambda item, info: item.variant.sku,
        "tracked": constant(True),
        "variants": lambda item, info, **arguments: pages.page([item.variant], arguments),
    },
    "Product": {
        "id": own_id("Product"),
        "legacyResourceId": legacy_id,
        "status": lambda p, info: p.status.upper(),
        "collections": lambda p, info, **arguments: pages.page(p.collections, arguments),
        "descriptionHtml": lambda p, info: f"<p>{p.description}</p>",
        "description": lambda p, info, truncateAt=None: p.description[:truncateAt],
        "publishedAt": lambda p, info: p.created_at,
        "onlineStoreUrl": lambda p, info: f"{info.context.shop.base_url}/products/{p.handle}",
        "totalInventory": lambda p, info: sum(v.inventory_quantity for v in p.variants),
        "tracksInventory": constant(True),
        "hasOnlyDefaultVariant": lambda p, info: p.variants[0].title == "Default Title",
        "isGiftCard": constant(False),
        "featuredMedia": media,
        "featuredImage": lambda p, info: image(p),
        "priceRangeV2": price_range,
        "variants": lambda p, info, **arguments: pages.page(p.variants, arguments),
        "variantsCount": lambda p, info: {"count": len(p.variants), "precision": "EXACT"},
    },
    "ProductVariant": {
        "id": own_id("ProductVariant"),
        "legacyResourceId": legacy_id,
        "displayName": lambda v, info: f"{v.product.title} - {v.title}",
        "availableForSale": lambda v, info: v.inventory_quantity > 0,
        "inventoryItem": lambda v, info: InventoryItem(v),
        "image": lambda v, info: image(v.product),
        "createdAt": lambda v, info: v.product.created_at,
        "updatedAt": lambda v, info: v.product.updated_at,
        "selectedOptions": lambda v, info: [{"name": "Title", "value": v.title}],
        "taxable": constant(True),
    },
    "WebhookSubscription": {
        "id": own_id("WebhookSubscription"),
        "legacyResourceId": legacy_id,
        "topic": lambda s, info: enum_name(s.topic),
        "callbackUrl": lambda s, info: s.uri,
        "endpoint": lambda s, info: {"__typename": "WebhookHttpEndpoint", "callback_url": s.uri},
        "format": constant("JSON"),
        "apiVersion": lambda s, info: {
            "display_name": s.api_version,
            "handle": s.api_version,
            "supported": True,
        },
    },
}
