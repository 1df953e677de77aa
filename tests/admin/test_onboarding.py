"""The way from an installed app to flows that send: which step is next, and what stands in the way."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from connector.admin.onboarding import Step, _placed
from connector.models.flow import flows
from connector.models.shop import shops
from tests.admin.office import Office

KEYS = ("store", "brevo", "sender", "starters", "others", "past", "test", "active")


def states(*done: str) -> dict[str, str]:
    return {step.key: step.state for step in _placed([Step(key, "", key in done, "") for key in KEYS])}


@pytest.mark.parametrize(
    ("done", "next_", "later"),
    [
        ((), "store", {"brevo", "sender", "past", "test", "active"}),
        (("store",), "brevo", {"sender", "test", "active"}),
        (("store", "brevo"), "sender", {"test", "active"}),
        (("store", "brevo", "starters"), "sender", {"active"}),
        (("store", "brevo", "sender", "starters"), "others", set()),
        (KEYS, None, set()),
    ],
)
def test_the_first_step_that_can_be_done_is_next(done: tuple[str, ...], next_: str | None, later: set[str]) -> None:
    found = states(*done)
    assert [key for key in KEYS if found[key] == "next"] == ([next_] if next_ else [])
    assert {key for key in KEYS if found[key] == "later"} == later
    assert {key for key in KEYS if found[key] == "done"} == set(done)


def shown(page: str) -> dict[str, str]:
    return {key: state for state, key in re.findall(r'<li class="(\w+)" id="step-(\w+)"', page)}


def test_a_merchant_is_led_and_nothing_is_sent_before_they_say_so(office: Office) -> None:
    mine, theirs = office.desks
    browser = office.browser(office.hire("owner"))
    path = f"{mine.path}/onboarding"
    with office.transaction() as connection:
        bare = {"state": "installed", "brevo_key": None, "granted_scopes": ["read_customers"]}
        connection.execute(update(shops).where(shops.c.id == mine.shop.id).values(**bare))
    page = browser.get(path).text
    assert shown(page) | {"brevo": "next", "sender": "later", "active": "later"} == shown(page)
    assert "read or write orders, checkouts and carts (read_orders)" in page
    refused = browser.post(f"{path}/activate", flow="welcome")
    assert refused.status_code == 422 and "Connect Brevo first" in refused.text
    refused = browser.post(f"{path}/test", message="welcome/hello", to="me@example.com")
    assert refused.status_code == 422 and "Connect Brevo first" in refused.text

    with office.transaction() as connection:
        connection.execute(update(shops).where(shops.c.id == mine.shop.id).values(state="active", brevo_key="sealed"))
    browser.post(f"{path}/flows")
    names = {"welcome": "draft", "cart-recovery": "draft"}
    assert {row.flow: row.status for row in mine.shop.rows(flows)} | names == {
        row.flow: row.status for row in mine.shop.rows(flows)
    }
    refused = browser.post(f"{path}/activate", flow="welcome")
    assert refused.status_code == 422 and "postal address" in refused.text
    mine.shop.set(address="Harbour Street 1")
    assert "lets people in and sends" in browser.get(browser.post(f"{path}/activate", flow="welcome").location).text
    assert mine.shop.one(flows, flow="welcome").status == "active"
    assert mine.shop.one(flows, flow="cart-recovery").status == "draft"
    # Once more: it is active already, and drafts that are there are left alone.
    assert browser.post(f"{path}/activate", flow="welcome").status_code == 422
    browser.post(f"{path}/flows")
    assert mine.shop.one(flows, flow="welcome").status == "active"
    acts = [line.act for line in office.lines(mine.shop.id)]
    assert acts == ["flow.resume", "flow.publish", "flow.publish"]
    assert {row.flow for row in theirs.shop.rows(flows)} & set(names) == set()


def test_only_an_editor_takes_a_step(office: Office) -> None:
    mine = office.desks[0]
    page = office.browser(office.hire("support")).get(f"{mine.path}/onboarding").text
    assert "Put the first flows in" in page and "<form" not in page.partition('<ol class="steps">')[2]
