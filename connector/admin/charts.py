"""Charts without a script: a drawing that scales with its page, and a table of the same numbers beneath it.

No element has a style of its own, because the pages' policy refuses one: shapes get their numbers as attributes and
their colours from ``admin.css``. Lines have dashes as well as colours, so that they can be told apart without either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from flask import render_template
from markupsafe import Markup

Value = int | float | Decimal
Series = Sequence[tuple[str, Sequence[tuple[date, Value | None]]]]

WIDTH, HEIGHT = 600, 160
"""Units of a drawing; it is stretched to the width of its place."""
TICKS = 4
"""Spaces between the lines of the grid."""
_DATES = 5
_STEPS = (1, 2, 4, 8, 10)
PERCENT = "%"


@dataclass(frozen=True)
class _Line:
    label: str
    number: int
    runs: tuple[str, ...]
    """Points without a gap, as SVG writes them."""
    total: str


@dataclass(frozen=True)
class _Column:
    """The place of one day over the whole height, which tells its numbers to whoever points at it."""

    x: float
    width: float
    told: str


def lines(series: Series, unit: str = "", title: str = "") -> Markup:
    """A line for each ``(label, [(day, value)])``. ``unit``: a currency's code, ``%`` for values that are shares of
    one, else a word or nothing. A value of None is a gap. At most six lines are told apart."""
    days = sorted({day for _, points in series for day, _ in points})
    known = [dict(points) for _, points in series]
    top = ceiling(max((value for values in known for value in values.values() if value is not None), default=0), unit)
    drawn = [
        _Line(label, number, _runs(days, values, top), _sum(values.values(), unit))
        for number, ((label, _), values) in enumerate(zip(series, known, strict=True), 1)
    ]
    return _rendered(
        "admin/_chart_lines.html",
        title=title or ", ".join(label for label, _ in series),
        width=WIDTH,
        height=HEIGHT,
        drawn=drawn,
        columns=_columns(days, series, known, unit),
        levels=[HEIGHT * step / TICKS for step in range(TICKS + 1)],
        ticks=[told(top * (TICKS - step) / TICKS, unit, short=True) for step in range(TICKS + 1)],
        dates=[f"{day.day} {day:%b}" for day in _spread(days)],
        rows=[(day, [told(values.get(day), unit) for values in known]) for day in reversed(days)],
        said=_said(days, drawn),
    )


def bars(rows: Sequence[tuple[str, Value | None]], unit: str = "", title: str = "") -> Markup:
    """One bar for each ``(label, value)``, the longest as wide as its place. The table is the chart."""
    most = max((float(value) for _, value in rows if value is not None), default=0.0)
    shown = [(label, told(value, unit), 100 * float(value or 0) / most if most > 0 else 0.0) for label, value in rows]
    return _rendered("admin/_chart_bars.html", title=title, rows=shown)


def _rendered(template: str, **values: object) -> Markup:
    # The template has escaped what was put into it.
    return Markup(render_template(template, **values))  # noqa: S704


def told(value: Value | None, unit: str, *, short: bool = False) -> str:
    """A value with its unit. ``short``: as the axis has it, without what all its values share."""
    if value is None:
        return "–"
    if unit == PERCENT:
        return f"{float(value) * 100:,.4g} %" if short else f"{float(value) * 100:,.1f} %"
    if short:
        return f"{float(value):,.10g}"
    if is_currency(unit):
        return f"{value:,.2f} {unit}"
    return f"{value:,} {unit}".strip() if isinstance(value, int) else f"{float(value):,.6g} {unit}".strip()


def is_currency(unit: str) -> bool:
    return len(unit) == 3 and unit.isalpha() and unit.isupper()


def ceiling(highest: Value, unit: str = "") -> float:
    """The end of the axis: the least of 4, 8, 10, 20, 40 and so on that holds the highest value, so that its quarters
    can be read."""
    if highest <= 0:
        return 1.0 if unit == PERCENT else float(TICKS)
    if unit != PERCENT and highest <= TICKS:
        return float(TICKS)
    power = 1.0
    while power > highest:
        power /= 10
    while power * 10 < highest:
        power *= 10
    return next(power * step for step in _STEPS if power * step >= highest)


def _runs(days: Sequence[date], values: dict[date, Value | None], top: float) -> tuple[str, ...]:
    runs: list[list[str]] = [[]]
    for place, day in enumerate(days):
        value = values.get(day)
        if value is None:
            runs.append([])
            continue
        height = HEIGHT - HEIGHT * max(0.0, min(float(value), top)) / top
        runs[-1].append(f"{_x(place, len(days)):g},{height:g}")
    # A day alone is a line to itself: its round ends make it a dot.
    return tuple(" ".join(run if len(run) > 1 else run * 2) for run in runs if run)


def _x(place: int, count: int) -> float:
    """The middle of a day's column."""
    return round(WIDTH * (place + 0.5) / count, 2)


def _columns(
    days: Sequence[date], series: Series, known: Sequence[dict[date, Value | None]], unit: str
) -> list[_Column]:
    width = WIDTH / len(days) if days else WIDTH
    labels = [label for label, _ in series]
    columns = []
    for place, day in enumerate(days):
        numbers = (f"{label} {told(values.get(day), unit)}" for label, values in zip(labels, known, strict=True))
        columns.append(_Column(round(place * width, 2), round(width, 2), f"{day:%Y-%m-%d}: {', '.join(numbers)}"))
    return columns


def _spread(days: Sequence[date]) -> list[date]:
    """A few days at equal distances, the first and the last among them."""
    if len(days) <= _DATES:
        return list(days)
    return [days[round(step * (len(days) - 1) / (_DATES - 1))] for step in range(_DATES)]


def _sum(values: Iterable[Value | None], unit: str) -> str:
    """All of a line together; shares cannot be added."""
    if unit == PERCENT:
        return ""
    given = [Decimal(str(value)) for value in values if value is not None]
    total = sum(given, Decimal(0))
    return told(int(total) if total == int(total) and not is_currency(unit) else total, unit)


def _said(days: Sequence[date], drawn: Sequence[_Line]) -> str:
    """The drawing in a sentence."""
    if not days:
        return "There is nothing to draw yet."
    sums = ", ".join(f"{line.label} {line.total}".strip() for line in drawn)
    return f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}: {sums}. The numbers stand in the table below."
