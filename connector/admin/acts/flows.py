"""What staff do with flows that are there: pause one, go on, archive it, take somebody out; and what they read of them.

``flows.engine.lifecycle`` does all of it and writes the lines of the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import flow_people, flow_reading, flow_words, people
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Nothing, Paged, View
from connector.admin.flow_map import Stop
from connector.admin.flow_reading import Known
from connector.admin.shown import Eyes
from connector.db.session import transaction
from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop
from flows import analytics
from flows.analytics import Figures
from flows.engine import lifecycle

REMOVED = "removed"
"""How the runs end of those who are taken out."""
STAYING = ("finish", "exit")
"""What becomes of those inside a flow that is archived: they finish it, or are taken out."""
_RATES = (
    "open_rate", "click_rate", "unsubscribe_rate", "bounce_rate", "complaint_rate", "order_rate", "conversion_rate",
    "completion_rate", "revenue_per_recipient", "time_to_conversion",
)  # fmt: skip
_OF_PEOPLE = (
    "entered", "completed", "exited", "converted", "conversion_seconds", "conversion_rate", "completion_rate",
    "time_to_conversion",
)  # fmt: skip
"""Figures of a flow that nothing is counted of for one of its messages."""


class Archiving(Schema):
    inside = fields.String(load_default="finish", validate=validate.OneOf(STAYING))


class Listing(Schema):
    """``days``: of which the figures are."""

    status = fields.String(load_default=None, validate=validate.OneOf(list(flow_words.STATUS)))
    sort = fields.String(
        load_default="-revenue",
        validate=validate.OneOf([f"{sign}{name}" for name in flow_reading.SORTS for sign in ("", "-")]),
    )
    days = fields.Integer(load_default=30, validate=validate.OneOf(list(flow_reading.SPANS)))


class Reading(Schema):
    """``version``: whose steps are shown; without it those of the current one."""

    days = fields.Integer(load_default=30, validate=validate.OneOf(list(flow_reading.SPANS)))
    version = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**31 - 1))


class Receiving(Paged):
    message = fields.String(load_default=None, validate=validate.Length(max=100))


def _pause(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        flow = _there(scope, given)
        lifecycle.pause(scope, flow, by=visitor.actor)
    return {"flow": flow, "status": "paused"}


def _resume(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        flow = _there(scope, given)
        lifecycle.resume(scope, flow, by=visitor.actor)
    return {"flow": flow, "status": "active"}


def _archive(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        flow = _there(scope, given)
        lifecycle.archive(scope, flow, by=visitor.actor)
    taken = 0
    if given["inside"] == "exit":
        taken = lifecycle.take_out(deps, shop, flow, outcome=REMOVED, by=visitor.actor)
    return {"flow": flow, "status": "archived", "taken_out": taken}


def _remove(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        flow = _there(scope, given)
        if not people.is_there(scope.connection, shop.id, given["person_id"]):
            raise LookupError("There is no such person here.")
        removed = lifecycle.remove(scope, flow, given["person_id"], by=visitor.actor)
    return {"flow": flow, "person_id": given["person_id"], "removed": removed}


def _there(scope: Scope, given: Given) -> str:
    """The flow of the address. Raises LookupError when the shop has none of this name."""
    name: str = given["flow"]
    if not any(one.flow == name for one in lifecycle.flows_of(scope.connection, scope.shop_id, counted=False)):
        raise LookupError(f"There is no flow {name} here.")
    return name


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    time = flow_reading.period(shop, deps.clock.now(), given["days"])
    with transaction(deps.engine) as connection:
        found = flow_reading.listed(connection, shop, time, status=given["status"], sort=given["sort"])
    rows = [{**asdict(row), "figures": _figures(row.figures)} for row in found]
    return {"since": time.since.isoformat(), "until": time.until.isoformat(), "rows": rows, "next": None}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    time = flow_reading.period(shop, deps.clock.now(), given["days"])
    with transaction(deps.engine) as connection:
        one = flow_reading.known(connection, shop.id, given["flow"], given["version"])
        report = flow_reading.report(connection, shop, one, time)
    return {
        "flow": one.name,
        "name": one.flow.name,
        "status": one.standing.status,
        "mode": one.standing.mode,
        "version": one.version,
        "trigger": flow_words.trigger(one.flow),
        "since": time.since.isoformat(),
        "until": time.until.isoformat(),
        "inside": report.now.inside,
        "figures": _figures(report.figures),
        "before": _figures(report.before),
        "messages": [
            {"message": each.message, "channel": each.channel, "figures": _of_message(each.figures)}
            for each in report.messages
        ],
        "steps": _steps(report.stops),
        "metrics": [analytics.metric_json(reading) for reading in report.metrics],
    }


def _steps(stops: Sequence[Stop]) -> list[dict[str, Any]]:
    return [
        {
            "step": stop.id,
            "kind": stop.kind,
            "does": stop.title,
            "reached": stop.count.reached if stop.count else 0,
            "inside": stop.count.inside if stop.count else 0,
            "ended": dict(stop.count.ended) if stop.count else {},
            "ways": [{"way": way.label, "steps": _steps(way.stops)} for way in stop.ways],
        }
        for stop in stops
    ]


def _figures(figures: Figures) -> dict[str, Any]:
    counts = {name: value for name, value in asdict(figures).items() if name != "inside"}
    rates = {name: getattr(figures, name) for name in _RATES}
    took = rates["time_to_conversion"]
    return {
        **counts,
        **rates,
        # Whole seconds.
        "time_to_conversion": None if took is None else took // timedelta(seconds=1),
    }


def _of_message(figures: Figures) -> dict[str, Any]:
    return {name: value for name, value in _figures(figures).items() if name not in _OF_PEOPLE}


def _known(deps: Deps, shop: Shop, given: Given) -> Known:
    with transaction(deps.engine) as connection:
        return flow_reading.known(connection, shop.id, given["flow"])


def _people(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    one, eyes = _known(deps, shop, given), Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        found = flow_people.people_inside(connection, shop, one, given["after"], eyes)
    rows = [
        {
            "person_id": each.person_id,
            "name": each.name,
            "version": each.version,
            "step": each.at,
            "until": each.until.isoformat() if each.until else None,
            "entered_at": each.entered_at.isoformat(),
        }
        for each in found.rows
    ]
    return {"rows": rows, "next": found.next}


def _recipients(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    one = _known(deps, shop, given)
    with transaction(deps.engine) as connection:
        found = analytics.recipients(connection, shop, one.name, message=given["message"], after=given["after"])
    return {"rows": [asdict(row) for row in found.rows], "next": found.next}


def _buyers(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    one = _known(deps, shop, given)
    with transaction(deps.engine) as connection:
        found = analytics.buyers(connection, shop, one.name, after=given["after"])
    return {"rows": [asdict(row) for row in found.rows], "next": found.next}


ACTS = (
    Act("pause_flow", "flows/<flow>/pause", "Let nobody in, and hold what the flow wants sent", _pause, Nothing()),
    Act("resume_flow", "flows/<flow>/resume", "Go on with a paused flow, or begin with a draft", _resume, Nothing()),
    Act("archive_flow", "flows/<flow>/archive", "Let nobody in any more", _archive, Archiving()),
    Act(
        "remove_from_flow",
        "flows/<flow>/people/<int:person_id>/remove",
        "Take one person out of the flow",
        _remove,
        Nothing(),
    ),
)
VIEWS = (
    View("flows", "flows", "The flows of the shop with their figures", _list, Listing()),
    View("flow", "flows/<flow>", "One flow: its steps with who is where, and its figures", _read, Reading()),
    View("flow_people", "flows/<flow>/people", "Who is in the flow now", _people, Paged()),
    View("flow_recipients", "flows/<flow>/recipients", "To whom it was sent", _recipients, Receiving()),
    View("flow_buyers", "flows/<flow>/buyers", "Who bought because of it", _buyers, Paged()),
)
PAUSE, RESUME, ARCHIVE, REMOVE = ACTS
