"""The whole way in a real browser: a merchant sets a shop up, a shopper leaves a cart, gets the email and buys, the
revenue appears, and support finds out why no second email went out. Both platforms are the simulated ones; the workers'
part is played by the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect
from sqlalchemy import update

from connector import shops
from connector.db.session import transaction
from connector.models.analytics import figure_passes
from connector.models.shop import shops as shops_table
from sync import backfill
from tests.admin.every_page import WIDE, Window
from tests.admin.office import APP_KEY, APP_SECRET, Office
from tests.browser import chromium
from tests.engine.installation import HOUR, ConnectedShop, installation
from tests.engine.shoppers import hand_over
from tests.sandbox.provider_process import Account, Provider, receiver
from tests.sandbox.provider_process import Receiver as ReportReceiver
from tests.sandbox.store_process import Receiver, StoreProcess

SHOP = "story.myshopify.com"
KEY = "xkeysib-of-the-story"
BUYER = "carla@example.com"

__all__ = ["chromium", "receiver"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@dataclass
class Stage:
    """The shop, and what the platforms tell of it."""

    office: Office
    shop: ConnectedShop
    store: StoreProcess
    account: Account
    webhooks: Receiver
    reports: ReportReceiver

    def deliver(self) -> None:
        """Hand over everything that the platforms have posted since, and let it be worked on."""
        hand_over(self.shop, self.webhooks.received)
        for one in self.reports.got:
            self.shop.deliver("transactional", one["body"], source="brevo")
        self.webhooks.received.clear()
        self.reports.got.clear()
        self.office.installation.settle()

    def read(self, event: str) -> None:
        """The buyer does something with the newest message."""
        self.account.provider.control("POST", "act", {"account": KEY, "event": event, "email": BUYER})
        self.deliver()


@pytest.fixture
def stage(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, receiver: ReportReceiver
) -> Iterator[Stage]:
    """A store that has installed the app, with a past, and a Brevo account that it is not connected to yet."""
    bulk = {"start_seconds": 0, "objects_per_second": 1e6}
    world = {"shops": [{"domain": SHOP}], "bulk": bulk}
    with StoreProcess(tmp_path, world) as store, Receiver() as webhooks:
        store.post("populate", shop=SHOP, customers=20, orders=20, products=5, collections=1, abandoned_checkouts=1)
        store.post("subscribe", uri=webhooks.url, shops=[SHOP])
        app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET, "public_url": receiver.url}
        with installation(database_url, redis_url, tmp_path, provider, store, **app) as made:
            shop = made.connect(SHOP, flows=[])
            with transaction(made.deps.engine) as connection:
                values = {"state": "installed", "brevo_key": None, "live_since": made.now}
                connection.execute(update(shops_table).where(shops_table.c.id == shop.id).values(**values))
                shop.shop = shops.load(connection, shop.id)
            account = provider.account(KEY, tier="extended")
            yield Stage(Office(made), shop, store, account, webhooks, receiver)


@pytest.mark.row("S3-16", "S3-17")
def test_from_the_store_to_the_revenue(chromium: Chromium, stage: Stage) -> None:
    office = stage.office
    owner, support = office.hire("owner"), office.hire("support")
    with Window(chromium, office, dark=False, viewport=WIDE, script=True) as window:
        page = window.page
        window.sign_in(owner)
        page.get_by_role("link", name=stage.shop.shop.name, exact=True).click()
        page.get_by_role("link", name="Set-up", exact=True).click()
        connect(page)
        say_who_writes(page)
        watch_the_past(page, stage)
        try_a_message(page, stage, owner)
        step(page, "active").locator("li").filter(has_text="Cart recovery").get_by_role("button").click()
        expect(page.get_by_text("The flow is active")).to_be_visible()
        leave_a_cart_and_buy(stage)
        see_the_revenue(page)
        assert window.said == []
    with Window(chromium, office, dark=False, viewport=WIDE, script=True) as window:
        window.sign_in(support)
        find_out_why(window.page, stage)
        sync_again(window.page, stage)
        assert window.said == []
    assert [mail["tags"][1] for mail in stage.account.log("email") if mail["to"] == BUYER] == ["reminder"]


def step(page: Page, key: str) -> Any:
    return page.locator(f"#step-{key}")


def connect(page: Page) -> None:
    expect(step(page, "active")).to_contain_text("After the steps above")
    page.get_by_role("link", name="Connect Brevo").click()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Connect Brevo").click()
    expect(page.get_by_text("they send nothing before you activate them")).to_be_visible()
    page.get_by_role("link", name="Go on with the set-up").click()
    expect(step(page, "brevo")).to_contain_text("Done")
    expect(step(page, "starters")).to_contain_text("Done")


def say_who_writes(page: Page) -> None:
    expect(step(page, "sender")).to_contain_text("postal address")
    step(page, "sender").get_by_role("link").click()
    page.get_by_label("Postal address").fill("Harbour Street 1, 20457 Hamburg")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Set-up", exact=True).click()
    expect(step(page, "sender")).to_contain_text("They name Harbour Street 1")


def watch_the_past(page: Page, stage: Stage) -> None:
    step(page, "past").get_by_role("button", name="Read the whole store").click()
    page.get_by_role("link", name="Set-up", exact=True).click()
    expect(step(page, "past")).to_contain_text("Under way")
    for _ in range(20):
        stage.office.installation.settle()
        stage.office.installation.skip(60)
        if done_reading(stage):
            break
    # The page asks for itself.
    expect(step(page, "past")).to_contain_text("records were read", timeout=15_000)


def done_reading(stage: Stage) -> bool:
    with stage.shop.deps.engine.connect() as connection:
        return backfill.history(connection, stage.shop.id, 1)[0].ended


def try_a_message(page: Page, stage: Stage, owner: str) -> None:
    page.reload()
    trial = step(page, "test")
    expect(trial.get_by_role("textbox", name="To")).to_have_value(owner)
    trial.get_by_label("Message").select_option(label="Cart recovery: reminder")
    trial.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("The test is on its way.")).to_be_visible()
    assert [mail["to"] for mail in stage.account.log("email")] == [owner]


def leave_a_cart_and_buy(stage: Stage) -> None:
    product = stage.office.installation
    began = stage.store.act("start_checkout", items=[{"product": 1, "quantity": 2}], email=BUYER)
    token = began["checkout_token"]
    stage.store.act("update_checkout", checkout=token, first_name="Carla", last_name="Reed", accepts_marketing=True)
    stage.deliver()
    product.play(2 * HOUR)
    stage.deliver()
    stage.read("click")
    product.play(HOUR)
    stage.store.act("complete_checkout", checkout=token)
    stage.deliver()
    product.play(30 * HOUR)
    # The installation counts when it is told to.
    stage.shop.change(figure_passes, {"due_real": product.clock.machine()})
    product.settle()


def see_the_revenue(page: Page) -> None:
    page.get_by_role("link", name="Flows", exact=True).click()
    row = page.get_by_role("row").filter(has_text="Cart recovery")
    expect(row.locator("[data-name=Revenue]")).to_have_text(re.compile(r"[1-9][\d,.]* EUR"))
    row.get_by_role("link", name="Cart recovery").click()
    page.get_by_role("link", name="Who bought").click()
    expect(page.locator("main")).to_contain_text("Carla Reed")


def find_out_why(page: Page, stage: Stage) -> None:
    page.get_by_role("link", name=stage.shop.shop.name, exact=True).click()
    page.get_by_label("Find a person").fill(BUYER)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.locator("h1")).to_have_text("C••• R•••")
    expect(page.locator("main")).not_to_contain_text(BUYER)
    page.get_by_role("link", name="Flows").last.click()
    page.get_by_role("link", name="Cart recovery").first.click()
    decided = page.locator("section").filter(has=page.get_by_role("heading", name="What was decided so far"))
    # The store tells of the order and of the checkout, in either order.
    ending = decided.get_by_role("listitem").first
    why = r"The goal of the flow was reached|The flow ended for them: checkout completed"
    expect(ending).to_contain_text(re.compile(why))


def sync_again(page: Page, stage: Stage) -> None:
    page.get_by_role("navigation", name="Parts").get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="Sync again").click()
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("No message goes out because of this.")).to_be_visible()
    page.get_by_role("button", name="Sync 1 record").click()
    expect(page.locator("#progress .badge")).to_have_text("Waits for its turn")
    stage.office.installation.settle()
    stage.office.installation.skip(60)
    stage.office.installation.settle()
    # The page asks for itself.
    expect(page.locator("#progress .badge")).to_have_text("Done", timeout=15_000)
