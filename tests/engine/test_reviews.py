"""Reviews that come back by the shop's own calendar, each once for its period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from connector.db.session import transaction
from connector.models.reconcile import reconcile_passes
from connector.models.shop import shops as shops_table
from connector.models.task import tasks
from flows import analytics
from flows.analytics import Figures
from flows.reviews import told
from flows.reviews.kinds import REVIEWS
from flows.reviews.making import make_due
from flows.reviews.periods import last_whole
from tests.engine.installation import ConnectedShop, Installation, installation


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    made = product.connect(flows=[], notify=["lead@shop.example"], reviews={"assignee": "Lead@shop.example"})
    with transaction(product.deps.engine) as connection:
        # Eleven hours behind UTC: a month begins later there.
        changed = {"timezone": "Pacific/Pago_Pago", "created_at": datetime(2026, 10, 20, tzinfo=UTC)}
        connection.execute(update(shops_table).values(changed))
    made.set()
    return made


def made(shop: ConnectedShop) -> dict[tuple[str, str], str]:
    return {(row.review, row.period): row.title for row in shop.rows(tasks)}


def look(product: Installation, shop: ConnectedShop, *moment: int) -> dict[tuple[str, str], str]:
    product.at(datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type]
    make_due(product.deps, shop.shop)
    return made(shop)


@pytest.mark.row("S5-193")
@pytest.mark.row("S5-195")
@pytest.mark.row("S5-196")
def test_each_comes_at_the_beginning_of_its_time_in_the_shops_zone(product: Installation, shop: ConnectedShop) -> None:
    # By the clock of the shop October has not ended.
    assert look(product, shop, 2026, 11, 1, 10) == {}
    assert look(product, shop, 2026, 11, 1, 12) == {("monthly", "2026-10"): "Review the figures of October 2026"}
    assert len(look(product, shop, 2026, 11, 20)) == 1, "once, however often it is looked"
    assert set(look(product, shop, 2026, 12, 31, 23)) == {("monthly", "2026-10"), ("monthly", "2026-11")}
    assert set(look(product, shop, 2027, 1, 1, 12)) >= {
        ("monthly", "2026-12"), ("quarterly", "2026-Q4"), ("annual", "2026"),
    }  # fmt: skip
    rows = {row.review: row for row in shop.rows(tasks)}
    for words in ("Trends", "Recommendations", "Creative", "Subject lines"):
        assert words in rows["quarterly"].details
    for words in ("Logic", "Timing", "Platforms", "Brand voice", "Under-performers"):
        assert words in rows["annual"].details
    assert "Compare opens, clicks, opt-outs and revenue with the month before" in rows["monthly"].details
    assert {row.assignee for row in rows.values()} == {"lead@shop.example"}
    assert {row.person_id for row in rows.values()} == {None} and {row.state for row in rows.values()} == {"open"}
    # Two weeks, at nine in the morning there.
    assert rows["annual"].due_at == datetime(2027, 1, 14, 20, tzinfo=UTC)


def test_what_is_switched_off_does_not_come_and_nothing_comes_of_a_time_before_the_shop(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.set(reviews={"monthly": False, "annual": False})
    assert set(look(product, shop, 2027, 1, 1, 12)) == {("quarterly", "2026-Q4")}
    assert shop.rows(tasks)[0].assignee is None
    # The control: the shop was there only from the end of October on, and no third quarter is reviewed.
    assert set(look(product, shop, 2026, 12, 31)) == {("quarterly", "2026-Q4")}


def test_workers_look_by_themselves(product: Installation, shop: ConnectedShop) -> None:
    product.at(datetime(2026, 11, 3, tzinfo=UTC))
    with transaction(product.deps.engine) as connection:
        mine = reconcile_passes.c.look == "reviews"
        connection.execute(update(reconcile_passes).where(mine).values(due_at=product.now))
    product.settle("reconcile")
    assert set(made(shop)) == {("monthly", "2026-10")}
    with transaction(product.deps.engine) as connection:
        due = connection.execute(reconcile_passes.select().where(mine)).one().due_at
    assert due == product.now + timedelta(hours=3)


def test_the_figures_of_its_time_stand_beside_those_before(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[date, date]] = []

    def by_flow(connection: object, of: object, since: date, until: date) -> dict[str, Figures]:
        asked.append((since, until))
        times = 2 if since.month == 10 else 1
        return {
            f"flow-{n}": Figures(sent=200 * times, delivered=200 * times, opened=50, clicked=10 * n, orders=n,
                                 revenue=Decimal(100 * n))
            for n in range(5)
        }  # fmt: skip

    monkeypatch.setattr(analytics, "by_flow", by_flow)
    period = last_whole("month", date(2026, 11, 2))
    with transaction(product.deps.engine) as connection:
        text = told.text(connection, shop.shop, REVIEWS[0], period)
    assert asked == [(date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 9, 1), date(2026, 9, 30))]
    lines = text.splitlines()
    assert lines[0].startswith("October 2026: 2,000 sent, 12.5% opened, 5.0% clicked")
    assert lines[0].endswith(f"10 orders worth 1,000.00 {shop.shop.currency}.")
    assert lines[1].startswith("September 2026: 1,000 sent, 25.0% opened")
    assert lines[4].startswith("- flow-4: 400 sent")
    assert "The least for each message came from: flow-0, flow-1, flow-2." in lines
