"""People who turn out to be one, or nobody's customers any more, while flows run: nobody is written to twice, and
nothing that was under way is lost.
"""

from __future__ import annotations

import pytest

from connector.brevo.client import BrevoAccount
from connector.models.flow import runs
from connector.models.identity import left_contacts
from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, persons
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout, customer
from tests.engine.shoppers import begin_checkout, buy, by_customer, leave_by_page, subscribe
from tests.sync.test_merging import joined

ANN, WORK = "ann@example.com", "ann@work.example"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["welcome", "cart-recovery"])


def both(product: Installation, shop: ConnectedShop) -> None:
    """Ann has two accounts and is in the welcome flow with both."""
    for number, email in ((1, ANN), (2, WORK)):
        subscribe(shop, email, number)
        product.settle()
        product.at(product.now + HOUR)


def test_of_two_runs_of_one_flow_the_older_goes_on(product: Installation, shop: ConnectedShop) -> None:
    both(product, shop)
    assert [name for name, _ in shop.sent()] == ["hello", "hello"]
    shop.deliver("customers/merge", joined(2, 1))
    product.play(30 * DAY)
    assert [name for name, _ in shop.sent(WORK)] == ["hello", "story", "favourites", "guide", "last-call"]
    assert [name for name, _ in shop.sent(ANN)] == ["hello"], "the kept record has the other address"
    older, younger = sorted(shop.rows(runs), key=lambda row: row.entered_at)
    assert (older.outcome, younger.outcome) == ("completed", "merged")
    assert {row.person_id for row in (older, younger)} == {shop.one(persons, customer_id=2).id}
    assert len(shop.rows(send_ledger, person_id=older.person_id)) == 6, "what both got counts in the caps"


@pytest.mark.long
def test_control_two_who_are_not_one_both_get_all(product: Installation, shop: ConnectedShop) -> None:
    both(product, shop)
    shop.deliver("customers/merge", joined(2, 1, "failed"))
    product.play(30 * DAY)
    assert len(shop.sent(ANN)) == len(shop.sent(WORK)) == 5


def test_a_message_that_is_under_way_meanwhile_is_the_kept_ones(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two become one between the call to the provider and its answer."""
    shop.deliver("customers/create", customer(2, WORK, START))
    subscribe(shop, ANN, 1)
    product.settle("intake", "fetch", "flows")
    send = BrevoAccount.send_email

    def and_meanwhile(account: BrevoAccount, *given: object, **options: object) -> str:
        answer = send(account, *given, **options)  # type: ignore[arg-type]
        if len(shop.rows(persons, merged_into=None)) == 2:
            shop.deliver("customers/merge", joined(2, 1))
            product.settle("intake")
        return answer

    monkeypatch.setattr(BrevoAccount, "send_email", and_meanwhile)
    product.play(10 * DAY)
    (one,) = shop.rows(persons, merged_into=None)
    assert {(row.state, row.person_id) for row in shop.rows(outbox)} == {("sent", one.id)}
    assert [name for name, _ in shop.sent()] == ["hello", "story", "favourites", "guide", "last-call"]
    assert shop.one(runs).outcome == "completed", "the run heard that its message left"


def test_a_link_in_an_old_mail_is_the_kept_ones(product: Installation, shop: ConnectedShop) -> None:
    both(product, shop)
    mail = shop.mails(ANN)[0]
    shop.deliver("customers/merge", joined(2, 1))
    product.settle()
    leave_by_page(product, mail)
    product.play(30 * DAY)
    assert shop.one(consents, channel="email", purpose="newsletter").state == "unsubscribed"
    assert len(shop.mails()) == 2, "the two that had left before"
    assert shop.contacts()[WORK]["emailBlacklisted"]


def bought_by(shop: ConnectedShop) -> tuple[int, bool]:
    """Whose the one order at the provider is, and whether it was told as history."""
    (order,) = shop.account.state()["orders"].values()
    return order["contact_id"], order["historical"]


def test_brevo_has_one_contact_of_one_person(product: Installation, shop: ConnectedShop) -> None:
    both(product, shop)
    buy(shop, ANN, 9, **by_customer(1, ANN))
    product.settle()
    assert set(shop.contacts()) == {ANN, WORK}
    assert bought_by(shop) == (shop.contacts()[ANN]["id"], False)
    shop.deliver("customers/merge", joined(2, 1))
    product.settle()
    # Told once more, in the way that starts no automation.
    assert bought_by(shop) == (shop.contacts()[WORK]["id"], True)
    assert {email: found["attributes"]["EXT_ID"] for email, found in shop.contacts().items()} == {WORK: "2"}
    assert shop.rows(left_contacts) == []
    assert ("sync", shop.id) not in product.due()


def test_an_address_that_somebody_has_by_now_keeps_its_contact(product: Installation, shop: ConnectedShop) -> None:
    """The old address was merged away, and is a newcomer's before Brevo was told."""
    both(product, shop)
    shop.deliver("customers/merge", joined(2, 1))
    shop.deliver("customers/create", customer(3, ANN, product.now))
    product.settle("intake")
    assert shop.one(persons, customer_id=3).email == ANN
    product.settle()
    assert shop.contacts()[ANN]["attributes"]["EXT_ID"] in ("1", "3") and shop.rows(left_contacts) == []


def test_flows_of_a_deleted_customer_end_and_none_writes_without_new_consent(
    product: Installation, shop: ConnectedShop
) -> None:
    subscribe(shop, ANN, 1)
    shop.deliver("customers/create", customer(2, WORK, START))
    begin_checkout(shop, WORK, "before")
    product.settle()
    product.at(START + HOUR / 2)
    for number in (1, 2):
        shop.deliver("customers/delete", {"id": number})
    product.play(3 * DAY)
    assert {row.outcome for row in shop.rows(runs, flow="welcome")} == {"customer_deleted"}
    assert [name for name, _ in shop.sent(ANN)] == [name for name, _ in shop.sent(WORK)] == ["hello"]
    # What was agreed to before counts for nothing, what is agreed to since does.
    shop.deliver("checkouts/create", checkout("anns", ANN, product.now))
    begin_checkout(shop, WORK, "after")
    product.play(2 * HOUR)
    assert [name for name, _ in shop.sent(ANN)] == ["hello"]
    assert [name for name, _ in shop.sent(WORK)] == ["hello", "reminder"]
