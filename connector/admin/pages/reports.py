"""The metrics of a shop and of its flows on one page."""

from __future__ import annotations

from flask import Blueprint, render_template

from connector.admin import flow_reading, forms
from connector.admin.acts import reports as acts
from connector.admin.frame import shop
from connector.deps import Deps
from flows import analytics


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/reports")
    def reports(shop_id: int) -> str:
        asked = forms.asked(acts.Reporting())
        found = acts.metrics(deps, shop(), asked["days"])
        return render_template(
            "admin/reports.html", asked=asked, spans=flow_reading.SPANS, of_shop=found.of_shop,
            of_flows=found.of_flows, metrics_at=found.counted_at, metric_lines=analytics.metric_lines,
        )  # fmt: skip
