"""From what people do to the numbers of the reports page: each played through a shop, counted by hand, with people
beside who do the same and are not meant."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from connector.cli.report import report
from connector.models.analytics import figure_passes, metric_figures, metric_passes
from flows import analytics
from flows.analytics import rounds
from flows.analytics.metrics import METRICS
from flows.content.source import parse
from flows.definition_files import read_folder
from flows.engine.book import Published, current
from flows.starters import folder
from tests.admin.office import Browser, Office
from tests.admin.test_flow_pages import read, rows
from tests.api.teller import teller_of
from tests.architecture.project import PROJECT, table_rows
from tests.engine.discounts import shop_of_its_own
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation, installation
from tests.engine.payloads import line
from tests.engine.shoppers import begin_checkout, buy, by_customer, subscribe
from tests.engine.test_order_signals import COFFEE, shelf
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess

MAIL = "---\nsubject: Hello\npurpose: marketing\ndeadline: 2d\n---\n<p>Hello</p>\n"
MUG = [line("Mug", product_id=7)]
CAPS = {"marketing_cap": {"count": 100, "days": 1}}


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store) as made:
        yield made


def address(number: int) -> str:
    return f"p{number}@example.com"


def people(shop: ConnectedShop, *numbers: int) -> None:
    for number in numbers:
        subscribe(shop, address(number), number)
    shop.installation.settle()


def order(shop: ConnectedShop, number: int, order_id: int, total: str = "50.00", **fields: Any) -> None:
    spent = {"total_price": total, "current_total_price": total}
    buy(shop, address(number), order_id, **by_customer(number, address(number)), **spent, **fields)


def count(shop: ConnectedShop) -> None:
    """Figures rest in tests that are not about them: wake them."""
    shop.change(figure_passes, {"due_real": shop.installation.clock.machine()})
    shop.change(metric_passes, {"due_real": shop.installation.clock.machine()})
    shop.installation.settle("figures")


@pytest.fixture
def browser(product: Installation) -> Browser:
    office = Office(product)
    return office.browser(office.hire("read-only"))


def reports(browser: Browser, shop: ConnectedShop, flow: str = "") -> str:
    """The page of the reports, or of a flow, after everything was counted."""
    count(shop)
    path = f"flows/{flow}" if flow else "reports"
    answer = browser.get(f"/admin/shops/{shop.id}/{path}", query_string={"days": 365})
    assert answer.status_code == 200
    return str(answer.text)


def row(page: str, title: str) -> str:
    """The one row of this number, without its definition, which has to be there."""
    (metric,) = [one for one in METRICS.values() if one.title == title]
    (found,) = [one for one in rows(page) if one.startswith(title)]
    assert found.endswith(metric.says)
    return found.removeprefix(title).removesuffix(metric.says).strip()


AFTER = """flow: after
name: After the first order
about: {benchmarks: {review_submission_rate: 5-10 %}}
tags: [post-purchase]
trigger: {on: first_order, key: event.order_id}
hold_after_purchase: none
steps:
  - email: review-request
  - wait: 1d
  - email: cross-sell
"""
SUPPLIES = """flow: supplies
name: Supplies
tags: [replenishment]
trigger: {on: replenishment_due, key: event.product_id}
hold_after_purchase: none
steps:
  - email: running-low
