"""What the figures of flows hold of people."""

from __future__ import annotations

from connector.models.analytics import (
    attribution_marks,
    attributions,
    figure_changes,
    figure_days,
    figure_passes,
    figure_totals,
    message_weeks,
    metric_figures,
    metric_passes,
    step_changes,
    step_counts,
)
from sync.privacy.held import NOTHING, PERSON, Blank, Delete, Held

_COHORT = "shop_id flow version step message channel"
_COUNTS = (
    " entered inside completed exited converted conversion_seconds sent delivered opened clicked unsubscribed bounced"
    " complained skipped failed orders unpriced revenue cost"
)

# After orders and messages: what is blanked there leaves marks.
HELD = (
    Held(
        attribution_marks,
        "whose orders are to be looked at again",
        Delete(),
        {"person_id": "that they bought something or read a message"},
        "shop_id id",
        PERSON,
    ),
    Held(
        attributions,
        "which message an order is owed to",
        Blank(
            "the amount is the merchant's turnover; whose it was is forgotten",
            {"person_id": None, "outbox_id": None},
        ),
        {"person_id": "whose order it is", "outbox_id": "which of their messages it was"},
        f"{_COHORT} order_id touch touched_at placed_at currency amount refunded revenue",
        PERSON,
    ),
    Held(figure_changes, "what is to be added to the figures", NOTHING, {}, f"{_COHORT} id at{_COUNTS}"),
    Held(figure_days, "figures by day", NOTHING, {}, f"{_COHORT} day{_COUNTS}"),
    Held(figure_totals, "figures of all time", NOTHING, {}, _COHORT + _COUNTS),
    Held(
        step_changes,
        "what is to be added to the counts of steps",
        NOTHING,
        {},
        "shop_id id flow version step what people",
    ),
    Held(step_counts, "how many people are at each step", NOTHING, {}, "shop_id flow version step what people"),
    Held(message_weeks, "how many people get how many messages", NOTHING, {}, "shop_id channel messages people"),
    Held(
        figure_passes,
        "when figures were counted",
        NOTHING,
        {},
        "shop_id counted_at due_real week_at windows marked_to",
    ),
    Held(
        metric_figures,
        "what metrics come to",
        NOTHING,
        {},
        "shop_id round metric flow day who whole hits waiting amount",
    ),
    Held(
        metric_passes,
        "when metrics were counted",
        NOTHING,
        {},
        "shop_id round counted_at began_at beyond took_ms due_real",
    ),
)
