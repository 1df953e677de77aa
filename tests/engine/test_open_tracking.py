"""Where opens need a consent: Brevo is told for each recipient, and what it reports all the same is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connector.brevo.client import BrevoAccount
from connector.models.event import events
from connector.models.outbox import outbox
from connector.models.person import persons
from sync import consent
from tests.engine.installation import HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.shoppers import subscribe

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["welcome"], country="FR")


def say(shop: ConnectedShop, email: str, state: str) -> None:
    person_id = shop.one(persons, email=email).id
    with shop.scope() as scope:
        at = shop.installation.now
        consent.record(scope, person_id, "email", state, source="admin", evidence_at=at, purpose="open_tracking")


def opened(shop: ConnectedShop, email: str) -> None:
    mail = shop.mails(email)[0]
    about = {"message-id": mail["message_id"], "X-Mailin-custom": mail["custom"]}
    shop.deliver("transactional", reported("opened", email, shop.installation.now, **about), source="brevo")
    shop.installation.settle()


def opens(shop: ConnectedShop) -> list[str]:
    told = sorted(shop.rows(events), key=lambda row: row.seq)
    return [row.name for row in told if row.name.startswith("message_opened")]


def test_opens_are_told_and_kept_only_of_those_who_agreed(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, bool] = {}
    send = BrevoAccount.send_email

    def spy(account: BrevoAccount, body: Mapping[str, Any], **options: Any) -> str:
        asked.update({one["email"]: one["contactPixelTrackingConsent"] for one in body["to"]})
        return send(account, body, **options)

    monkeypatch.setattr(BrevoAccount, "send_email", spy)
    for number, email in enumerate((ANN, BOB), start=1):
        subscribe(shop, email, number)
    product.settle("intake")
    say(shop, BOB, "subscribed")
    product.settle()
    assert asked == {ANN: False, BOB: True}
    product.at(START + HOUR)
    opened(shop, ANN)
    assert opens(shop) == ["message_opened_without_consent"]
    assert [row.opened_at for row in shop.rows(outbox)] == [None, None]
    opened(shop, BOB)
    assert opens(shop)[1:] == ["message_opened"]
    assert {row.opened_at is None for row in shop.rows(outbox)} == {True, False}


def test_a_withdrawal_counts_for_mails_that_were_sent_before(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, BOB)
    product.settle("intake")
    say(shop, BOB, "subscribed")
    product.settle()
    product.at(START + HOUR)
    say(shop, BOB, "unsubscribed")
    opened(shop, BOB)
    assert opens(shop) == ["message_opened_without_consent"]
    # It is about being watched, not about being written to.
    product.play_to(START + 60 * HOUR)
    assert len(shop.mails(BOB)) == 2
