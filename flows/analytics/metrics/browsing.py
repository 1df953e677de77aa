"""What becomes of people who looked at products and left."""

from __future__ import annotations

from datetime import timedelta

from flows.analytics.metrics.metric import ENTERED, ORDERED, Metric, of_trigger, share, told

DAYS = 7

BROWSE_TO_CART = Metric(
    name="browse_to_cart",
    title="From looking to the cart",
    says="Of the times that somebody came into this flow, those after which they put something into the cart or began a"
    f" checkout within {DAYS} days.",
    of="times",
    counts=share(ENTERED, told("added_to_cart", "checkout_started")),
    watches=of_trigger("browse_abandoned"),
    within=timedelta(days=DAYS),
    guides={"browse": "3-5 %"},
    nobody="Nobody has come into this flow yet.",
    untold="No cart of these people is known. Shopify tells of checkouts only: have the storefront tell what is put"
    " into carts, as added_to_cart.",
)
BROWSE_TO_PURCHASE = Metric(
    name="browse_to_purchase",
    title="From looking to an order",
    says=f"Of the times that somebody came into this flow, those after which they ordered within {DAYS} days.",
    of="times",
    counts=share(ENTERED, ORDERED),
    watches=of_trigger("browse_abandoned"),
    within=timedelta(days=DAYS),
    guides={"browse": "1-2 %"},
    nobody="Nobody has come into this flow yet.",
)
