"""WhatsApp messages leave to those who agreed, as Meta allows, in as few calls as can be, at most once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from connector.brevo.limits import Grant
from connector.cli.brevo import brevo as brevo_command
from connector.cli.send import send as send_command
from connector.housekeeping import keep_house
from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.person import consents, persons, suppressions
from connector.models.whatsapp import whatsapp_numbers
from flows.channels import CHANNELS
from flows.channels.whatsapp import WHATSAPP
from flows.core.problems import DefinitionError
from flows.engine.dispatch import dispatch_due
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.engine.whatsapping import (
    FLOW,
    OURS,
    TO_EACH,
    arrived,
    calls,
    message,
    report,
    sign_up,
    whatsapp_shop,
)

TWICE = FLOW.replace("steps:", "steps:\n  - {whatsapp: ping}\n  - {wait: 25h}")
TALK = message(None, "Your parcel is here")


def told(shop: ConnectedShop) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in shop.rows(outbox)]


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return whatsapp_shop(product)


@pytest.mark.row("S5-243")
def test_a_template_goes_to_who_agreed(product: Installation) -> None:
    shop = whatsapp_shop(product, message_costs={"whatsapp": {"FR": "0.12"}})
    number = sign_up(shop)
    sign_up(shop, 2, says="not_subscribed")
    product.settle()
    (one,) = arrived(shop)
    assert (one["to"], one["sender"], one["template_id"], one["params"]) == (
        number.removeprefix("+"), OURS, 1, {"name": shop.shop.name},
    )  # fmt: skip
    assert [row.state for row in shop.rows(outbox)] == ["sent", "skipped"]
    sent = shop.one(outbox, state="sent")
    assert (sent.subject, sent.cost, sent.segments) == (f"Sale at {shop.shop.name}", Decimal("0.1200"), 1)


def test_the_language_of_the_person_chooses_among_templates_of_one_name(product: Installation) -> None:
    shop = whatsapp_shop(product, message("hello", "Hello"))
    for n, locale in enumerate(("fr-CA", "en-GB", "ja"), start=1):
        sign_up(shop, n)
        product.settle("intake", "fetch", "flows")
        shop.change(persons, {"locale": locale}, email=f"p{n}@example.com")
        product.settle()
    assert [one["content"] for one in arrived(shop)] == ["Bonjour", "Hello", "Hello"]


# Together


def test_equal_messages_leave_in_one_call(product: Installation, shop: ConnectedShop) -> None:
    numbers = [sign_up(shop, n).removeprefix("+") for n in range(1, 11)]
    product.settle()
    ((message_id, together),) = calls(shop).items()
    assert sorted(together) == sorted(numbers)
    assert {row.provider_message_id for row in shop.rows(outbox)} == {message_id}


def test_control_what_is_not_equal_has_a_call_of_its_own(product: Installation) -> None:
    shop = whatsapp_shop(product, TO_EACH)
    for n, name in enumerate(("Ann", "Bob", "Ann"), start=1):
        sign_up(shop, n, first_name=name)
    product.settle()
    assert sorted(len(numbers) for numbers in calls(shop).values()) == [1, 2]
    assert Counter(one["content"] for one in arrived(shop)) == {"Sale at Ann": 2, "Sale at Bob": 1}


def test_two_with_one_number_never_share_a_call(product: Installation, shop: ConnectedShop) -> None:
    for n in (1, 2):
        sign_up(shop, n, "+33699999999")
    product.settle()
    assert [len(numbers) for numbers in calls(shop).values()] == [1, 1]


def test_a_batch_takes_no_more_calls_than_the_limit_leaves(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call is left: everybody named Ann gets theirs by it, Bob's stays due."""
    shop = whatsapp_shop(product, TO_EACH)
    for n, name in enumerate(("Ann", "Bob", "Ann"), start=1):
        sign_up(shop, n, first_name=name)
    product.settle("intake", "fetch", "flows")
    left = [1]

    def grab(self: Any, bucket: str, most: int, **options: Any) -> Grant:
        return Grant(left.pop() if left else 0, wait=60.0)

    monkeypatch.setattr("connector.brevo.calls.Calls.grab", grab)
    dispatch_due(shop.deps, shop.shop)
    assert [one["content"] for one in arrived(shop)] == ["Sale at Ann", "Sale at Ann"]
    assert sorted(row.state for row in shop.rows(outbox)) == ["due", "sent", "sent"]


def test_one_bad_number_costs_the_others_nothing(product: Installation, shop: ConnectedShop) -> None:
    """The provider refuses the call that they share, then each is tried alone."""
    shop.account.fault(
        "status", path="/whatsapp/sendMessage", status=400, message="contactNumbers are invalid", count=2
    )
    for n in (1, 2, 3):
        sign_up(shop, n)
    product.settle()
    assert arrived(shop) == [] and {row.state for row in shop.rows(outbox)} == {"due"}
    product.skip(10)
    product.settle()
    assert sorted(row.state for row in shop.rows(outbox)) == ["failed", "sent", "sent"]
    assert [len(numbers) for numbers in calls(shop).values()] == [1, 1]


