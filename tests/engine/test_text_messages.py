"""Texts leave to those who agreed, at most once, and cost what the outbox says; counted at the provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import connector.http
from connector import pauses
from connector.brevo.limits import Grant
from connector.models.event import events
from connector.models.outbox import attempts, outbox, send_ledger
from connector.models.person import consents, persons, suppressions
from connector.models.short_link import short_link_clicks, short_links
from flows.channels import CHANNELS
from flows.channels.channel import number_of
from flows.channels.sms import SMS
from flows.engine import claim, dispatch, lane
from sync import consent
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.engine.texting import FLOW, NUMBER, STORY, agree_to_texts, answer, sign_up, texting_shop, texts

ANN, BOB = "ann@example.com", "bob@example.com"
TELLING, LEASE = 61, 46


def told(shop: ConnectedShop) -> list[tuple[str, str, str | None]]:
    return [(row.channel, row.state, row.reason) for row in shop.rows(outbox)]


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return texting_shop(product)


@pytest.mark.row("S1-20")
@pytest.mark.row("S4-02")
def test_a_text_goes_to_who_agreed_and_the_others_get_the_email_at_once(
    product: Installation, shop: ConnectedShop
) -> None:
    sign_up(shop, ANN)
    sign_up(shop, BOB, "+33687654321", 2, texts=None)
    product.settle()
    (text,) = texts(shop)
    assert (text["to"], text["sender"], text["type"], text["parts"]) == ("33612345678", "Goods", "marketing", 1)
    assert text["content"].startswith("Hi Ann, come and see: https://shop.example/c/")
    assert text["content"].endswith("\nSTOP 36180")
    key = shop.rows(outbox, channel="sms", state="sent")[0].key
    assert text["tags"] == [key, "quick", "hurry"]
    assert sorted(mail["to"] for mail in shop.mails()) == [ANN, BOB]
    assert ("sms", "skipped", "consent_unknown") in told(shop)


@pytest.mark.parametrize("typed", ["06 12 34 56 78", "+33 6 12 34 56 78", "+33", "+06123456789", "", None])
def test_only_a_number_that_its_answers_will_name_is_texted(typed: str | None) -> None:
    """What Brevo says of +33612345678 must be found with whoever was texted."""
    assert number_of({"phone": typed}) is None and number_of({"phone": NUMBER}) == NUMBER


def test_segments_and_cost_stay_with_the_message(product: Installation) -> None:
    costs = {"sms": {"FR": "0.045", "default": "0.06"}, "email": {"default": "0.0008"}}
    long = (
        "---\nchannel: sms\npurpose: marketing\n---\n" + "Fifty characters are written down on this line, I see. " * 4
    )
    shop = texting_shop(product, hurry=long, message_costs=costs)
    sign_up(shop, ANN)
    product.settle()
    kept = {row.channel: (row.segments, row.cost) for row in shop.rows(outbox)}
    assert kept == {"sms": (2, Decimal("0.0900")), "email": (1, Decimal("0.0008"))}
    assert texts(shop)[0]["parts"] == 2


def test_without_a_sender_nothing_leaves_and_the_reason_is_said(product: Installation) -> None:
    shop = texting_shop(product, sms={"sender": ""})
    sign_up(shop, ANN)
    product.settle()
    row = shop.rows(outbox, channel="sms")[0]
    assert (row.state, row.reason, texts(shop)) == ("skipped", "render", [])
    assert len(shop.mails()) == 1


# The link


def follow(product: Installation, text: dict[str, Any], **options: Any) -> Any:
    path = text["content"].split("https://shop.example")[1].split()[0]
    headers = {"User-Agent": "Mozilla/5.0 (iPhone)", **options.pop("headers", {})}
    return product.browser().open(path, headers=headers, **options)


@pytest.mark.row("S5-062")
def test_the_first_click_is_an_event_and_each_one_a_row(product: Installation, shop: ConnectedShop) -> None:
    sign_up(shop, ANN)
    product.settle()
    (text,) = texts(shop)
    target = "https://goods.example/sale?from=text&to=everybody-who-is-here"
    assert follow(product, text, method="HEAD").headers["Location"] == target
    assert follow(product, text, headers={"User-Agent": "facebookexternalhit/1.1"}).status_code == 302
    assert follow(product, text, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 302
    assert shop.rows(short_link_clicks) == [] and shop.rows(outbox, channel="sms")[0].clicked_at is None
    first = product.now
    for _ in range(2):
        answer_ = follow(product, text)
        assert (answer_.status_code, answer_.headers["Location"]) == (302, target)
        product.at(product.now + HOUR)
    assert [row.clicked_at for row in shop.rows(short_link_clicks)] == [first, first + HOUR]
    row = shop.rows(outbox, channel="sms")[0]
    assert (row.clicked_at, row.reported) == (first, "clicked")
    (event,) = shop.rows(events, name="message_clicked")
    assert (event.props["channel"], event.props["message"], event.props["link"]) == ("sms", "hurry", target)
    assert event.person_id == shop.one(persons).id
    assert shop.one(short_links).outbox_id == row.id


@pytest.mark.row("S5-063")
def test_an_address_that_nobody_here_has_chosen_stays_as_it_is(product: Installation, shop: ConnectedShop) -> None:
    """Somebody signs up with a link for a first name: it does not get our domain's good name, ours gets through."""
    name = "https://evil.example/" + "x" * 40
    sign_up(shop, ANN, first_name=name)
    product.settle()
    (text,) = texts(shop)
    assert text["content"].startswith(f"Hi {name}, come and see: https://shop.example/c/")
    assert [row.target for row in shop.rows(short_links)] == [
        "https://goods.example/sale?from=text&to=everybody-who-is-here"
    ]