"""


@pytest.mark.row("S5-022", "S5-024", "S5-106", "S5-107", "S5-108")
def test_reviews_repeat_orders_and_reorders_are_of_those_who_were_asked(
    product: Installation, browser: Browser
) -> None:
    shop = product.connect(flows=[], signals={"replenishment_due": COFFEE}, **CAPS)
    shelf(shop, p101=["coffee"])
    shop.publish(AFTER, **{"review-request": MAIL, "cross-sell": MAIL})
    shop.publish(SUPPLIES, **{"running-low": MAIL})
    teller = teller_of(shop)
    people(shop, 1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        order(shop, number, 100 + number, line_items=[line("Beans", product_id=101)])
    product.play(HOUR)
    # Nobody has told a review: that is not 0 %.
    assert row(reports(browser, shop), "Reviews written").startswith(
        "After the first order No review is known. Shopify and Bre"
    )
    teller.tell("review_submitted", {"email": address(1)}, rating=5)
    # Who was asked for nothing is not counted, nor who writes long afterwards.
    teller.tell("review_submitted", {"email": "eve@example.com"}, rating=5)
    product.play(2 * DAY)
    order(shop, 2, 202, line_items=MUG)
    product.play(11 * DAY)
    # The same again, something else, and one who is called off: the reminder of day 12 has come.
    order(shop, 3, 303, line_items=[line("Beans", product_id=101)])
    order(shop, 4, 404, line_items=MUG, cancelled_at=product.now.isoformat())
    product.play(20 * DAY)
    teller.tell("review_submitted", {"email": address(2)}, rating=5)
    # A month after the first order it is a repeat purchase no more, but one of the flow that reminded lately.
    order(shop, 1, 101101, line_items=MUG)
    product.settle()
    page = reports(browser, shop)
    assert row(page, "Reviews written") == "After the first order 25.0 % 1 of 4 people asked 5-10 %"
    assert row(page, "Ordered again within 30 days") == "After the first order 50.0 % 2 of 4 new customers"
    # The second one's order of day 2, and the third one's of day 13.
    assert row(page, "Orders after recommendations") == "After the first order 50.0 % 2 of 4 people 3-5 %"
    assert row(page, "Ordered the same again").startswith("Supplies 25.0 % 1 of 4 times; 3 still have time 20 %")
    # The flow's own page has the same, beside what its makers and the guides claim.
    own = reports(browser, shop, "after")
    assert row(own, "Reviews written") == "25.0 % 1 of 4 people asked 5-10 %"
    assert "Review submission rate 25.0 % 5-10 % written in the flow" in rows(own)
    # So has the command, and of a time in which nobody came in it says so.
    told = run(shop).output
    assert "Reviews written: 25.0 % (the guide says 5-10 %): 1 of 4 people asked" in told
    assert "Reviews written: Nobody was asked for a review yet." in run(shop, "--since", "2026-12-01").output


def run(shop: ConnectedShop, *words: str) -> Any:
    result = CliRunner().invoke(report, ["metrics", *words, "--shop", shop.shop.domain], obj=shop.deps.settings)
    assert result.exit_code == 0, result.output
    return result


HELLO = """flow: hello
name: Hello
tags: [welcome]
trigger: {on: newsletter_subscribed}
steps:
  - coupon: {as: hi, percent: 15, valid: 9d, prefix: HI}
  - email: hello
"""
CARTS = """flow: carts
name: Carts
tags: [cart]
trigger: {on: checkout_abandoned, after: 1h, key: event.checkout_token}
steps:
  - email: incentive
"""
LOOKED = """flow: looked
name: Looked
tags: [browse]
trigger: {on: browse_abandoned, after: 2h}
steps:
  - email: still-thinking
"""
COLD = """flow: cold
name: Cold
tags: [win-back]
trigger: {on: "custom:gone_quiet"}
exit: [order_placed]
steps:
  - email: a-while
  - wait: 7d
  - suppress: email
