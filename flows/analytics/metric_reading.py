"""Reads metrics, as the last whole round has counted them, and says them in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, text

from connector.shops import Shop
from flows.analytics.metrics import METRICS, Metric, Published
from flows.analytics.metrics.metric import WHO


@dataclass(frozen=True)
class Count:
    """``hits`` of ``whole``; ``waiting``: not among the hits and still in time. ``amount``: in the shop's currency."""

    whole: int = 0
    hits: int = 0
    waiting: int = 0
    amount: Decimal = Decimal(0)

    @property
    def share(self) -> float | None:
        return float(Fraction(self.hits, self.whole)) if self.whole else None

    @property
    def average(self) -> Decimal | None:
        return self.amount / self.whole if self.whole else None


@dataclass(frozen=True)
class Line:
    """What a page shows of one group: ``who`` ("" when there are no groups), ``value`` ("" when nothing can be said),
    and ``detail`` in words."""

    who: str
    value: str
    detail: str


@dataclass(frozen=True)
class Reading:
    """One metric of one flow, "" of the shop. ``by_who``: its counts by group. ``known``: whether any was ever told of.
    ``guide``: what the guide says of such a flow."""

    metric: Metric
    flow: str
    by_who: Mapping[str, Count]
    known: bool
    guide: str = ""

    @property
    def count(self) -> Count:
        """Of the first group, or of everybody."""
        return next(iter(self.by_who.values()))

    @property
    def share(self) -> float | None:
        """None where nothing can be said: there is nobody, or nobody tells."""
        return self.count.share if self.known else None


def of_flow(
    connection: Connection, shop: Shop, published: Published, since: date | None = None, until: date | None = None
) -> list[Reading]:
    """The metrics that are a flow's, of those who began between these days, both of them included; those of the whole
    shop that it is for are as of now."""
    mine = [metric for metric in METRICS.values() if metric.watches(published, shop.settings)]
    counts = _counts(connection, shop, mine, [published.flow.flow, ""], since, until)
    flow = published.flow
    return [_reading(counts, one, "" if one.of_shop else flow.flow, one.guide(flow)) for one in mine]


def of_shop(connection: Connection, shop: Shop) -> list[Reading]:
    """Those of the whole shop, as of now."""
    mine = [metric for metric in METRICS.values() if metric.of_shop]
    counts = _counts(connection, shop, mine, [""], None, None)
    return [_reading(counts, one, "") for one in mine]


def of_flows(
    connection: Connection,
    shop: Shop,
    published: Iterable[Published],
    since: date | None = None,
    until: date | None = None,
) -> list[tuple[Published, list[Reading]]]:
    """Those of each flow that has any, without those of the whole shop."""
    mine = {
        one.flow.flow: (one, found)
        for one in published
        if (found := [each for each in METRICS.values() if not each.of_shop and each.watches(one, shop.settings)])
    }
    asked = [metric for metric in METRICS.values() if any(metric in found for _, found in mine.values())]
    counts = _counts(connection, shop, asked, list(mine), since, until)
    return [
        (one, [_reading(counts, metric, name, metric.guide(one.flow)) for metric in found])
        for name, (one, found) in mine.items()
    ]


def counted_at(connection: Connection, shop: Shop) -> datetime | None:
    """As of when metrics are counted; None before the first round has ended."""
    found: datetime | None = connection.scalar(_COUNTED, {"shop_id": shop.id})
    return found


_COUNTED = text("SELECT counted_at FROM metric_passes WHERE shop_id = :shop_id")

_Counts = tuple[Mapping[tuple[str, str], Mapping[str, Count]], frozenset[str]]
"""({(metric, flow): {who: count}}, the metrics of which any was ever told)."""


