"""What staff read of the shop and of all its flows: the metrics, each with its definition; what each channel brings;
and how many messages people get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import flow_reading
from connector.admin.access import Visitor
from connector.admin.acts.act import Given, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop
from flows import analytics
from flows.analytics import Figures, Published, Reading, WeekOfMessages
from flows.engine import book

MANY = 10
"""From so many messages in a week on people are counted together."""


class Reporting(Schema):
    """``days``: in which those came in who are counted; the whole shop is as it is now."""

    days = fields.Integer(load_default=90, validate=validate.OneOf(list(flow_reading.SPANS)))


@dataclass(frozen=True)
class Channel:
    """What the messages of a channel came to in the time. ``share``: of the revenue of all channels, None: it is 0."""

    channel: str
    figures: Figures
    share: float | None


@dataclass(frozen=True)
class Week:
    """How many people got how many messages in the last week. ``rows``: (so many messages, people by all channels
    together, people by each of ``channels``), the last row those with MANY or more. ``average``: messages of each of
    these people, None when there are none."""

    channels: Sequence[str]
    rows: Sequence[tuple[int, int, Sequence[int]]]
    people: int
    average: float | None


@dataclass(frozen=True)
class Reports:
    """``of_flows``: (flow, its metrics) of the flows that have any; ``counted_at``: as of when, None: not yet.
    ``channels``: the one that brings most first, counted up to ``measured_at``."""

    of_shop: Sequence[Reading]
    of_flows: Sequence[tuple[Published, Sequence[Reading]]]
    counted_at: datetime | None
    channels: Sequence[Channel]
    week: Week
    measured_at: datetime | None


def reports(deps: Deps, shop: Shop, days: int) -> Reports:
    time = flow_reading.period(shop, deps.clock.now(), days)
    with transaction(deps.engine) as connection:
        published = book.current(connection, shop.id)
        return Reports(
            analytics.of_shop(connection, shop),
            analytics.of_flows(connection, shop, published, time.since, time.until),
            analytics.metrics_counted_at(connection, shop),
            channels(analytics.by_channel(connection, shop, time.since, time.until)),
            week(analytics.messages_a_week(connection, shop)),
            analytics.measured_at(connection, shop),
        )


def channels(found: Mapping[str, Figures]) -> list[Channel]:
    """{channel: figures} in the order of what they bring."""
    revenue = sum((each.revenue for each in found.values()), Decimal(0))
    told = [Channel(name, each, float(each.revenue / revenue) if revenue else None) for name, each in found.items()]
    return sorted(told, key=lambda one: (-one.figures.revenue, -one.figures.sent, one.channel))


def week(drawn: Sequence[WeekOfMessages]) -> Week:
    """What was drawn, as a table."""
    names = sorted({one.channel for one in drawn if one.channel})
    counts: Counter[tuple[int, str]] = Counter()
    for one in drawn:
        counts[min(one.messages, MANY), one.channel] += one.people
    rows = [(n, counts[n, ""], [counts[n, name] for name in names]) for n in sorted({n for n, _ in counts})]
    people = sum(one.people for one in drawn if not one.channel)
    messages = sum(one.people * one.messages for one in drawn if not one.channel)
    return Week(names, rows, people, messages / people if people else None)


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = reports(deps, shop, given["days"])
    return {
        "counted_at": found.counted_at.isoformat() if found.counted_at else None,
        "shop": [analytics.metric_json(reading) for reading in found.of_shop],
        "flows": [
            {
                "flow": one.flow.flow,
                "name": one.flow.name,
                "metrics": [analytics.metric_json(reading) for reading in readings],
            }
            for one, readings in found.of_flows
        ],
        "measured_at": found.measured_at.isoformat() if found.measured_at else None,
        "channels": [{"channel": one.channel, "share": one.share, **_brought(one.figures)} for one in found.channels],
        "week": {
            "people": found.week.people,
            "average": found.week.average,
            "rows": [
                {
                    "messages": n,
                    "or_more": n == MANY,
                    "people": people,
                    "by_channel": dict(zip(found.week.channels, by, strict=True)),
                }
                for n, people, by in found.week.rows
            ],
        },
    }


def _brought(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in _BROUGHT}


_BROUGHT = (
    "sent", "delivered", "opened", "clicked", "unsubscribed", "orders", "unpriced", "revenue", "cost",
    "open_rate", "click_rate", "unsubscribe_rate", "revenue_per_recipient",
)  # fmt: skip


VIEWS = (
    View(
        "reports",
        "reports",
        "The metrics of the shop and of its flows, what each channel brings, and messages per person in a week",
        _read,
        Reporting(),
    ),
)
