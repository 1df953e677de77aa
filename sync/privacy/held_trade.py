"""What the copies of the store's and the catalogue's records hold of people."""

from __future__ import annotations

from connector.models.currency import account_currencies, currency_rates
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
        "shop_id id order_id status shipment_status moved_at created_at source_updated_at delivered_at",
        whose("order_id", "orders"),
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
        " source_updated_at deleted_at version",
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
