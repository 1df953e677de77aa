"""What a shop comes to on one page: its metrics and those of its flows, its channels, and messages per person."""

from __future__ import annotations

from flask import Blueprint, render_template

from connector.admin import flow_reading, flow_words, forms
from connector.admin.acts import reports as acts
from connector.admin.frame import shop
from connector.deps import Deps
from flows import analytics


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/reports")
    def reports(shop_id: int) -> str:
        asked = forms.asked(acts.Reporting())
        found = acts.reports(deps, shop(), asked["days"])
        return render_template(
            "admin/reports.html", asked=asked, spans=flow_reading.SPANS, of_shop=found.of_shop,
            of_flows=found.of_flows, metrics_at=found.counted_at, metric_lines=analytics.metric_lines,
            channels=found.channels, week=found.week, many=acts.MANY, measured_at=found.measured_at,
            called=flow_words.CHANNELS,
        )  # fmt: skip