def test_reports_name_their_message_by_id_and_number(product: Installation, shop: ConnectedShop) -> None:
    sign_up(shop, 1)
    second = sign_up(shop, 2)
    product.settle()
    (message_id,) = calls(shop)
    report(shop, "delivered", second, message_id)
    report(shop, "read", second, message_id)
    product.settle()
    assert [row.reported for row in shop.rows(outbox)] == [None, "opened"]


# At most once


def test_an_answer_that_was_never_read_is_unknown_for_all_and_never_sent_again(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.account.fault("accept_then_cut", path="/whatsapp/sendMessage", method="POST", count=1)
    for n in (1, 2, 3):
        sign_up(shop, n)
    product.settle()
    for _ in range(3):
        product.skip(86_400 + 61)
        product.settle()
    assert told(shop) == [("unknown", "no_answer")] * 3 and len(arrived(shop)) == 3


@pytest.mark.long
def test_control_who_sends_again_sends_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = replace(WHATSAPP, repeats=True, look_up=lambda *asked: None, look_up_bucket="other")
    monkeypatch.setitem(CHANNELS, "whatsapp", careless)  # type: ignore[arg-type]
    shop.account.fault("accept_then_cut", path="/whatsapp/sendMessage", method="POST", count=1)
    sign_up(shop)
    product.settle()
    product.skip(61)
    product.settle()
    assert len(arrived(shop)) == 2


# What Meta says


def test_stop_is_heard_before_the_next_one(product: Installation) -> None:
    shop = whatsapp_shop(product, definition=TWICE)
    said = {sign_up(shop, n): word for n, word in enumerate(("STOP", "arrêt", "Thanks!"), start=1)}
    product.settle()
    for number, word in said.items():
        report(shop, "reply", number, body=word)
    product.play(2 * DAY)
    got = Counter(f"+{one['to']}" for one in arrived(shop))
    assert {word: got[number] for number, word in said.items()} == {"STOP": 1, "arrêt": 1, "Thanks!": 2}


# (what is reported, the consent then, how many messages they get of two)
ERRORS = [
    ("(#131050) User has stopped marketing", "unsubscribed", 1),
    ("(#131026) Message undeliverable", "undeliverable", 1),
    ("The number has no WhatsApp account", "undeliverable", 1),
    # The controls.
    ("(#132001) Template does not exist", "subscribed", 2),
    (None, "subscribed", 2),
]


def test_errors_that_are_about_the_number_keep_the_next_one_back(product: Installation) -> None:
    shop = whatsapp_shop(product, definition=TWICE)
    numbers = [sign_up(shop, n) for n in range(1, len(ERRORS) + 1)]
    product.settle()
    (message_id,) = calls(shop)
    for number, (reason, _, _) in zip(numbers, ERRORS, strict=True):
        report(shop, "error", number, message_id, reason=reason)
    product.play(2 * DAY)
    states = [row.state for row in shop.rows(consents, channel="whatsapp")]
    got = Counter(f"+{one['to']}" for one in arrived(shop))
    assert (
        list(zip([reason for reason, _, _ in ERRORS], states, [got[number] for number in numbers], strict=True))
        == ERRORS
    )
    assert [row.channel for row in shop.rows(suppressions)] == ["whatsapp", "whatsapp"]


def test_an_error_that_is_not_applied_yet_holds_back_the_next_one(product: Installation) -> None:
    """It was acknowledged, and lies in the lane that messages wait for; one that is about the message does not."""
    shop = whatsapp_shop(product)
    number = sign_up(shop)
    product.settle("intake", "fetch", "flows")
    report(shop, "error", number, reason="(#131050) User has stopped marketing")
    report(shop, "error", number, reason="(#132001) Template does not exist")
    assert [row.lane for row in shop.rows(inbox, topic="whatsapp")] == ["commerce", "other"]
    product.skip(600)
    dispatch_due(shop.deps, shop.shop)
    assert arrived(shop) == [] and told(shop) == [("due", None)]
    product.settle()
    # A flow that has nothing but this channel is over with it.
    assert told(shop) == [("skipped", "exit_rule")]


def test_who_has_had_enough_is_left_alone_for_a_day(product: Installation) -> None:
    """Told an hour before the next one: that leaves when the day is over, and nothing counts as an error."""
    shop = whatsapp_shop(product, definition=TWICE)
    number = sign_up(shop)
    product.settle()
    (message_id,) = calls(shop)
    product.play(24 * HOUR)
    at = product.now
    report(shop, "error", number, message_id, reason="(#131049) healthy ecosystem engagement")
    product.play(2 * HOUR)
    assert [(row.state, row.reason) for row in shop.rows(outbox)] == [("sent", None), ("due", "enough_for_now")]
    assert shop.rows(outbox)[0].reported == "deferred" and shop.one(consents, channel="whatsapp").state == "subscribed"
    product.play(23 * HOUR)
    assert len(arrived(shop)) == 2 and shop.rows(outbox)[1].sent_at == at + DAY
    product.at(product.now + 2 * DAY)
    keep_house(shop.deps)
    assert shop.rows(whatsapp_numbers) == []


def test_the_provider_itself_may_say_so(product: Installation, shop: ConnectedShop) -> None:
    shop.account.fault("status", path="/whatsapp/sendMessage", status=400, message="131049", count=1)
    sign_up(shop)
    product.settle()
    product.skip(23 * 3600)
    product.settle()
    assert arrived(shop) == [] and shop.one(outbox).state == "due"
    product.skip(3600)
    product.settle()
    assert len(arrived(shop)) == 1


def test_no_marketing_template_goes_to_north_america(product: Installation) -> None:
    """Of an update it is: the control."""
    shop = whatsapp_shop(product)
    product.at(product.now + 9 * HOUR)
    number = sign_up(shop, 1, "+12125550123")
    product.settle()
    assert told(shop) == [("skipped", "not_allowed_there")] and arrived(shop) == []
    shop.publish(FLOW, ping=message("parcel", "Hi {{ params.name }}", "transactional", name="Ann"))
    sign_up(shop, 2, number)
    product.settle()
    assert [one["to"] for one in arrived(shop)] == ["12125550123"]


# The day after an answer


def test_text_without_a_template_only_answers(product: Installation) -> None:
    shop = whatsapp_shop(product, TALK)
    sign_up(shop, 1)
    product.settle()
    # Whoever wrote at their own accord, first by a template at another time.
    for n, hours in ((2, 25), (3, 23)):
        number = f"+336123456{n:02}"
        shop.account.post(
            "/whatsapp/sendMessage", {"senderNumber": OURS, "contactNumbers": [number[1:]], "templateId": 1}
        )
        report(shop, "reply", number, body="Where is it?")
        product.settle()
        product.at(product.now + timedelta(hours=hours))
        sign_up(shop, n, number)
        product.settle()
    assert told(shop) == [("skipped", "no_conversation")] * 2 + [("sent", None)]
    assert [one["content"] for one in arrived(shop) if one["template_id"] is None] == ["Your parcel is here"]


# Templates


UNFIT = [
    (message("lost"), "Brevo has no WhatsApp template lost: it has 1 (sale), 2 (parcel)"),
    (message(99), "Brevo has no WhatsApp template 99"),
    (message(3), "not approved, it is rejected"),
    (message("parcel"), "is UTILITY for Meta: write purpose: transactional"),
    (message(1, purpose="transactional"), "is MARKETING for Meta"),
]


def test_a_flow_whose_template_does_not_fit_is_not_published(shop: ConnectedShop) -> None:
    """The control is the flow that the shop has."""
    for ping, sentence in UNFIT:
        with pytest.raises(DefinitionError, match="messages/ping.liquid") as refused:
            shop.publish(FLOW, ping=ping)
        assert sentence in str(refused.value)


def test_a_template_that_is_taken_back_sends_nothing(product: Installation, shop: ConnectedShop) -> None:
    """Meta's word is asked for again within the hour."""
    sign_up(shop, 1)
    product.settle()
    shop.account.settings(whatsapp_approval="paused")
    shop.account.post("/whatsappCampaigns/template/approval/1")
    product.skip(3601)
    sign_up(shop, 2)
    product.settle()
    assert told(shop) == [("sent", None), ("skipped", "template_not_approved")] and len(arrived(shop)) == 1


def test_templates_are_listed(product: Installation, shop: ConnectedShop) -> None:
    answer = CliRunner().invoke(
        brevo_command, ["whatsapp-templates", "--shop", shop.shop.domain], obj=shop.deps.settings
    )
    assert answer.exit_code == 0, answer.output
    assert (
        "1: sale (en), marketing, approved" in answer.output and "3: draft (en), marketing, rejected" in answer.output
    )
    assert "phoneNumberQuality: GREEN" in answer.output


# For oneself


def test_a_message_for_oneself(product: Installation, shop: ConnectedShop) -> None:
    def ask(*more: str) -> Any:
        arguments = ["--shop", shop.shop.domain, "--channel", "whatsapp", "--flow", "quick", "--message", "ping", *more]
        return CliRunner().invoke(send_command, ["test", *arguments], obj=shop.deps.settings)

    assert ask("--to", "+49 151 12345678").exit_code == 0
    assert [one["to"] for one in arrived(shop)] == ["4915112345678"] and shop.rows(outbox) == []
    refused = ask("--to", "+12125550123")
    assert refused.exit_code != 0 and "no marketing templates to numbers of +1" in refused.output
    assert len(arrived(shop)) == 1 and shop.rows(events, name="message_accepted") == []
