"""In a flow of several channels a no on one of them is no on the others, but for the one that the flow begins with."""

from __future__ import annotations

import pytest

from connector.models.event import exit_marks
from connector.models.flow import runs
from connector.models.outbox import outbox
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.texting import SENDER, STORY, answer, sign_up, texts

ANN = "ann@example.com"
MIXED = """
flow: mixed
name: Mixed
trigger: {on: newsletter_subscribed}
cap: own
exit: [unsubscribed]
steps:
  - {%(first)s: first}
  - wait: 2h
  - {sms: second}
  - wait: 2h
  - {email: third}
"""
TEXT = "---\nchannel: sms\npurpose: marketing\n---\nCome and see\n"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[], url="https://goods.example", **SENDER)


def say_stop_after_the_first(product: Installation, shop: ConnectedShop) -> None:
    sign_up(shop, ANN)
    product.settle()
    answer(shop, "STOP")
    product.settle()
    product.play_to(product.now + 5 * HOUR)


def test_stop_ends_the_texts_of_a_flow_that_begins_with_an_email(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(MIXED % {"first": "email"}, first=STORY, second=TEXT, third=STORY)
    say_stop_after_the_first(product, shop)
    assert len(shop.mails()) == 2 and texts(shop) == []
    assert [(row.state, row.reason) for row in shop.rows(outbox, channel="sms")] == [("skipped", "no_consent")]
    assert [run.outcome for run in shop.rows(runs)] == ["completed"]


def test_stop_ends_a_flow_that_begins_with_a_text(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(MIXED % {"first": "sms"}, first=TEXT, second=TEXT, third=STORY)
    say_stop_after_the_first(product, shop)
    assert shop.mails() == [] and len(texts(shop)) == 1
    assert [run.outcome for run in shop.rows(runs)] == ["exit:unsubscribed"]


def test_a_stop_that_nobody_has_decided_about_holds_up_no_email(product: Installation, shop: ConnectedShop) -> None:
    """The mark that a message about to leave is judged by says which channel it is of."""
    shop.publish(MIXED % {"first": "email"}, first=STORY, second=TEXT, third=STORY)
    sign_up(shop, ANN)
    product.settle()
    product.at(product.now + 2 * HOUR)
    product.settle()
    product.at(product.now + 2 * HOUR)
    product.settle("flows")
    answer(shop, "STOP", message_id=12)
    product.settle("intake")
    assert [mark.name for mark in shop.rows(exit_marks)] == ["unsubscribed:sms"]
    product.settle("deliver")
    assert len(shop.mails()) == 2
