"""``connector report``: what flows have brought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import click
import orjson

from connector import audit
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from flows import analytics
from flows.analytics import Figures
from flows.analytics.work import rebuild_all
from flows.engine import book

_of_shop = click.option(
    "--shop", "domain", required=True, metavar="SHOP", callback=lambda _c, _p, value: shop_domain(value)
)
_day = click.DateTime(["%Y-%m-%d"])
_since = click.option("--since", type=_day, help="From this day of the shop on.")
_until = click.option("--until", type=_day, help="Up to this day and with it.")
_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def report() -> None:
    """What flows have brought: people, messages, orders and revenue."""


@report.command()
@_of_shop
@_since
@_until
@_as_json
@click.pass_obj
def flows(settings: Settings, domain: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """The figures of all flows of SHOP, and of each channel."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        days = _date(since), _date(until)
        by_flow = analytics.by_flow(connection, shop, *days)
        by_channel = analytics.by_channel(connection, shop, *days)
        week = analytics.messages_a_week(connection, shop)
        measured_at = analytics.measured_at(connection, shop)
    if as_json:
        told = {
            "measured_at": measured_at,
            "currency": shop.currency,
            "flows": {name: _plain(one) for name, one in by_flow.items()},
            "channels": {name: _plain(one) for name, one in by_channel.items()},
            "messages_a_week": [vars(one) for one in week],
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    if not by_flow:
        click.echo("Nobody has been in a flow in this time.")
    for name, one in by_flow.items():
        _tell(name, one, shop.currency)
    for name, one in by_channel.items():
        click.echo(f"{name}: {one.sent:,} sent, {_many(one.orders, 'order')}, {one.revenue:,.2f} {shop.currency}")
    for entry in week:
        if entry.channel == "":
            who, what = _many(entry.people, "person", "people"), _many(entry.messages, "message")
            click.echo(f"{who} got {what} in the last week")


@report.command()
@click.argument("name", metavar="FLOW")
@_of_shop
@_since
@_until
@_as_json
@click.pass_obj
def flow(
    settings: Settings, name: str, domain: str, since: datetime | None, until: datetime | None, as_json: bool
) -> None:
    """The figures of FLOW: together, by message and by step. Steps are of all time."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        days = _date(since), _date(until)
        whole = analytics.by_flow(connection, shop, *days).get(name, analytics.NOTHING)
        messages = analytics.by_message(connection, shop, name, *days)
        steps = analytics.by_step(connection, shop, name)
        waiting = analytics.unpriced(connection, shop, name).rows
    if as_json:
        told: Mapping[str, Any] = {
            "flow": name,
            "currency": shop.currency,
            **_plain(whole),
            "messages": [{**vars(one), "figures": _plain(one.figures)} for one in messages],
            "steps": [{**vars(one), "gone_on": one.gone_on} for one in steps],
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    _tell(name, whole, shop.currency)
    for one in messages:
        figures = one.figures
        click.echo(
            f"  {one.message} ({one.channel}, version {one.version}): {figures.sent:,} sent,"
            f" {_rate(figures.open_rate)} opened, {_rate(figures.click_rate)} clicked,"
            f" {_rate(figures.unsubscribe_rate)} unsubscribed, {_many(figures.orders, 'order')},"
            f" {figures.revenue:,.2f} {shop.currency}"
        )
    for step in sorted(steps, key=lambda one: (-one.version, not one.step)):
        ended = ", ".join(f"{n:,} {how}" for how, n in step.ended.items())
        where = f"step {step.step}" if step.step else "the end"
        click.echo(
            f"  {where} (version {step.version}): {step.reached:,} came, {step.inside:,} are there,"
            f" {step.gone_on:,} went on{f'; left: {ended}' if ended else ''}"
        )
    for purchase in waiting:
        order = purchase.order_name or purchase.order_id
        click.echo(
            f"  Order {order} is in no revenue: there is no rate of {purchase.currency} in {shop.currency}."
            f" Give one with `connector currency set {purchase.currency} {shop.currency} RATE`."
        )


@report.command()
@_of_shop
@_since
@_until
@_as_json
@click.pass_obj
def metrics(settings: Settings, domain: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """What the shop and its flows come to, each number with how it is counted: of those who came in on these days; the
    whole shop as it is now."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        published = book.current(connection, shop.id)
        whole = analytics.of_shop(connection, shop)
        each = analytics.of_flows(connection, shop, published, _date(since), _date(until))
        counted_at = analytics.metrics_counted_at(connection, shop)
    if as_json:
        told = {
            "counted_at": counted_at,
            "currency": shop.currency,
            "shop": [analytics.metric_json(reading) for reading in whole],
            "flows": {one.flow.flow: [analytics.metric_json(reading) for reading in found] for one, found in each},
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    for name, readings in [("All customers", whole), *((one.flow.flow, found) for one, found in each)]:
        click.echo(name)
        for reading in readings:
            guide = f" (the guide says {reading.guide})" if reading.guide else ""
            for line in analytics.metric_lines(reading, shop.currency):
                what = ", ".join(filter(None, (reading.metric.title, line.who)))
                said = f"{line.value}{guide}: {line.detail}" if line.value else line.detail
                click.echo(f"  {what}: {said}")
            click.echo(f"    {reading.metric.says}")
    click.echo(f"Counted as of {counted_at:%Y-%m-%d %H:%M} UTC." if counted_at else "Not counted yet.")


@report.command()
@_of_shop
@click.pass_obj
def rebuild(settings: Settings, domain: str) -> None:
    """Count everything anew from what is there now, and ascribe all orders again. People who were erased are in no
    count any more; revenue stays."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        rebuild_all(scope)
        audit.record(
            scope.connection,
            shop_id=shop.id,
            actor=audit.CLI,
            act="report.rebuild",
            object_kind="shop",
            object_id=str(shop.id),
            detail={},
            now=scope.now,
        )
        scope.bells.add("figures")
    click.echo("Everything was counted anew. Orders are ascribed again in the next seconds.")


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _tell(name: str, one: Figures, currency: str) -> None:
    per = one.revenue_per_recipient
    click.echo(
        f"{name}: {one.entered:,} entered, {one.inside:,} inside, {_rate(one.completion_rate)} came to the end,"
        f" {_rate(one.conversion_rate)} reached the goal\n"
        f"  {one.sent:,} sent, {one.skipped:,} not sent, {_rate(one.open_rate)} opened,"
        f" {_rate(one.click_rate)} clicked,"
        f" {_rate(one.unsubscribe_rate)} unsubscribed, {_rate(one.bounce_rate)} bounced,"
        f" {_rate(one.complaint_rate)} complained\n"
        f"  {_many(one.orders, 'order')}, {one.revenue:,.2f} {currency}"
        f"{f', {per:,.2f} for each message' if per is not None else ''}"
        f"{f', after {one.time_to_conversion} on average' if one.time_to_conversion else ''}"
        f"{f'; {one.unpriced:,} of them without a rate' if one.unpriced else ''}"
    )


def _many(n: int, what: str, more: str = "") -> str:
    return f"{n:,} {what if n == 1 else more or f'{what}s'}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


_RATES = (
    "open_rate",
    "click_rate",
    "unsubscribe_rate",
    "bounce_rate",
    "complaint_rate",
    "conversion_rate",
    "completion_rate",
)


def _plain(one: Figures) -> dict[str, Any]:
    """As JSON: amounts as text, and rates beside the counts, null where there is nothing to divide by."""
    per, after = one.revenue_per_recipient, one.time_to_conversion
    return {
        **{name: str(value) if name in ("revenue", "cost") else value for name, value in vars(one).items()},
        **{name: getattr(one, name) for name in _RATES},
        "revenue_per_recipient": None if per is None else f"{per:.4f}",
        "seconds_to_conversion": None if after is None else after.total_seconds(),
    }