"""


@pytest.mark.row("S5-091", "S5-100", "S5-115", "S5-116", "S5-123")
def test_codes_carts_and_who_is_left_alone_are_of_those_who_were_written_to(
    product: Installation, browser: Browser, request: pytest.FixtureRequest
) -> None:
    shop = shop_of_its_own(product, request)
    shop.set(offers={"cart": {"code": "CART10", "percent": 10}}, **CAPS)
    shop.publish(HELLO, hello=MAIL.replace("Hello</p>", "{{ coupon.hi.code }}</p>"))
    shop.publish(CARTS, incentive=MAIL.replace("Hello</p>", "{{ shop.offers.cart.code }}</p>"))
    shop.publish(LOOKED, **{"still-thinking": MAIL})
    shop.publish(COLD, **{"a-while": MAIL})
    teller = teller_of(shop)
    people(shop, 1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        # Guests who leave a cart, and subscribers who look and leave.
        begin_checkout(shop, address(10 + number), f"tok-{number}")
        teller.tell("product_viewed", {"email": address(number)}, product_id=7, url="https://a.example/mug")
    for number in (1, 2, 3, 4):
        teller.tell("custom", {"email": address(number)}, name="gone_quiet", properties={})
    # One email a day.
    product.play(2 * DAY + HOUR)
    own = next(code for code in codes(shop, 1))
    teller.tell("added_to_cart", {"email": address(2)}, product_id=7)
    product.settle()
    # With the code of one's own; with everybody's, as one types it; with neither; and somebody whom nobody wrote to.
    order(shop, 1, 101, discount_codes=[{"code": own}])
    buy(shop, address(12), 112, discount_codes=[{"code": "cart10"}])
    buy(shop, "eve@example.com", 999, discount_codes=[{"code": "CART10"}])
    product.play(12 * DAY)
    order(shop, 3, 103)
    product.settle()
    page = reports(browser, shop)
    used = [one.partition(" Of the discount")[0] for one in rows(page) if one.startswith("Discount codes used")]
    assert used == [
        "Discount codes used Carts 25.0 % 1 of 4 codes; 3 still have time",
        "Discount codes used Hello 12.5 % 1 of 8 codes 10-15 %",
    ]
    # The third one bought, too: long after looking, and after they were left alone.
    assert row(page, "From looking to the cart") == "Looked 25.0 % 1 of 4 times 3-5 %"
    assert row(page, "From looking to an order") == "Looked 25.0 % 1 of 4 times 1-2 %"
    assert row(page, "Suppressed in the end") == "Cold 75.0 % 3 of 4 times"


def codes(shop: ConnectedShop, number: int) -> list[str]:
    (mail, *_) = [one for one in shop.mails(address(number)) if one["tags"][1] == "hello"]
    return [word for word in read(mail["html"]).split() if word.startswith("HI-")]


BEST = """flow: best
name: Best customers
tags: [vip]
trigger: {on: total_spent_reached}
hold_after_purchase: none
steps:
  - email: thanks