# No


TWICE = """
flow: quick
name: Quick
trigger: {on: newsletter_subscribed}
cap: exempt
steps:
  - {sms: hurry}
  - {wait: 1d}
  - {sms: hurry}
"""
NO = [
    "STOP",
    " S T O P ",
    "S.t.o.p.",
    "Stóp!",
    "ＳＴＯＰ",
    "🛑 stop 🛑",
    "ARRÊT",
    "Stop texting me",
    "sto\u200bp",
    "Opt-Out",
]
# The controls: they get the second text.
NOT_NO = ["Please don't stop", "Thanks!", ""]


def test_who_says_stop_gets_no_other_text_however_they_spell_it(product: Installation) -> None:
    shop = texting_shop(product, definition=TWICE)
    said = {f"+336123456{n:02}": word for n, word in enumerate([*NO, *NOT_NO])}
    for n, number in enumerate(said):
        sign_up(shop, f"p{n}@example.com", number, n + 1)
    product.settle()
    for number, word in said.items():
        answer(shop, word, number)
    product.play(2 * DAY)
    got = Counter(f"+{text['to']}" for text in texts(shop))
    assert {said[number] for number in said if got[number] == 1} == set(NO)
    assert {said[number] for number in said if got[number] == 2} == set(NOT_NO)


