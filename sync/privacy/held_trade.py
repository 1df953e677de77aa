"""What the copies of the store's and the catalogue's records hold of people."""

from __future__ import annotations

from connector.models.catalogue_signal import catalogue_signal_people, catalogue_signals, product_alerts
from connector.models.coupon import coupon_pools, coupons
from connector.models.currency import account_currencies, currency_rates
from connector.models.shown import reviews, shelves, store_looks
from connector.models.store import (
    carts,
    checkouts,
    collections,
    fulfillments,
    inventory_levels,
    orders,
    products,
    variants,
)
from sync.privacy.held import NOTHING, PERSON, Blank, Delete, Held, whose

_MINE = f"({PERSON} OR {whose('id', 'orders')})"

HELD = (
    Held(
        carts,
        "what lies in a cart, which a checkout may name",
        Delete(),
        {"items": "what they want", "total": "for how much", "token": "the store's id of the cart"},
        "shop_id currency created_at source_updated_at",
        whose("token", "carts", "text"),
    ),
    Held(
        checkouts,
        "what the cart flow shows and whether it is still open",
        Delete(),
        {
            "email": "address",
            "items": "what they want",
            "recovery_url": "leads to their checkout",
            "token": "the store's id of the checkout",
            "cart_token": "the store's id of the cart",
            "total": "for how much",
        },
        "shop_id person_id currency created_at source_updated_at completed_at deleted_at",
        f"({PERSON} OR {whose('token', 'checkouts', 'text')})",
    ),
    Held(
        orders,
        "purchases: flows end with them, Brevo shows them",
        Blank(
            "the amount is the merchant's turnover; whose it was is forgotten",
            {
                "name": None,
                "person_id": None,
                "customer_id": None,
                "email": None,
                "checkout_token": None,
                "cart_token": None,
                "counted": None,
                "items": [],
                "discount_codes": [],
                "billing": None,
                "payment_method": None,
                "status_url": None,
            },
        ),
        {
            "name": "the number on their invoice",
            "person_id": "whose it is",
            "customer_id": "the store's id of them",
            "email": "address",
            "checkout_token": "their checkout",
            "cart_token": "their cart",
            "counted": "its part of their total",
            "items": "what they bought",
            "discount_codes": "may be theirs alone",
            "billing": "name, address and telephone",
            "payment_method": "how they paid",
            "status_url": "leads to their order",
        },
        "shop_id id currency total gross refunds refunded financial_status fulfillment_status test source_name"
        " historical created_at source_updated_at closed_at cancelled_at deleted_at version",
        _MINE,
    ),
    Held(
        fulfillments,
        "parcels: what was shipped and where it is",
        Delete(),
        {
            "tracking_number": "leads to where they live",
            "tracking_url": "leads to where they live",
            "tracking_company": "who carries it",
        },
        "shop_id id order_id status shipment_status moved_at created_at source_updated_at delivered_at estimated_at",
        whose("order_id", "orders"),
    ),
    Held(
        coupons,
        "discount codes made here: which were given out, and used",
        Blank(
            "the store still takes the code; for whom it was made is forgotten",
            {"person_id": None, "run_id": None, "outbox_id": None, "order_id": None},
        ),
        {
            "person_id": "who was given it",
            "run_id": "in which run of a flow",
            "outbox_id": "by which step",
            "order_id": "the order it was used for",
        },
        "shop_id id code variant state pool flow name terms ends_at discount_id created_at made_at given_at told_at"
        " redeemed_at",
        f"({PERSON} OR {whose('order_id', 'orders')})",
    ),
    Held(
        coupon_pools,
        "codes that are kept ready",
        NOTHING,
        {},
        "shop_id name terms prefix ends_at size collection collection_id fallback discount_id creation_id state reason"
        " attempts due_real lease_real created_at",
    ),
    Held(
        catalogue_signal_people,
        "who is to be told of a price or of stock, until they are",
        Delete(),
        {"variant_id": "what interests them", "why": "because they looked at it, carted or bought it"},
        "shop_id signal_id person_id",
        PERSON,
    ),
    Held(
        product_alerts,
        "who has asked to be told when something is back",
        Delete(),
        {
            "product_id": "what they want",
            "variant_id": "what they want",
            "asked_at": "when they asked",
            "reason": "what Brevo said",
        },
        "shop_id person_id state attempts due_real lease_real",
        PERSON,
    ),
    Held(
        catalogue_signals,
        "changes of prices and stock that people are told of",
        NOTHING,
        {},
        "shop_id id kind product_id at variants state people told reason due_real",
    ),
    Held(
        currency_rates,
        "what the merchant's currencies are worth in each other",
        NOTHING,
        {},
        "shop_id currency counted_in since rate set_by set_at",
    ),
    Held(
        account_currencies,
        "in which currency the account at Brevo shows amounts",
        NOTHING,
        {},
        "shop_id currency asked_real",
    ),
    Held(
        products,
        "the catalogue",
        NOTHING,
        {},
        "shop_id id title handle url image_url status vendor product_type tags price_min price_max collection_ids"
        " source_updated_at deleted_at version published_at",
    ),
    Held(
        reviews,
        "reviews that the shop shows, for messages to quote",
        Delete(),
        {"text": "what they wrote", "author": "name", "rating": "how many stars they gave", "product_id": "to what"},
        "shop_id review_id person_id published told_at",
        PERSON,
    ),
    Held(
        shelves,
        "what sells most, for messages to show",
        NOTHING,
        {},
        "shop_id bestsellers drawn_at",
    ),
    Held(
        store_looks,
        "what the store said of prices and stock that a message was to show",
        NOTHING,
        {},
        "shop_id kind id price compare_at_price available description looked_at",
    ),
    Held(
        variants,
        "the catalogue",
        NOTHING,
        {},
        "shop_id id product_id title sku position price compare_at_price inventory_item_id inventory_quantity"
        " source_updated_at deleted_at",
    ),
    Held(
        collections,
        "the catalogue",
        NOTHING,
        {},
        "shop_id id title handle image_url source_updated_at deleted_at version",
    ),
    Held(
        inventory_levels,
        "the catalogue",
        NOTHING,
        {},
        "shop_id inventory_item_id location_id available source_updated_at",
    ),
)