"""


@pytest.mark.row("S4-22", "S5-141", "S5-142", "S5-143")
def test_vips_and_those_who_never_returned_are_counted_of_all_customers(
    product: Installation, browser: Browser
) -> None:
    shop = product.connect(flows=[], signals={"total_spent_reached": {"amounts": ["500"]}}, **CAPS)
    shop.publish(BEST, thanks=MAIL)
    people(shop, 1, 2, 3, 4, 5)
    page = reports(browser, shop)
    assert row(page, "Bought once and never returned") == "Nobody has bought anything yet."
    assert row(page, "VIPs who bring others along").startswith("Nobody has come into a flow with the tag vip yet")
    order(shop, 1, 101, "600.00")
    order(shop, 2, 102, "500.00")
    for number in (3, 4):
        order(shop, number, 100 + number, "40.00")
    product.play(20 * DAY)
    order(shop, 1, 201, "100.00")
    # Called off: it is no order, and the third one has still bought once only.
    order(shop, 3, 203, "30.00", cancelled_at=product.now.isoformat())
    product.play(75 * DAY)
    # A customer who came lately, and one of the first who is back.
    order(shop, 5, 105, "20.00")
    order(shop, 4, 204, "60.00")
    product.settle()
    page = reports(browser, shop)
    # Two and three are those who have not returned; five is expected, one and four came back.
    assert row(page, "Bought once and never returned") == "2 40.0 % of 5 customers; 1 more have bought once lately"
    assert (
        row(page, "VIPs who stay")
        == "VIPs: 50.0 % 1 of 2 customers of that day Other customers: 100.0 % 2 of 2 customers of that day"
    )
    (revenue,) = [row(page, "Revenue for each customer")]
    assert revenue == (
        "VIPs: 600.00 EUR 1,200.00 EUR by 2 customers Other customers: 53.33 EUR 160.00 EUR by 3 customers"
    )
    assert row(page, "VIPs who bring others along").startswith("No referral is known. Neither Shopify nor Brevo tells")
    teller = teller_of(shop)
    teller.tell("custom", {"email": address(1)}, name="friend_referred", properties={})
    teller.tell("custom", {"email": address(3)}, name="friend_referred", properties={})
    product.settle()
    assert row(reports(browser, shop), "VIPs who bring others along") == "50.0 % 1 of 2 VIPs"
    found = {one["metric"]: one for one in orjson.loads(run(shop, "--json").output)["shop"]}
    assert found["vip_revenue"]["counts"][0] == {
        "who": "vip", "whole": 2, "hits": 0, "waiting": 0, "share": None, "average": "600.0000"
    }  # fmt: skip


def test_each_shipped_flow_has_the_numbers_that_its_guide_names() -> None:
    found = {}
    for name in ("welcome", "cart-recovery", "post-purchase", "browse-abandonment", "win-back", "replenishment", "vip"):
        files = read_folder(folder(name))
        one = Published(files.flow, {key: parse(key, text) for key, text in files.texts.items()})
        mine = [metric for metric in METRICS.values() if metric.watches(one, {"offers": {}})]
        found[name] = {metric.name: metric.guide(files.flow) for metric in mine}
    assert found == {
        "welcome": {"codes_used": "10-15 %"},
        "cart-recovery": {"codes_used": ""},
        "post-purchase": {"repeat_purchase": "", "reviews_written": "5-10 %", "cross_sell": "3-5 %"},
        "browse-abandonment": {"browse_to_cart": "3-5 %", "browse_to_purchase": "1-2 %"},
        "win-back": {"one_time_buyers": "", "codes_used": "", "suppressed": ""},
        "replenishment": {"reordered": "20 %"},
        "vip": {"vip_retention": "", "vip_revenue": "", "vip_referrals": "", "codes_used": ""},
    }


def test_the_page_says_of_each_number_what_the_guide_says() -> None:
    titles = {metric.title: "".join(set(metric.guides.values())) for metric in METRICS.values()}
    written = {cells[0]: cells[3].partition(" (")[0] for cells in table_rows(PROJECT / "docs/reports.md", 4)}
    assert {name: guide for name, guide in written.items() if name in titles} == titles


def test_a_round_goes_through_everybody_slice_by_slice_and_is_shown_when_it_is_whole(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "SLICE", 2)
    shop = product.connect(flows=[], **CAPS)
    for number in (1, 2, 3, 4, 5):
        order(shop, number, 100 + number)
    product.settle()
    slice_of = partial(rounds.count_due, shop.deps, shop.shop, current)
    shown = []
    for _ in range(3):
        slice_of()
        with shop.scope() as scope:
            (reading, *_) = analytics.of_shop(scope.connection, shop.shop)
        shown.append((reading.count.whole, reading.count.waiting))
        # It rests; a whole round for an hour.
        before = shop.rows(metric_figures)
        slice_of()
        assert shop.rows(metric_figures) == before
        product.skip(3000)
    assert shown == [(0, 0), (0, 0), (5, 5)]
    # The next one begins from nothing, and what it shows is not added to what was.
    product.skip(3000)
    for _ in range(3):
        slice_of()
        product.skip(3000)
    with shop.scope() as scope:
        assert analytics.of_shop(scope.connection, shop.shop)[0].count.whole == 5
        assert {one.round for one in shop.rows(metric_figures)} == {2}
