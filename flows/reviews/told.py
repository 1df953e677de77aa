"""What the task of a review says: the figures of its time beside those of the time before, and what is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from connector.shops import Shop
from flows import analytics
from flows.analytics import Figures
from flows.reviews.kinds import Review
from flows.reviews.periods import Period

MOST_FLOWS = 8
"""Flows that are named: those with the most revenue."""
_LEAST_SENT = 100
"""A flow that sent less is not called one that brings too little: it may be chance."""
_MOST_WEAK = 3


def text(connection: Connection, shop: Shop, review: Review, period: Period) -> str:
    """The details of the task, as lines of plain text."""
    now = analytics.by_flow(connection, shop, period.first, period.last)
    earlier = analytics.by_flow(connection, shop, period.before.first, period.before.last)
    return "\n".join([*written(shop, now, earlier, period), "", "To do", *(f"- {point}" for point in review.points)])


def written(shop: Shop, now: Mapping[str, Figures], earlier: Mapping[str, Figures], period: Period) -> Iterator[str]:
    """The figures in words. ``now`` and ``earlier``: by flow."""
    whole, before = _together(now), _together(earlier)
    yield f"{period.words}: {said(shop, whole)}"
    yield f"{period.before.words}: {said(shop, before)}"
    ranked = sorted(now.items(), key=lambda item: (-item[1].revenue, -item[1].sent, item[0]))
    named = [(flow, figures) for flow, figures in ranked if figures.sent][:MOST_FLOWS]
    if named:
        yield ""
        yield "Flow by flow"
        yield from (f"- {flow}: {said(shop, figures)}" for flow, figures in named)
    judged = sorted((_each(figures), flow) for flow, figures in ranked if figures.sent >= _LEAST_SENT)
    if len(judged) > _MOST_WEAK:
        yield f"The least for each message came from: {', '.join(flow for _, flow in judged[:_MOST_WEAK])}."


def said(shop: Shop, figures: Figures) -> str:
    """Some figures in one line."""
    if not figures.sent and not figures.orders:
        return "nothing was sent."
    shares = (
        ("opened", figures.open_rate),
        ("clicked", figures.click_rate),
        ("unsubscribed", figures.unsubscribe_rate),
    )
    parts = [f"{figures.sent:,} sent", *(f"{rate:.1%} {what}" for what, rate in shares if rate is not None)]
    return f"{', '.join(parts)}; {figures.orders:,} orders worth {figures.revenue:,.2f} {shop.currency}."


def _each(figures: Figures) -> float:
    return float(figures.revenue_per_recipient or 0)


def _together(flows: Mapping[str, Figures]) -> Figures:
    whole = Figures()
    for figures in flows.values():
        whole = whole + figures
    return whole
