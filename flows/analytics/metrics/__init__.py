"""The metrics that staff are shown, each with its definition: one file for each, or for some that belong together."""

from __future__ import annotations

from collections.abc import Mapping

from flows.analytics.metrics.browsing import BROWSE_TO_CART, BROWSE_TO_PURCHASE
from flows.analytics.metrics.codes_used import CODES_USED
from flows.analytics.metrics.cross_sell import CROSS_SELL
from flows.analytics.metrics.metric import Metric, Published
from flows.analytics.metrics.one_time_buyers import ONE_TIME_BUYERS
from flows.analytics.metrics.reordered import REORDERED
from flows.analytics.metrics.repeat_purchase import REPEAT_PURCHASE
from flows.analytics.metrics.reviews_written import REVIEWS_WRITTEN
from flows.analytics.metrics.suppressed import SUPPRESSED
from flows.analytics.metrics.vips import VIP_REFERRALS, VIP_RETENTION, VIP_REVENUE

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        # As they are shown.
        ONE_TIME_BUYERS,
        VIP_RETENTION,
        VIP_REVENUE,
        VIP_REFERRALS,
        CODES_USED,
        REPEAT_PURCHASE,
        REVIEWS_WRITTEN,
        CROSS_SELL,
        BROWSE_TO_CART,
        BROWSE_TO_PURCHASE,
        REORDERED,
        SUPPRESSED,
    )
}

__all__ = ["METRICS", "Metric", "Published"]
