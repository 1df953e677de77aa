"""Staff at a real browser: signing in, finding a person, looking at what a sync would change, running it, and the line
that it leaves in the audit log. Both platforms are the simulated ones; the workers' part is played by the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect

from connector.models.person import identities, persons
from connector.models.rerun import sync_runs
from tests import browser
from tests.admin.office import APP_KEY, APP_SECRET, PASSWORD, Desk, Office, furnish
from tests.browser import chromium
from tests.engine.installation import installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP, StoreProcess

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def office(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Office]:
    app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET}
    with installation(database_url, redis_url, tmp_path, provider, store, **app) as made:
        yield Office(made)


class Window(browser.Window):
    """A window at the admin."""

    def __init__(self, chromium: Chromium, office: Office, **options: Any) -> None:
        super().__init__(chromium, office.app, **options)

    def sign_in(self, email: str) -> None:
        self.page.goto("/admin/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Shops", exact=True)).to_be_visible()


def older_than_the_store(office: Office, store: StoreProcess, email: str) -> Desk:
    """A shop and a person whom we hold under an old name."""
    customer_id = store.act("create_customer", shop=SHOP, email=email, first_name="Flora", last_name="Hill")[
        "customer_id"
    ]
    desk = furnish(office.installation, SHOP, number=1)
    shop = desk.shop
    profile = {"first_name": "Old", "last_name": "Name", "email": email, "customer_id": customer_id}
    shop.change(persons, profile, id=desk.person)
    for kind, value in (("email", email), ("customer", str(customer_id))):
        shop.change(identities, {"value": value}, kind=kind, person_id=desk.person)
    # Nothing else is to be done.
    shop.change(sync_runs, {"state": "done"}, id=desk.open_run)
    return desk


def test_staff_find_a_person_and_sync_them_again(chromium: Chromium, office: Office, store: StoreProcess) -> None:
    email = "flora@example.com"
    desk = older_than_the_store(office, store, email)
    with Window(chromium, office) as window:
        page = window.page
        window.sign_in(office.hire("support"))
        page.get_by_role("link", name=desk.shop.shop.name, exact=True).click()
        for wanted in (email, "#1001"):
            page.get_by_role("link", name="People", exact=True).click()
            page.get_by_label("Find a person").fill(wanted)
            page.get_by_role("button", name="Find").click()
            page.get_by_role("link", name="O••• N•••").click()
            expect(page.get_by_role("heading", name="O••• N•••")).to_be_visible()
        expect(page.get_by_text(email)).to_have_count(0)
        page.get_by_role("link", name="Sync again").click()
        page.get_by_role("button", name="Show what would change").click()
        expect(page.get_by_text("No message goes out because of this.")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="first_name")
        expect(row).to_contain_text("O•••")
        expect(row).to_contain_text("F•••")
        page.get_by_role("button", name="Sync 1 record").click()
        expect(page.get_by_text("Waits for its turn")).to_be_visible()
        office.installation.settle()
        # Until the run looks again whether Brevo has been told of all of it.
        office.installation.skip(60)
        office.installation.settle()
        # The page asks for itself.
        expect(page.get_by_text("1 read, 1 changed, 0 unchanged, 0 failed.")).to_be_visible(timeout=15_000)
        expect(page.locator("#progress .badge")).to_have_text("Done")
        page.get_by_role("link", name="Audit log").click()
        expect(page.get_by_role("row").filter(has_text="Started a sync")).to_contain_text("support@office.example")
        assert window.said == []
    assert desk.shop.one(persons, id=desk.person).first_name == "Flora"
    assert desk.shop.contacts()[email]["attributes"]["FIRSTNAME"] == "Flora"
    assert desk.shop.mails() == []


@pytest.mark.long
@pytest.mark.parametrize("javascript", [True, False])
def test_it_works_on_a_telephone_and_without_script(chromium: Chromium, office: Office, javascript: bool) -> None:
    desk = furnish(office.installation, SHOP, number=1)
    options = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": javascript}
    with Window(chromium, office, **options) as window:
        page = window.page
        window.sign_in(office.hire("owner"))
        for path in ("", "people?q=bell", f"people/{desk.person}", "syncs", f"syncs/{desk.run}", "deliveries",
                     f"deliveries/{desk.delivery}", "standing", "audit", "brevo"):  # fmt: skip
            page.goto(f"{desk.path}/{path}")
            if javascript:
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= 360, f"{path} is {wide} wide"
        page.goto(f"{desk.path}/standing")
        page.get_by_role("button", name="Go on now").click()
        expect(page.get_by_text("The channel goes on.")).to_be_visible()
