"""Cart recovery beyond emails: a text for those who agreed, a code of one's own where the shop has none for all."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from connector import coupon_codes, shops
from connector.db.session import transaction
from connector.models.coupon import coupons
from connector.models.flow import runs, trail
from connector.models.shop import shops as shops_table
from sandbox.store.apps import GRANTED
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout, embedded
from tests.engine.shoppers import begin_checkout, buy, subscribe
from tests.engine.test_cart_recovery import CART, HOURS
from tests.engine.texting import NUMBER, SENDER, agree_to_texts, texts
from tests.sandbox.store_process import SHOP, StoreProcess

ANN, BOB = "ann@example.com", "bob@example.com"
OWN = {"cart": {"percent": 15}}
CODE = re.compile(rf"BACK-[{coupon_codes.ALPHABET}]{{{coupon_codes.LENGTH}}}\b")


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["cart-recovery"], offers=CART, sms=SENDER["sms"])


@pytest.fixture
def own(product: Installation, request: pytest.FixtureRequest) -> ConnectedShop:
    """A shop whose offer has no code. With a salt of its own: the store has the codes of the other tests."""
    made = product.connect(flows=["cart-recovery"], offers=OWN)
    salt = f"{request.node.name} {product.deps.settings.database_url}"
    with transaction(product.deps.engine) as connection:
        connection.execute(update(shops_table).where(shops_table.c.id == made.id).values(salt=salt.encode()))
        made.shop = shops.load(connection, made.id)
    return made


def hours(shop: ConnectedShop, to: str) -> list[tuple[str, float]]:
    """The emails to this address, with the hours after the last change; the arms of the split are one."""
    return [(name.removesuffix("-urgency"), (at - START) / HOUR) for name, at in shop.sent(to)]


def leave_cart(shop: ConnectedShop, email: str, customer_id: int, number: str, *, agrees: bool) -> None:
    """A customer with a number begins a checkout, now."""
    if agrees:
        agree_to_texts(shop, number, customer_id)
    subscribe(shop, email, customer_id, phone=number)
    body = checkout(f"tok{customer_id}", email, START, customer=embedded(customer_id, email))
    shop.deliver("checkouts/create", body)


@pytest.mark.row("S1-20")
@pytest.mark.row("S4-02")
@pytest.mark.row("S4-04", "S5-242", "S5-244")
def test_who_agreed_to_texts_gets_one_three_hours_after_the_reminder_and_all_emails_when_they_would(
    product: Installation, shop: ConnectedShop
) -> None:
    leave_cart(shop, ANN, 1, NUMBER, agrees=True)
    leave_cart(shop, BOB, 2, "+33687654321", agrees=False)
    product.play_to(START + 4 * HOUR - timedelta(seconds=1))
    assert texts(shop) == []
    product.play_to(START + 4 * HOUR)
    (text,) = texts(shop)
    assert (text["to"], text["type"], text["parts"]) == (NUMBER.removeprefix("+"), "marketing", 1)
    path = text["content"].split("https://shop.example")[1].split()[0]
    assert "tok1" in product.browser().get(path).headers["Location"]
    product.play(5 * DAY)
    assert len(texts(shop)) == 1
    assert hours(shop, ANN) == hours(shop, BOB) == HOURS


def test_a_purchase_in_the_second_before_the_text_cancels_it(product: Installation, shop: ConnectedShop) -> None:
    """The control is the test above."""
    leave_cart(shop, ANN, 1, NUMBER, agrees=True)
    product.play_to(START + 4 * HOUR - timedelta(seconds=1))
    buy(shop, ANN, token="tok1")
    product.play(5 * DAY)
    assert texts(shop) == [] and len(shop.mails()) == 1 and shop.one(runs).outcome == "goal"


@pytest.mark.row("S2-17")
def test_an_offer_without_a_code_becomes_one_of_ones_own(
    product: Installation, own: ConnectedShop, store: StoreProcess
) -> None:
    begin_checkout(own, ANN, "tok1")
    begin_checkout(own, BOB, "tok2")
    product.play_to(START + 2 * DAY - timedelta(seconds=1))
    assert own.rows(coupons) == [], "none is made before it is shown"
    product.play(5 * DAY)
    assert hours(own, ANN) == hours(own, BOB) == HOURS
    known = {row.code: row for row in own.rows(coupons)}
    made = {one["codes"][0]: one for one in store.get("state")["shops"][SHOP]["discounts"]}
    for email in (ANN, BOB):
        _, _, incentive, last = own.mails(email)
        (code,) = set(CODE.findall(incentive["html"]))
        assert set(CODE.findall(last["html"])) == {code} and "15% off" in incentive["subject"]
        assert made[code]["percentage"] == 0.15
        # Three days at least from when it was shown, and still good with the last message.
        assert made[code]["ends_at"] >= (START + 5 * DAY).timestamp()
        known.pop(code)
    assert known == {}, "everybody has their own, and there is no other"


def test_where_no_code_can_be_made_questions_are_asked(
    product: Installation, own: ConnectedShop, store: StoreProcess
) -> None:
    store.act("update_scopes", scopes=["read_customers", "read_orders", "read_products"])
    try:
        begin_checkout(own, ANN, "tok1")
        product.play(5 * DAY)
    finally:
        store.act("update_scopes", scopes=list(GRANTED))
    assert hours(own, ANN) == [(name if name != "incentive" else "any-questions", hour) for name, hour in HOURS]
    assert [row.state for row in own.rows(coupons)] == ["stored"], "written down, never made"
    assert "coupon_skipped" in {row.code for row in own.rows(trail)}


def test_nobody_gets_a_code_who_could_not_be_shown_it(product: Installation, own: ConnectedShop) -> None:
    begin_checkout(own, ANN, "tok1", buyer_accepts_marketing=False)
    product.play(5 * DAY)
    assert own.mails() == [] and own.rows(coupons) == [] and own.one(runs).outcome == "completed"


def test_a_code_for_all_makes_none_of_ones_own(product: Installation, shop: ConnectedShop) -> None:
    """The control: the same flow, the same steps, another setting."""
    begin_checkout(shop, BOB)
    product.play(5 * DAY)
    assert shop.rows(coupons) == [] and any("CART10" in mail["html"] for mail in shop.mails())
