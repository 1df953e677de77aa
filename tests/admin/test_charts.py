"""Charts: what is drawn, what stands beneath it as numbers, and that words of others stay words."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from flask import Flask

from connector.admin import charts

DAY = date(2026, 11, 1)


@pytest.fixture
def app() -> Flask:
    return Flask("connector.admin", template_folder="templates")


def days(*values: float | None) -> list[tuple[date, float | None]]:
    return [(DAY + timedelta(days=number), value) for number, value in enumerate(values)]


def drawn(app: Flask, series: charts.Series, unit: str = "", title: str = "") -> ElementTree.Element:
    with app.app_context():
        return ElementTree.fromstring(str(charts.lines(series, unit, title)))  # noqa: S314


def lines(found: ElementTree.Element) -> list[str]:
    return [one.attrib["points"] for one in found.iter("polyline")]


def test_a_line_goes_through_the_middle_of_its_days(app: Flask) -> None:
    assert lines(drawn(app, [("Sent", days(0, 4, 2))])) == ["100,160 300,0 500,80"]


def test_a_gap_parts_a_line_and_a_lone_day_is_a_dot(app: Flask) -> None:
    assert lines(drawn(app, [("Sent", days(4, None, 2))])) == ["100,0 100,0", "500,80 500,80"]


def test_the_numbers_stand_beneath(app: Flask) -> None:
    found = drawn(app, [("Revenue", days(1, 1234.5)), ("Cost", days(None, 2))], "EUR", "Money")
    rows = [[cell.text for cell in row] for row in found.iter("tr")]
    assert rows == [
        ["Day", "Revenue", "Cost"], ["2026-11-02", "1,234.50 EUR", "2.00 EUR"], ["2026-11-01", "1.00 EUR", "–"]
    ]  # fmt: skip
    (picture,) = [one for one in found.iter("svg") if one.get("role") == "img"]
    assert "Revenue 1,235.50 EUR, Cost 2.00 EUR" in picture.attrib["aria-label"]


def test_shares_are_told_as_per_cent_and_not_added(app: Flask) -> None:
    found = drawn(app, [("Opened", days(0.1234, 0.5))], "%")
    assert [cell.text for cell in found.iter("td")] == ["50.0 %", "12.3 %"]
    assert [one for one in found.iter("strong")] == []


def test_without_days_it_says_so(app: Flask) -> None:
    assert "nothing to draw yet" in "".join(drawn(app, [("Sent", [])]).itertext())


@pytest.mark.parametrize(
    ("highest", "unit", "end"),
    [(0, "", 4), (3, "", 4), (5, "", 8), (41, "", 80), (100, "", 100), (101, "", 200), (0, "%", 1), (0.3, "%", 0.4)],
)
def test_the_axis_ends_at_a_number_whose_quarters_can_be_read(highest: float, unit: str, end: float) -> None:
    assert charts.ceiling(highest, unit) == pytest.approx(end)


def test_bars_are_a_table_of_their_numbers(app: Flask) -> None:
    with app.app_context():
        found = str(charts.bars([("email", 12), ("sms", Decimal(3)), ("push", None)], title="Messages"))
    assert re.findall(r'class="full" width="([\d.]+)"', found) == ["100.00", "25.00", "0.00"]
    assert re.findall(r'class="number">([^<]+)<', found) == ["12", "3", "–"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_words_of_others_stay_words_and_nothing_has_a_style(app: Flask, text: str) -> None:
    with app.app_context():
        made = str(charts.lines([(text, days(1, 2))], title=text)) + str(charts.bars([(text, 1)], title=text))
    assert text not in made and "style=" not in made and "<img" not in made