def test_a_stop_that_is_not_applied_yet_holds_back_the_text(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was acknowledged, nobody has had time to apply it, and a text is due: it waits, however long that takes."""
    sign_up(shop, ANN)
    product.settle("intake", "fetch", "flows")
    answer(shop, "Stop")
    product.skip(600)
    dispatch.dispatch_due(shop.deps, shop.shop)
    assert texts(shop) == [] and shop.rows(outbox, channel="sms")[0].state == "due"
    product.settle()
    assert texts(shop) == []
    # The control: who does not look there sends.
    other = "+33687654321"
    sign_up(shop, BOB, other, 2)
    product.settle("intake", "fetch", "flows")
    answer(shop, "Stop", other)
    monkeypatch.setattr(lane, "clear", lambda deps, shop: True)
    dispatch.dispatch_due(shop.deps, shop.shop)
    assert len(texts(shop)) == 1


def test_a_number_that_nobody_has_yet_keeps_its_stop(product: Installation, shop: ConnectedShop) -> None:
    """Who is told of later, with a consent from before it, gets nothing; who agrees after it gets it again."""
    before = product.now - DAY
    answer(shop, "STOP")
    product.settle()
    agree_to_texts(shop, NUMBER, at=before)
    sign_up(shop, ANN, texts=None)
    product.settle()
    assert texts(shop) == []
    product.at(product.now + DAY)
    agree_to_texts(shop, NUMBER)
    sign_up(shop, BOB, NUMBER, 2)
    product.settle()
    assert len(texts(shop)) == 1


def test_a_number_that_is_dead_is_not_written_to_whoever_has_it(product: Installation, shop: ConnectedShop) -> None:
    with shop.scope() as scope:
        consent.suppress(scope, "sms", NUMBER, "hard_bounce")
        consent.suppress(scope, "whatsapp", "+33687654321", "hard_bounce")
    sign_up(shop, ANN)
    sign_up(shop, BOB, "+33687654321", 2)
    product.settle()
    # The control is Bob, whose number is suppressed on another channel.
    assert [text["to"] for text in texts(shop)] == ["33687654321"]
    assert ("sms", "skipped", "suppressed") in told(shop) and len(shop.rows(suppressions)) == 2
    assert len(shop.mails()) == 2, "an email address is no number"


def test_the_link_to_unsubscribe_is_of_texts_only_and_no_click(product: Installation) -> None:
    hurry = "---\nchannel: sms\npurpose: marketing\n---\nSale. No more? {{ links.unsubscribe }}\n"
    shop = texting_shop(product, hurry=hurry)
    sign_up(shop, ANN)
    product.settle()
    page = follow(product, texts(shop)[0]).headers["Location"]
    assert product.browser().post(page.removeprefix("https://shop.example")).status_code == 200
    assert {row.channel: row.state for row in shop.rows(consents)} == {"email": "subscribed", "sms": "unsubscribed"}
    assert shop.rows(short_link_clicks) == []


# At most once


class Died(BaseException):
    """The process is gone."""


def dying(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Whoever next sends a text dies at this point."""
    left = [point]

    def reach(name: str) -> None:
        if name in left:
            left.remove(name)
            raise Died(name)

    for module in (dispatch, claim, connector.http):
        monkeypatch.setattr(module, "reach", reach)


def outlive(product: Installation, shop: ConnectedShop) -> None:
    """The process comes back, and all that time can bring passes."""
    with pytest.raises(Died):
        product.settle()
    for _ in range(3):
        product.skip(LEASE)
        product.settle()
        product.skip(TELLING)
        product.settle()
        product.skip(86_400)
        product.settle()


# (where it dies, how many texts there are in the end, what is known of the message)
DEATHS = [
    ("t4.granted", 1, "sent"),
    ("t4.claimed", 1, "sent"),
    ("t4.leased", 0, "unknown"),
    ("t4.answered", 1, "sent"),
    ("t4.recorded", 1, "sent"),
]


def test_a_death_anywhere_sends_none_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, (point, _, _) in enumerate(DEATHS):
        sign_up(shop, f"p{n}@example.com", f"+3361234567{n}", n + 1)
        product.settle("intake", "fetch", "flows")
        with monkeypatch.context() as patched:
            dying(patched, point)
            outlive(product, shop)
    counted = Counter(text["to"] for text in texts(shop))
    states = [row.state for row in shop.rows(outbox, channel="sms")]
    found = [(point, counted[f"3361234567{n}"], states[n]) for n, (point, _, _) in enumerate(DEATHS)]
    assert found == DEATHS


@pytest.mark.long
def test_control_who_sends_again_what_is_not_found_sends_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = replace(SMS, repeats=True, look_up=lambda *asked: None)
    monkeypatch.setitem(CHANNELS, "sms", careless)  # type: ignore[arg-type]
    sign_up(shop, ANN)
    product.settle("intake", "fetch", "flows")
    dying(monkeypatch, "t4.answered")
    outlive(product, shop)
    assert len(texts(shop)) == 2


@pytest.mark.parametrize(("kind", "count", "state"), [("accept_then_cut", 1, "sent"), ("cut", 0, "unknown")])
def test_an_answer_that_was_never_read_is_looked_up_and_never_sent_again(
    product: Installation, shop: ConnectedShop, kind: str, count: int, state: str
) -> None:
    shop.account.fault(kind, path="/transactionalSMS/send", method="POST", count=1)
    sign_up(shop, ANN)
    product.settle()
    assert told(shop) == [("sms", "unknown", "no_answer")]
    assert len(shop.rows(send_ledger)) == 1, "what may have been sent counts for the caps"
    for _ in range(3):
        product.skip(86_400 + TELLING)
        product.settle()
    assert (len(texts(shop)), shop.rows(outbox, channel="sms")[0].state) == (count, state)
    assert [row.result for row in shop.rows(attempts)][0] == "unknown"


# Credits


def test_without_credits_the_channel_stands_still_and_emails_go_on(product: Installation, shop: ConnectedShop) -> None:
    refused: Callable[..., None] = shop.account.fault
    refused("status", path="/transactionalSMS/send", status=402, message="Not enough credits", count=2)
    sign_up(shop, ANN)
    sign_up(shop, BOB, "+33687654321", 2, texts=None)
    product.settle()
    with shop.deps.engine.connect() as connection:
        assert [(one.channel, one.reason) for one in pauses.pauses(connection, shop.id)] == [("sms", "no_credits")]
    assert texts(shop) == [] and [mail["to"] for mail in shop.mails()] == [BOB]
    product.skip(61)
    product.settle()
    product.skip(121)
    product.settle()
    assert len(texts(shop)) == 1
    with shop.deps.engine.connect() as connection:
        assert pauses.pauses(connection, shop.id) == []


def test_texts_that_may_not_leave_now_keep_no_email_waiting(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More texts than one batch holds are due before the first email, and the limit lets none of them through."""
    monkeypatch.setattr(dispatch, "BATCH", 2)
    for number in range(3):
        sign_up(shop, f"p{number}@example.com", f"+3361234567{number}", number + 1)
        product.settle("intake", "fetch", "flows")
    account = shop.deps.brevo(shop.shop)
    monkeypatch.setattr("connector.brevo.calls.Calls.grab", refusing_texts(account))
    shop.publish(FLOW.replace("quick", "mail").replace("  - {sms: hurry}\n", ""), story=STORY)
    sign_up(shop, BOB, None, 9, texts=None)
    product.settle("intake", "fetch", "flows")
    shop.change(outbox, {"due_at": product.now - HOUR}, channel="sms", state="due")
    for _ in range(3):
        dispatch.dispatch_due(shop.deps, shop.shop)
        product.settle("flows")
    assert {mail["to"] for mail in shop.mails()} == {BOB} and texts(shop) == []


def refusing_texts(account: Any) -> Callable[..., Grant]:
    grab = type(account).grab

    def limited(self: Any, bucket: str, most: int, **options: Any) -> Grant:
        return Grant(0, wait=60.0) if bucket == "sms" else grab(self, bucket, most, **options)

    return limited