def _counts(
    connection: Connection,
    shop: Shop,
    metrics: Sequence[Metric],
    flows: Sequence[str],
    since: date | None,
    until: date | None,
) -> _Counts:
    given = {"shop_id": shop.id, "metrics": [metric.name for metric in metrics], "flows": list(flows)}
    found: dict[tuple[str, str], dict[str, Count]] = {}
    for row in connection.execute(_SUMS, {**given, "since": since or date.min, "until": until or date.max}):
        found.setdefault((row.metric, row.flow), {})[row.who] = Count(row.whole, row.hits, row.waiting, row.amount)
    asked = [metric.name for metric in metrics if metric.untold]
    known = connection.scalars(_KNOWN, {**given, "metrics": asked}).all() if asked else []
    return found, frozenset(known)


# Pair by pair: each is a stretch of the key. What is of the whole shop has the day on which it was counted.
_SUMS = text(
    """
SELECT metric, flow, who, CAST(sum(whole) AS bigint) AS whole, CAST(sum(hits) AS bigint) AS hits,
    CAST(sum(waiting) AS bigint) AS waiting, sum(amount) AS amount
FROM metric_passes AS pass JOIN metric_figures AS mine ON mine.shop_id = pass.shop_id AND mine.round = pass.round
WHERE pass.shop_id = :shop_id AND metric = ANY (CAST(:metrics AS text[])) AND flow = ANY (CAST(:flows AS text[]))
    AND (flow = '' OR day BETWEEN :since AND :until)
GROUP BY metric, flow, who
"""
)
_KNOWN = text(
    """
SELECT name FROM unnest(CAST(:metrics AS text[])) AS asked (name) WHERE EXISTS (
    SELECT FROM metric_passes AS pass JOIN metric_figures AS mine
        ON mine.shop_id = pass.shop_id AND mine.round = pass.round
    WHERE pass.shop_id = :shop_id AND mine.metric = asked.name AND mine.hits > 0
)
"""
)


def _reading(counts: _Counts, metric: Metric, flow: str, guide: str = "") -> Reading:
    sums, known = counts
    by_who = sums.get((metric.name, flow), {})
    ordered = {who: by_who.get(who, Count()) for who in metric.groups}
    return Reading(metric, flow, ordered, not metric.untold or metric.name in known, guide)


def lines(reading: Reading, currency: str) -> list[Line]:
    """What is said of it: a number where there is one, and otherwise why there is none."""
    metric = reading.metric
    if not reading.known and reading.count.whole:
        return [Line("", "", metric.untold)]
    return [_line(metric, WHO.get(who, ""), count, currency) for who, count in reading.by_who.items()]


def _line(metric: Metric, who: str, count: Count, currency: str) -> Line:
    if not count.whole and not count.waiting:
        return Line(who, "", metric.nobody)
    share, average = count.share, count.average
    rate = "–" if share is None else f"{share * 100:,.1f} %"
    if metric.kind == "average":
        value = "–" if average is None else f"{average:,.2f} {currency}"
        more = f"; {count.waiting:,} orders in another currency are not in it" if count.waiting else ""
        return Line(who, value, f"{count.amount:,.2f} {currency} by {count.whole:,} {metric.of}{more}")
    if metric.kind == "count":
        more = f"; {count.waiting:,} more have bought once lately" if count.waiting else ""
        return Line(who, f"{count.hits:,}", f"{rate} of {count.whole:,} {metric.of}{more}")
    more = f"; {count.waiting:,} still have time" if count.waiting else ""
    return Line(who, rate, f"{count.hits:,} of {count.whole:,} {metric.of}{more}")


def as_json(reading: Reading) -> dict[str, Any]:
    """As plain JSON; ``share`` and ``average`` are null where nothing can be said. Amounts are text."""
    metric = reading.metric
    counts = []
    for who, count in reading.by_who.items():
        average = count.average if metric.kind == "average" else None
        counts.append(
            {
                "who": who,
                "whole": count.whole,
                "hits": count.hits,
                "waiting": count.waiting,
                "share": count.share if reading.known and metric.kind != "average" else None,
                "average": None if average is None else f"{average:.4f}",
            }
        )
    return {
        "metric": metric.name,
        "title": metric.title,
        "definition": metric.says,
        "guide": reading.guide or None,
        "known": reading.known,
        "counts": counts,
    }
