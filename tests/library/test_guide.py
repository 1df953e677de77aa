"""Where to begin, how long flows are and when their first messages leave: the recommendations, and what ships."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.flows import flows as command
from flows.core.model import FlowVersion
from flows.definition_files import read_folder
from flows.engine.publish import FROM_THE_START
from flows.library_page import refreshed
from flows.starters import BY_FLOW, DAY, HOUR, STARTERS, folder, measured, strays
from tests.engine.installation import ConnectedShop, Installation, installation

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
ORDER = ["welcome", "cart-recovery", "post-purchase", "win-back", "browse-abandonment"]


def shipped(name: str) -> FlowVersion:
    return read_folder(folder(name)).flow


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


def said(*words: str, shop: ConnectedShop | None = None) -> str:
    given = CliRunner().invoke(command, ["starters", *words], obj=shop.deps.settings if shop else None)
    assert given.exit_code == 0, given.output
    return given.output


@pytest.mark.row("S5-161")
@pytest.mark.row("S1-58")
def test_the_flows_to_begin_with_stand_in_the_recommended_order_and_ship() -> None:
    assert [starter.flow for starter in STARTERS] == ORDER
    assert [starter.flow for starter in STARTERS if starter.begin] == ["welcome", "win-back"]
    told = said()
    places = [told.index(f"{number}. {shipped(name).name}: {name}") for number, name in enumerate(ORDER, start=1)]
    assert places == sorted(places)
    assert all(f"connector flows publish {folder(name)} --shop SHOP" in told for name in ORDER)
    assert "Begin with one or two" in told and told.count("(one to begin with)") == 2


def test_a_shop_is_told_which_of_them_it_has(product: Installation) -> None:
    shop: ConnectedShop = product.connect(flows=["welcome"])
    told = said("--shop", shop.shop.domain, shop=shop)
    assert "1. Welcome: welcome (one to begin with) [active]" in told and told.count("[not published]") == 4
    assert str(folder("welcome")) not in told and f"{folder('win-back')} --shop {shop.shop.domain}" in told
    assert set(FROM_THE_START) <= set(ORDER)


@pytest.mark.row("S5-253")
@pytest.mark.row("S5-254")
@pytest.mark.parametrize("name", [name for name in ORDER if BY_FLOW[name].guide])
def test_flows_that_ship_are_as_long_as_is_recommended_and_begin_in_time(name: str) -> None:
    guide = BY_FLOW[name].guide
    assert guide is not None and strays(shipped(name), guide) == []
    # As the guide has them: welcome 4-6 emails over 7-14 days, cart 3-4 over 3-4 days, after a purchase 5-7 in weeks.
    assert (guide.emails, guide.days) == {
        "welcome": ((4, 6), (7, 14)),
        "cart-recovery": ((3, 4), (3, 4)),
        "post-purchase": ((5, 7), (21, 28)),
    }[name]


@pytest.mark.row("S5-254")
def test_what_follows_a_purchase_follows_the_parcel() -> None:
    assert measured(shipped("cart-recovery")).first == HOUR and measured(shipped("welcome")).first == 0 * HOUR
    after = shipped("post-purchase")
    awaited = [step.config.awaits for step in after.steps.values() if hasattr(step.config, "awaits")]
    assert "order_delivered" in awaited and shipped("review-request").trigger.on == "order_delivered"


def test_control_a_flow_of_another_length_is_noticed() -> None:
    guide = BY_FLOW["welcome"].guide
    assert guide is not None
    assert len(strays(shipped("cart-recovery"), guide)) == 3
    short = replace(guide, emails=(1, 2), apart=(3 * DAY, 4 * DAY))
    assert len(strays(shipped("welcome"), short)) == 1 + 4


def test_the_page_says_what_ships() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert refreshed(page) == page, "python -m flows.library_page < docs/library.md"
    assert refreshed(page.replace("| 1 | `welcome`", "| 7 | `welcome`")) == page
