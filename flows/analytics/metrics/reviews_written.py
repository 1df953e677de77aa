"""How many write a review when they are asked for one."""

from __future__ import annotations

from datetime import timedelta

from flows.analytics.metrics.metric import WRITTEN_TO, Metric, of_messages, share, told

DAYS = 21

REVIEWS_WRITTEN = Metric(
    name="reviews_written",
    title="Reviews written",
    says="Of the people who were sent this flow's request for a review (a message with stars, or with review in its"
    f" name), those who wrote one within {DAYS} days.",
    of="people asked",
    counts=share(WRITTEN_TO, told("review_submitted")),
    watches=of_messages(lambda name, body: "review" in name or "render 'rating'" in body),
    within=timedelta(days=DAYS),
    guides={"post-purchase": "5-10 %"},
    nobody="Nobody was asked for a review yet.",
    untold="No review is known. Shopify and Brevo do not tell them: have your review app tell them by the events API,"
    " as review_submitted.",
)
