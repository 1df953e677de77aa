"""Flows, for reading: the list with its figures, one flow as a map with live counts, who is inside, to whom it was
sent, who bought; each message as somebody would get it. Acts on a flow are in ``connector.admin.acts.flows``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector.admin import flow_people, flow_reading, flow_words, forms, message_looks, reasons
from connector.admin.acts import flows as acts
from connector.admin.acts.act import Act, Paged
from connector.admin.flow_reading import Known
from connector.admin.frame import asking, shop
from connector.admin.message_looks import Looked
from connector.db.session import transaction
from connector.deps import Deps
from flows import analytics, benchmarks

_DRAWN = ("sent", "opened", "clicked", "revenue")
"""Figures of a flow that are drawn by day."""


class _Removing(Schema):
    """``next``: to which page the form leads."""

    next = fields.String(load_default="person", validate=validate.OneOf(["person", "flow"]))


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/flows")
    def flows(shop_id: int) -> str:
        asked = forms.asked(acts.Listing())
        time = flow_reading.period(shop(), deps.clock.now(), asked["days"])
        with transaction(deps.engine) as connection:
            rows = flow_reading.listed(connection, shop(), time, status=asked["status"], sort=asked["sort"])
            together = sum((row.figures for row in rows), analytics.NOTHING)
            measured_at = analytics.measured_at(connection, shop())
        return render_template(
            "admin/flows.html", rows=rows, asked=asked, time=time, together=together, measured_at=measured_at,
            claims=flow_reading.beside(benchmarks.of_shop(), together), spans=flow_reading.SPANS,
            statuses=flow_words.STATUS,
        )  # fmt: skip

    @routes.get("/shops/<int:shop_id>/flows/<flow>")
    def flow(shop_id: int, flow: str) -> str:
        asked = forms.asked(acts.Reading())
        time = flow_reading.period(shop(), deps.clock.now(), asked["days"])
        with _found(), transaction(deps.engine) as connection:
            one = flow_reading.known(connection, shop_id, flow, asked["version"])
            report = flow_reading.report(connection, shop(), one, time)
        claims = flow_reading.beside(flow_reading.claims_of(one), report.figures, report.first, report.metrics)
        return _page(
            "flow", one, report=report, asked=asked, time=time, claims=claims, spans=flow_reading.SPANS,
            metric_lines=analytics.metric_lines,
            series={name: [(day.date, getattr(day.figures, name)) for day in report.days] for name in _DRAWN},
        )  # fmt: skip

    @routes.get("/shops/<int:shop_id>/flows/<flow>/people", endpoint="flow_people")
    def inside(shop_id: int, flow: str) -> str:
        asked = forms.asked(Paged())
        with _found(), transaction(deps.engine) as connection:
            one = flow_reading.known(connection, shop_id, flow)
            found = flow_people.people_inside(connection, shop(), one, asked["after"], asking().eyes)
        return _page("flow_people", one, page=found, asked=asked)

    @routes.get("/shops/<int:shop_id>/flows/<flow>/recipients")
    def flow_recipients(shop_id: int, flow: str) -> str:
        asked = forms.asked(acts.Receiving())
        with _found(), transaction(deps.engine) as connection:
            one = flow_reading.known(connection, shop_id, flow)
            found = analytics.recipients(connection, shop(), one.name, message=asked["message"], after=asked["after"])
            names = flow_people.called(connection, shop_id, {row.person_id for row in found.rows}, asking().eyes)
        return _page("flow_recipients", one, page=found, asked=asked, names=names, reasons=reasons)

    @routes.get("/shops/<int:shop_id>/flows/<flow>/buyers")
    def flow_buyers(shop_id: int, flow: str) -> str:
        asked = forms.asked(Paged())
        with _found(), transaction(deps.engine) as connection:
            one = flow_reading.known(connection, shop_id, flow)
            found = analytics.buyers(connection, shop(), one.name, after=asked["after"])
            bought = {row.person_id for row in found.rows if row.person_id is not None}
            names = flow_people.called(connection, shop_id, bought, asking().eyes)
            all_time = analytics.by_flow(connection, shop()).get(one.name, analytics.NOTHING)
        return _page("flow_buyers", one, page=found, asked=asked, names=names, figures=all_time)

    @routes.get("/shops/<int:shop_id>/flows/<flow>/messages/<message>")
    def flow_message(shop_id: int, flow: str, message: str) -> str:
        one, looked = _looked(deps, flow, message)
        return _page("flow_message", one, looked=looked, looks=message_looks.LOOKS)

    @routes.get("/shops/<int:shop_id>/flows/<flow>/messages/<message>/look")
    def flow_message_look(shop_id: int, flow: str, message: str) -> Response:
        """The email alone, for the frame of the page above."""
        return message_looks.framed(_looked(deps, flow, message)[1])

    @routes.post("/shops/<int:shop_id>/flows/<flow>/pause")
    def pause_flow(shop_id: int, flow: str) -> Response:
        return _done(deps, acts.PAUSE, flow, "flow_paused")

    @routes.post("/shops/<int:shop_id>/flows/<flow>/resume")
    def resume_flow(shop_id: int, flow: str) -> Response:
        return _done(deps, acts.RESUME, flow, "flow_resumed")

    @routes.post("/shops/<int:shop_id>/flows/<flow>/archive")
    def archive_flow(shop_id: int, flow: str) -> Response:
        return _done(deps, acts.ARCHIVE, flow, "flow_archived")

    @routes.post("/shops/<int:shop_id>/flows/<flow>/people/<int:person_id>/remove")
    def remove_from_flow(shop_id: int, flow: str, person_id: int) -> Response:
        then = forms.posted(_Removing())["next"]
        with _found():
            found = acts.REMOVE.do(deps, shop(), asking().visitor, {"flow": flow, "person_id": person_id})
        note = "taken_out" if found["removed"] else "not_inside"
        if then == "flow":
            return redirect(url_for("admin.flow_people", shop_id=shop_id, flow=flow, note=note), 303)
        return redirect(url_for("admin.person", shop_id=shop_id, person_id=person_id, note=note), 303)


@contextmanager
def _found() -> Iterator[None]:
    """What is not there is 404."""
    try:
        yield
    except LookupError:
        abort(404)


def _page(name: str, one: Known, **shown: Any) -> str:
    return render_template(
        f"admin/{name}.html", one=one, flow=one.flow, standing=one.standing, words=flow_words,
        status=flow_words.STATUS[one.standing.status], **shown,
    )  # fmt: skip


def _done(deps: Deps, act: Act, flow: str, note: str) -> Response:
    assert act.fields is not None, "it is a form"
    given = forms.posted(act.fields)
    with _found():
        act.do(deps, shop(), asking().visitor, {**given, "flow": flow})
    return redirect(url_for("admin.flow", shop_id=shop().id, flow=flow, note=note), 303)


def _looked(deps: Deps, flow: str, message: str) -> tuple[Known, Looked]:
    """A message of the current version as it is asked for."""
    asked = message_looks.asked(deps)
    with _found(), deps.open(shop()) as scope:
        one = flow_reading.known(scope.connection, scope.shop_id, flow)
        sources = one.published.sources
        return one, message_looks.looked(scope, message, sources, lambda: sources, asked)
