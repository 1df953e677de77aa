"""What pages show of flows: the list with its figures, and one flow. Reads only, from what was counted beforehand;
every query names the shop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from connector.admin import flow_map, flow_words
from connector.admin.flow_map import Count, Stop
from connector.shops import Shop
from flows import analytics, benchmarks
from flows.analytics import NOTHING, Figures, MessageFigures, Reading
from flows.benchmarks import FIRST, METRIC, Claim
from flows.core.model import FlowVersion
from flows.engine import lifecycle
from flows.engine.book import Book, Published
from flows.engine.lifecycle import Standing

SPANS: Mapping[int, str] = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}
"""Days -> how a time is called that figures are shown for."""


@dataclass(frozen=True)
class Period:
    """Days in the shop's zone, both of them included, and as many before."""

    since: date
    until: date

    @property
    def before(self) -> Period:
        return Period(self.since - (self.until - self.since) - timedelta(days=1), self.since - timedelta(days=1))


def period(shop: Shop, now: datetime, days: int) -> Period:
    """The last so many days with today."""
    today = now.astimezone(ZoneInfo(shop.timezone)).date()
    return Period(today - timedelta(days=days - 1), today)


@dataclass(frozen=True)
class Row:
    """One flow of the list. ``figures``: of the time that is shown; ``inside``: people in it now."""

    flow: str
    name: str
    status: str
    mode: str
    version: int
    trigger: str
    inside: int
    figures: Figures


SORTS: Mapping[str, Callable[[Row], Any]] = {
    "name": lambda row: row.name.lower(),
    "status": lambda row: row.status,
    "trigger": lambda row: row.trigger,
    "inside": lambda row: row.inside,
    "sent": lambda row: row.figures.sent,
    "opened": lambda row: row.figures.opened,
    "clicked": lambda row: row.figures.clicked,
    "converted": lambda row: row.figures.converted,
    "revenue": lambda row: row.figures.revenue,
}
"""What the list can be sorted by."""


def listed(connection: Connection, shop: Shop, time: Period, *, status: str | None = None, sort: str) -> list[Row]:
    """The shop's flows, all of them or those of one status. ``sort``: of SORTS, behind a ``-`` the most first."""
    book = Book(connection, shop.id)
    now = analytics.by_flow(connection, shop)
    then = analytics.by_flow(connection, shop, time.since, time.until)
    rows = []
    for one in lifecycle.flows_of(connection, shop.id, counted=False):
        if status is None or one.status == status:
            flow = book.published(one.flow, one.version).flow
            inside = now.get(one.flow, NOTHING).inside
            figures = then.get(one.flow, NOTHING)
            said = flow_words.trigger(flow)
            rows.append(Row(one.flow, flow.name, one.status, one.mode, one.version, said, inside, figures))
    return sorted(rows, key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))


@dataclass(frozen=True)
class Known:
    """A flow of the shop, with the version that is looked at: the current one unless another was asked for."""

    standing: Standing
    version: int
    published: Published

    @property
    def flow(self) -> FlowVersion:
        return self.published.flow

    @property
    def name(self) -> str:
        return self.standing.flow


def known(connection: Connection, shop_id: int, flow: str, version: int | None = None) -> Known:
    """Raises LookupError when the shop has no such flow, or the flow no such version."""
    for one in lifecycle.flows_of(connection, shop_id, counted=False):
        if one.flow == flow:
            chosen = version or one.version
            return Known(one, chosen, Book(connection, shop_id).published(flow, chosen))
    raise LookupError(f"There is no flow {flow} here.")


@dataclass(frozen=True)
class Report:
    """A flow's figures. ``now``: of all time, for who is inside; ``messages``: of the time, in the order of the flow;
    ``first``: those of its first message. ``elsewhere``: people in other versions, {version: people}. ``metrics``: what
    the flow is for, of those who came in in the time, as of ``metrics_at``."""

    now: Figures
    figures: Figures
    before: Figures
    messages: Sequence[MessageFigures]
    first: Figures
    days: Sequence[analytics.Day]
    stops: Sequence[Stop]
    elsewhere: Mapping[int, int]
    metrics: Sequence[Reading]
    measured_at: datetime | None
    metrics_at: datetime | None


def report(connection: Connection, shop: Shop, one: Known, time: Period) -> Report:
    """What a flow has brought, and who is where."""
    flow, before = one.flow, time.before
    steps = analytics.by_step(connection, shop, one.name)
    counts = {
        step.step: Count(step.reached, step.inside, step.ended)
        for step in steps
        if step.version == one.version and step.step
    }
    elsewhere: dict[int, int] = {}
    for step in steps:
        if step.version != one.version and step.inside:
            elsewhere[step.version] = elsewhere.get(step.version, 0) + step.inside
    stops = flow_map.drawn(flow, counts)
    order = {stop.message: n for n, stop in enumerate(flow_map.everything(stops)) if stop.message}
    messages = _together(analytics.by_message(connection, shop, one.name, time.since, time.until))
    messages.sort(key=lambda each: (order.get(each.message, len(order)), each.message))
    first = next((each.figures for each in messages if each.message in order), NOTHING)
    return Report(
        now=analytics.by_flow(connection, shop).get(one.name, NOTHING),
        figures=analytics.by_flow(connection, shop, time.since, time.until).get(one.name, NOTHING),
        before=analytics.by_flow(connection, shop, before.since, before.until).get(one.name, NOTHING),
        messages=messages,
        first=first,
        days=analytics.by_day(connection, shop, time.since, time.until, flow=one.name),
        stops=stops,
        elsewhere=elsewhere,
        metrics=analytics.of_flow(connection, shop, one.published, time.since, time.until),
        measured_at=analytics.measured_at(connection, shop),
        metrics_at=analytics.metrics_counted_at(connection, shop),
    )


def _together(messages: Iterable[MessageFigures]) -> list[MessageFigures]:
    """One line for each message, whatever versions and steps sent it; ``version`` is the newest of them."""
    found: dict[tuple[str, str], MessageFigures] = {}
    for one in messages:
        there = found.get((one.message, one.channel))
        if there is not None:
            one = MessageFigures(there.version, there.step, one.message, one.channel, there.figures + one.figures)
        found[one.message, one.channel] = one
    return list(found.values())


@dataclass(frozen=True)
class Beside:
    """A claim beside the shop's own number. ``own``: None when there is nothing yet, else a share of one, an
    amount of money or so many times, as ``kind`` says; ``measured``: whether anything here measures the same."""

    claim: Claim
    own: Any
    measured: bool
    kind: str = "share"


def beside(
    claims: Sequence[Claim], figures: Figures, first: Figures = NOTHING, metrics: Sequence[Reading] = ()
) -> list[Beside]:
    """What others claim, each beside what these figures and metrics say of the same."""
    shares = {reading.metric.name: reading.share for reading in metrics}

    def own(claim: Claim) -> Any:
        if claim.of.startswith(METRIC):
            return shares.get(claim.of.removeprefix(METRIC))
        of = first if claim.of.startswith(FIRST) else figures
        return getattr(of, claim.of.removeprefix(FIRST)) if claim.of else None

    def measured(claim: Claim) -> bool:
        return claim.of.removeprefix(METRIC) in shares if claim.of.startswith(METRIC) else bool(claim.of)

    return [Beside(claim, own(claim), measured(claim), _KINDS.get(claim.of, "share")) for claim in claims]


_KINDS: Mapping[str, str] = {"revenue_per_recipient": "amount", "return_on_cost": "times"}


def claims_of(one: Known) -> list[Claim]:
    return benchmarks.of_flow(one.flow)
