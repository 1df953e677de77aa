"""What staff read of the shop and of all its flows: the metrics, each with its definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import flow_reading
from connector.admin.access import Visitor
from connector.admin.acts.act import Given, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop
from flows import analytics
from flows.analytics import Published, Reading
from flows.engine import book


class Reporting(Schema):
    """``days``: in which those came in who are counted; the whole shop is as it is now."""

    days = fields.Integer(load_default=90, validate=validate.OneOf(list(flow_reading.SPANS)))


@dataclass(frozen=True)
class Metrics:
    """``of_flows``: (flow, its metrics) of the flows that have any; ``counted_at``: as of when, None: not yet."""

    of_shop: Sequence[Reading]
    of_flows: Sequence[tuple[Published, Sequence[Reading]]]
    counted_at: datetime | None


def metrics(deps: Deps, shop: Shop, days: int) -> Metrics:
    time = flow_reading.period(shop, deps.clock.now(), days)
    with transaction(deps.engine) as connection:
        published = book.current(connection, shop.id)
        return Metrics(
            analytics.of_shop(connection, shop),
            analytics.of_flows(connection, shop, published, time.since, time.until),
            analytics.metrics_counted_at(connection, shop),
        )


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = metrics(deps, shop, given["days"])
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
    }


VIEWS = (View("reports", "reports", "The metrics of the shop and of its flows", _read, Reporting()),)
