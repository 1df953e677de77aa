"""Processes die at every named point between a claim, a call and a commit, and the whole story still ends right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from connector.crashpoints import POINTS
from flows.engine.dispatch import BATCH
from tests.e2e import audit
from tests.e2e.aftermath import Aftermath
from tests.e2e.crashable import Crashable, frozen
from tests.e2e.nursery import NAMES
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import open_folder
from tests.e2e.trade import HOUR, Trade
from tests.runtime.conftest import eventually

MINUTE = 60.0
SHOPS = ("first.myshopify.com", "second.myshopify.com")
# So many of the first times that a process comes to a point it dies there.
PASSES = 2
# Points to which a process comes once in an hour, when there is much to do, or because another died.
SELDOM = (
    *("pass.", "rerun.", "survey.", "import.", "backfill.", "coupons.", "schedule.", "alerts."),
    *("bells.tail", "unknown.cut_off"),
)
# So many times two people at each shop, each with two emails, are more than are sent at once.
CROWD = 9
CROWDED = f"SELECT coalesce(min(due), 0) > {BATCH} FROM (SELECT count(*) AS due FROM outbox GROUP BY shop_id) AS shop"
MOST_ROUNDS = 60
ROUND_SECONDS = 60.0
LEASE_SECONDS = 4.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("points") as made:
        yield made


def doubtful(platforms: Platforms) -> None:
    """The provider ignores idempotency keys, and of some calls nobody knows what became."""
    platforms.provider("settings", {"honour_idempotency": False, "delivery_seconds": 0})
    for kind in ("accept_then_cut", "cut"):
        platforms.provider("faults", {"kind": kind, "path": "/smtp/email", "method": "POST", "probability": 0.15})


def orders_for(passes: int) -> dict[str, list[str]]:
    """At which points each process dies, and at which time that it comes there: so many of the first times, the first
    only at points to which it seldom comes. Bells first: one of them takes a crowd, and the crowd comes first. A lease
    is cut off after a death that leaves one of which the provider tells nothing."""
    places = {name: (not name.startswith("bells."), name) for name in POINTS}
    places["unknown.cut_off"] = (True, "t4.leased:")
    return {
        process: [
            f"{name}:{nth}"
            for name in sorted(POINTS, key=places.__getitem__)
            if POINTS[name].process == process
            for nth in range(1, 2 if name.startswith(SELDOM) else passes + 1)
        ]
        for process in NAMES
    }


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_death_at_any_point_loses_nothing_and_mails_nobody_twice(folder: Path) -> None:
    orders = orders_for(PASSES)
    with Platforms(folder, SHOPS) as platforms, Crashable(folder / "product", platforms) as product:
        doubtful(platforms)
        # Who dies while a shop is connected would be another story.
        product.connect(SHOPS)
        for shop in SHOPS:
            product.give_codes(shop)
        product.nursery.start(orders=orders)
        trade, wanted = (
            Trade(platforms, dict.fromkeys(SHOPS, 2), Random(1)),
            {order for ordered in orders.values() for order in ordered},
        )
        with frozen(product.nursery.living["deliver"]):
            for _ in range(CROWD):
                trade.come_in()
            platforms.pass_time(1.1 * HOUR)
            product.wait_until(lambda: product.rows(CROWDED)[0][0], ROUND_SECONDS)
        died: set[str] = set()
        for number in range(MOST_ROUNDS):
            for shop in SHOPS:
                product.sync_again(shop)
                product.survey_again(shop)
                product.backfill_again(shop)
                product.arm_again(shop)
                product.come_round(shop)
                product.look_again(shop)
                product.hand_out(shop)
                if any(order.startswith("coupons.") for order in wanted - died):
                    # Only so often: it takes calls of the provider's hour.
                    product.keep_codes(shop, number)
                product.erase_nobody(shop, 1_000_000 + number)
            # Whom a sync that staff ask for reads before any delivery tells of them is history to the flows (ADR 18).
            platforms.pass_time(MINUTE)
            trade.come_in()
            platforms.pass_time(1.1 * HOUR)
            trade.buy(1)
            product.wait_until(product.done, ROUND_SECONDS)
            died = {death.order for death in product.nursery.deaths}
            if wanted <= died:
                break
            if all(order.startswith(SELDOM) for order in wanted - died):
                # Whoever follows the dead waits for their lease, not for more to do.
                many = len(product.nursery.deaths)
                eventually(lambda so_far=many: len(product.nursery.deaths) > so_far, LEASE_SECONDS)
        platforms.end_faults()
        product.wait_until(product.idle, 60)
        found = Aftermath.read(platforms, product.rows, within=2 * HOUR)
        said = found.problems()
    print(f"{len(product.nursery.deaths)} deaths, {len(found.sent)} emails, not sent {dict(found.reasons)}")
    assert wanted - died == set()
    assert said == [], "\n".join([*said, product.log])
    assert product.nursery.by_itself() == {}


@pytest.mark.long
@pytest.mark.timeout(120)
def test_controls_who_leaves_out_a_precaution_mails_twice_or_loses(folder: Path) -> None:
    """Both die at the point at which the precaution counts; the checks of the test above see what came of it."""
    shop = SHOPS[0]
    with Platforms(folder, [shop]) as platforms, Crashable(folder / "product", platforms) as product:
        platforms.provider("settings", {"honour_idempotency": False, "delivery_seconds": 3600})
        product.connect([shop])
        product.nursery.start()
        trade = Trade(platforms, {shop: 3}, Random(1))
        for way, point in (("looks_nothing_up", "t4.answered"), ("records_first", "t4.leased")):
            product.nursery.retire("deliver")
            product.nursery.start(["deliver"], {"deliver": [point]}, careless=way)
            trade.come_in()
            product.wait_until(product.idle, 60)
        found = Aftermath.read(platforms, product.rows)
    assert audit.duplicates(found.sent) != []
    assert any("never arrived" in line for line in audit.unaccounted(found.sent, found.outbox))
    assert {mail.account for mail in found.sent} == {account_of(shop)}
