"""The reviews there are: how often each comes, and what is looked at.

What the quarterly and the annual one ask for is what guides to email marketing ask for: trends, recommendations,
creative and subject lines every quarter; logic and timing, changes of the platforms, the brand's voice and flows that
bring too little every year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.reviews.periods import Every


@dataclass(frozen=True)
class Review:
    """``name``: as the shop's setting ``reviews`` has it; ``points``: what is to be done, one sentence each."""

    name: str
    every: Every
    title: str
    points: Sequence[str]


REVIEWS: Sequence[Review] = (
    Review(
        "monthly",
        "month",
        "Review the figures of {period}",
        (
            "Compare opens, clicks, opt-outs and revenue with the month before, flow by flow.",
            "Look into each flow whose figures fell, and note what you will change.",
            "Look at the alerts of the month: is each of them dealt with?",
        ),
    ),
    Review(
        "quarterly",
        "quarter",
        "Quarterly review: {period}",
        (
            "Trends: which flows rise and which fall over the three months, and why?",
            "Recommendations: are the products that messages recommend still the right ones?",
            "Creative: replace pictures, offers and texts that are out of season.",
            "Subject lines: write a second one for the messages that are sent most, and test it with a split.",
        ),
    ),
    Review(
        "annual",
        "year",
        "Annual audit: {period}",
        (
            "Logic: walk through every flow, its trigger, branches, goal and exits. Is each still what you want?",
            "Timing: are the waits right, measured by when people open, click and buy?",
            "Platforms: what has changed at Shopify and Brevo, and in the law, that your flows should follow?",
            "Brand voice: read every message aloud. Does it sound like the shop as it is today?",
            "Under-performers: change or archive the flows that bring too little for the messages they send.",
        ),
    ),
)
"""By how often they come. One is added by a line here and a field of ``connector.review_settings``."""
