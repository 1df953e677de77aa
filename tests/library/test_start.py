"""The start of a relationship: the shipped flows of welcome, carts, open payments and browsing, played to the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from flows.content.context import bare, example
from flows.content.render import render
from flows.content.source import parse
from flows.definition_files import read_folder
from flows.simulator.happening import Happening
from flows.simulator.surroundings import Surroundings
from tests.library.playing import LIBRARY, START, Played, at, play, say, shop, shopper, span

WELCOMES = ("welcome", "welcome-short", "welcome-fashion")
CARTS = (
    "cart-recovery", "cart-four-reminders", "cart-three-reminders", "cart-email", "cart-email-sms", "cart-two-texts",
    "cart-help-then-discount", "cart-every-channel",
)  # fmt: skip
OTHERS = ("newsletter-thanks", "first-purchase", "payment-pending", "browse-abandonment")
BEGINS: dict[str, Happening] = {
    **dict.fromkeys((*WELCOMES, "newsletter-thanks"), at("0h", "newsletter_subscribed")),
    **dict.fromkeys(CARTS, at("0h", "checkout_updated", checkout_token="tok", total="86.00")),
    "first-purchase": at("0h", "order_placed", order_id=7),
    "payment-pending": at("0h", "order_placed", order_id=7, financial_status="pending"),
    "browse-abandonment": at("0h", "product_viewed", product_id=1, category="Mugs"),
}
OWN_CODES = {"welcome": {"percent": 15}, "cart": {"percent": 10}}
SECOND = timedelta(seconds=1)


def begin(flow: str, *happenings: Happening, around: Surroundings | None = None, **who: Any) -> Played:
    """The flow with what starts it, and what else happens; without `who`, to somebody who agreed to emails alone."""
    if BEGINS[flow].name == "newsletter_subscribed":
        who = {"email": False, **who}
    return play(flow, BEGINS[flow], *happenings, shopper=shopper(**who), shop=around)


# --- when messages leave


@pytest.mark.parametrize(
    ("flow", "who", "plan"),
    [
        pytest.param("welcome", {}, "0h hello, 2d story, 4d favourites, 6d guide, 8d last-call",
                     marks=[pytest.mark.row("S5-085"), pytest.mark.row("S4-14")]),
        pytest.param("welcome-short", {}, "0h hello, 4d favourites, 9d last-call", marks=pytest.mark.row("S1-35")),
        pytest.param("welcome-fashion", {},
                     "0h hello, 2d style-quiz, 4d as-worn, 6d behind-the-scenes, 8d last-call",
                     marks=pytest.mark.row("S5-151")),
        pytest.param("newsletter-thanks", {}, "0h thank-you", marks=pytest.mark.row("S3-06")),
        pytest.param("newsletter-thanks", {"orders_count": 2}, "0h thank-you", marks=pytest.mark.row("S3-06")),
        pytest.param("first-purchase", {}, "0h our-story, 3d tips, 7d how-was-it, 14d goes-with",
                     marks=pytest.mark.row("S2-31")),
        pytest.param("cart-recovery", {}, "1h reminder, 1d second-look, 2d incentive, 3d last-chance",
                     marks=[pytest.mark.row("S5-092"), pytest.mark.row("S5-002"), pytest.mark.row("S3-03")]),
        pytest.param("cart-four-reminders", {}, "1h reminder, 1d not-set-aside, 2d ten-percent, 7d last-chance",
                     marks=pytest.mark.row("S2-32")),
        pytest.param("cart-three-reminders", {}, "1h reminder, 1d questions, 3d alternatives",
                     marks=pytest.mark.row("S1-40")),
        pytest.param("cart-help-then-discount", {}, "1h help, 1d discount", marks=pytest.mark.row("S3-25")),
        pytest.param("cart-email", {}, "1h reminder, 1d second-look, 2d ten-percent, 3d last-chance",
                     marks=pytest.mark.row("S5-158")),
        pytest.param("cart-email-sms", {"sms": True},
                     "1h reminder, 4h quick-reminder, 1d second-look, 2d ten-percent-text, 2d 6h ten-percent,"
                     " 3d last-chance", marks=pytest.mark.row("S5-159")),
        pytest.param("cart-two-texts", {"sms": True},
                     "1h reminder, 4h cart-text, 1d second-look, 2d ten-percent, 2d code-text",
                     marks=pytest.mark.row("S5-097")),
        pytest.param("cart-every-channel", {"sms": True, "push": True}, "1h reminder, 1d cart-text, 2d last-chance",
                     marks=pytest.mark.row("S4-18")),
        pytest.param("payment-pending", {}, "1d reminder, 3d still-open", marks=pytest.mark.row("S3-04")),
        pytest.param("browse-abandonment", {}, "2h still-thinking, 1d 2h similar, 3d 2h bestsellers",
                     marks=[pytest.mark.row("S5-109"), pytest.mark.row("S4-19")]),
    ],
)  # fmt: skip
def test_messages_leave_at_exactly_their_times(flow: str, who: dict[str, Any], plan: str) -> None:
    played = begin(flow, **who)
    assert ", ".join(f"{after} {message}" for after, message in played.plan) == plan
    assert [outcome for _, outcome in played.outcomes] == ["completed"]


def test_every_flow_of_this_file_is_played() -> None:
    assert set(BEGINS) == {*WELCOMES, *CARTS, *OTHERS}
    shipped = {path.parent.name for path in LIBRARY.glob("*/flow.yaml")}
    assert {name for name in shipped if name.startswith(("cart-", "welcome"))} == {*WELCOMES, *CARTS}


BY_EMAIL_ALONE = {
    "cart-recovery": "1h reminder, 1d second-look, 2d incentive, 3d last-chance",
    "cart-email-sms": "1h reminder, 1d second-look, 2d ten-percent, 3d last-chance",
    "cart-two-texts": "1h reminder, 1d second-look, 2d ten-percent",
    "cart-every-channel": "1h reminder, 2d last-chance",
}


@pytest.mark.row("S5-097")
@pytest.mark.row("S5-159")
@pytest.mark.parametrize("sms", [False, "unsubscribed", "not_subscribed"])
@pytest.mark.parametrize("flow", BY_EMAIL_ALONE)
def test_without_consent_to_texts_the_emails_go_their_own_way(flow: str, sms: bool | str) -> None:
    played = begin(flow, sms=sms)
    assert ", ".join(f"{after} {message}" for after, message in played.plan) == BY_EMAIL_ALONE[flow]
    assert {one.channel for one in played.sent} == {"email"} and not played.held
    # The control: it is the consent that decides.
    assert "sms" in {one.channel for one in begin(flow, sms=True).sent}


@pytest.mark.row("S4-18")
def test_each_channel_says_what_is_in_the_cart_or_where_it_is_and_push_waits_for_its_channel() -> None:
    played = begin("cart-every-channel", sms=True, push=True)
    assert [(say(one.after), one.message, one.reason) for one in played.held] == [
        ("4h", "cart-waiting", "channel_unavailable")
    ]
    email, text = played.texts(0), played.texts(1)
    assert email.subject == "Ada, your cart is where you left it"
    assert "Linen apron" in email.text and "https://shop.example/recover/tok" in email.links
    assert "your cart is still saved" in str(text)
    # Who did not agree to it is not even asked.
    assert not begin("cart-every-channel", sms=True).held


# --- what ends them


MARKETING = [flow for flow in BEGINS if flow != "payment-pending"]
ENDS = [
    *((flow, "order_placed", "goal", {}) for flow in (*WELCOMES, *CARTS, "browse-abandonment")),
    *((flow, "unsubscribed", "exit:unsubscribed", {}) for flow in MARKETING if flow != "newsletter-thanks"),
    *((flow, "cart_cleared", "exit:cart_cleared", {}) for flow in CARTS),
    *((flow, "checkout_deleted", "exit:checkout_deleted", {}) for flow in CARTS),
    *((flow, "checkout_completed", "exit:checkout_completed", {}) for flow in CARTS),
    ("browse-abandonment", "added_to_cart", "exit:added_to_cart", {}),
    ("browse-abandonment", "checkout_started", "exit:checkout_started", {}),
    ("first-purchase", "order_placed", "goal", {"order_id": 8}),
    ("first-purchase", "order_cancelled", "exit:order_cancelled", {"order_id": 7}),
    ("first-purchase", "order_returned", "exit:order_returned", {"order_id": 7}),
    ("payment-pending", "order_paid", "goal", {"order_id": 7}),
    ("payment-pending", "order_cancelled", "exit:order_cancelled", {"order_id": 7}),
    ("payment-pending", "order_deleted", "exit:order_deleted", {"order_id": 7}),
]


@pytest.mark.row("S5-092")
@pytest.mark.row("S5-094")
@pytest.mark.row("S5-095")
@pytest.mark.row("S5-096")
@pytest.mark.row("S5-111")
@pytest.mark.row("S5-112")
@pytest.mark.parametrize(("flow", "name", "outcome", "props"), ENDS, ids=lambda value: str(value) if value else "-")
def test_what_ends_a_flow_stops_every_message_that_has_not_left(
    flow: str, name: str, outcome: str, props: dict[str, Any]
) -> None:
    """One second before each message: that one does not leave, and none behind it."""
    whole = begin(flow, sms=True).sent
    for moment in sorted({one.after for one in whole if one.after}):
        played = begin(flow, Happening(START + moment - SECOND, name, props), sms=True)
        before = [one.message for one in whole if one.after < moment]
        if before:
            assert [one.message for one in played.sent] == before, moment
            assert [ended for _, ended in played.outcomes] == [outcome]
        else:
            # Nobody is in the flow yet; who unsubscribed from emails may still be texted.
            assert not [one for one in played.sent if one.channel == "email"]
            assert not played.sent or name == "unsubscribed"


@pytest.mark.row("S5-094")
def test_an_order_under_another_address_ends_the_cart_by_its_checkout() -> None:
    for flow in CARTS:
        stranger = Happening(START + span("23h"), "order_placed", {"checkout_token": "tok"}, stranger=True)
        assert begin(flow, stranger).outcomes == [(flow, "goal")]
        other = Happening(START + span("23h"), "order_placed", {"checkout_token": "another"}, stranger=True)
        assert begin(flow, other).outcomes == [(flow, "completed")]


@pytest.mark.parametrize("flow", [flow for flow in BEGINS if flow != "newsletter-thanks"])
def test_what_is_no_exit_ends_nothing(flow: str) -> None:
    """The control of the exits above; of an order, that it is another one that was paid and cancelled."""
    other = [at("23h", "page_viewed")]
    if flow == "payment-pending":
        other += [at(f"{20 + n}h", name, order_id=99) for n, name in enumerate(("order_placed", "order_paid"))]
        other += [at("50h", "order_cancelled", order_id=99)]
    assert begin(flow, *other, sms=True).of(flow) == begin(flow, sms=True).plan


@pytest.mark.row("S5-087")
def test_a_purchase_takes_a_newcomer_from_the_welcome_into_what_follows_a_purchase() -> None:
    joins = at("0h", "newsletter_subscribed")
    for after in ("1h", "3d", "7d 23h"):
        played = play(["welcome", "post-purchase"], joins, at(after, "order_placed"), shopper=shopper(email=False))
        assert played.outcomes[0] == ("welcome", "goal")
        assert (after, "entered", None) in played.trail("post-purchase")
        assert max(span(sent) for sent, _ in played.of("welcome")) < span(after)
    stays = play(["welcome", "post-purchase"], joins, shopper=shopper(email=False))
    assert stays.trail("post-purchase") == [] and stays.outcomes == [("welcome", "completed")]


@pytest.mark.row("S5-088")
def test_an_unsubscribe_takes_a_person_out_of_all_their_flows() -> None:
    flows = ["welcome", "cart-recovery", "browse-abandonment"]
    life = (BEGINS["welcome"], BEGINS["browse-abandonment"], at("3h", "checkout_updated"))
    played = play(flows, *life, at("5h", "unsubscribed"), shopper=shopper(email=False))
    assert sorted(played.outcomes) == [(flow, "exit:unsubscribed") for flow in sorted(flows)]
    assert {one.after < span("5h") for one in played.sent} == {True}
    assert len(play(flows, *life, shopper=shopper(email=False)).sent) > len(played.sent)


def test_a_reminder_to_pay_needs_no_consent_and_outlasts_an_unsubscribe() -> None:
    played = begin("payment-pending", at("30h", "unsubscribed"), email=False)
    assert played.plan == [("1d", "reminder"), ("3d", "still-open")]
    assert begin("welcome", at("30h", "unsubscribed")).plan == [("0h", "hello")]


# --- codes


@pytest.mark.row("S5-085")
def test_the_code_of_the_welcome_ends_on_day_nine_and_the_last_email_says_so() -> None:
    played = begin("welcome", around=shop(offers=OWN_CODES))
    coupon, listed = played.done
    assert (coupon.action, coupon.result["percent"], say(coupon.after)) == ("coupon", 15, "0h")
    assert datetime.fromisoformat(coupon.result["ends_at"]) == START + span("9d")
    first, last = played.texts(0), played.texts(4)
    assert first.subject.endswith(" - here's 15% off your first order")
    assert last.subject == "Your 15% discount expires tomorrow"
    for mail in (first, last):
        assert coupon.result["code"] in mail.text and "March 12, 2026" in mail.text
    # Then they are where the newsletter goes.
    assert (listed.action, listed.data["add"], say(listed.after)) == ("list", "Newsletter", "8d")
    # The control: without an offer there is no code, and nobody speaks of one.
    none = begin("welcome", around=shop(offers={}))
    assert [one.action for one in none.done] == ["list"]
    assert not any("code" in none.texts(number).text or "%" in none.texts(number).subject for number in range(5))


@pytest.mark.parametrize(
    ("flow", "percent", "made", "ends"),
    [
        ("welcome-short", 15, "0h", "10d"),
        ("welcome-fashion", 15, "0h", "9d"),
        ("first-purchase", 10, "7d", "38d"),
        pytest.param("cart-four-reminders", 10, "2d", "8d 12h", marks=pytest.mark.row("S2-32")),
        pytest.param("cart-email", 10, "2d", "5d 12h", marks=pytest.mark.row("S5-158")),
        pytest.param("cart-email-sms", 10, "2d", "5d 12h", marks=pytest.mark.row("S5-159")),
        pytest.param("cart-two-texts", 10, "2d", "5d 6h", marks=pytest.mark.row("S5-097")),
        pytest.param("cart-help-then-discount", 10, "1d", "4d 12h", marks=pytest.mark.row("S3-25")),
    ],
)
def test_a_code_is_worth_what_the_plan_says_and_works_longer_than_it_is_shown(
    flow: str, percent: int, made: str, ends: str
) -> None:
    played = begin(flow, sms=True, around=shop(offers=OWN_CODES))
    (coupon,) = (one for one in played.done if one.action == "coupon")
    assert (coupon.result["percent"], say(coupon.after)) == (percent, made)
    assert say(datetime.fromisoformat(coupon.result["ends_at"]) - START) == ends
    code = coupon.result["code"]
    shown = [one.after for number, one in enumerate(played.sent) if code in text_of(played.texts(number))]
    assert shown and max(shown) < span(ends)
    assert not [one for number, one in enumerate(played.sent) if one.after < coupon.after and one.after in shown]


@pytest.mark.row("S5-097")
def test_the_second_text_says_the_code_right_behind_the_third_email() -> None:
    played = begin("cart-two-texts", sms=True)
    code = played.done[0].result["code"]
    email, text = played.texts(3), str(played.texts(4))
    assert email.subject == "10% off your cart, for three days" and code in email.text
    assert f"10% off your cart: {code} " in text
    assert "Complete checkout: " in str(played.texts(1)) and "%" not in str(played.texts(1))


@pytest.mark.row("S3-25")
def test_help_comes_before_a_discount_and_stays_help_where_there_is_none() -> None:
    with_one, without = begin("cart-help-then-discount"), begin("cart-help-then-discount", around=shop(offers={}))
    assert "%" not in with_one.texts(0).text and with_one.texts(1).subject == "10% off, if you finish your order"
    assert without.texts(1).subject == "Your cart is still here" and not without.done


def text_of(written: Any) -> str:
    return str(getattr(written, "text", written))


# --- what people told and did


@pytest.mark.row("S5-152")
@pytest.mark.row("S5-151")
@pytest.mark.row("S4-16")
def test_who_took_the_quiz_gets_the_last_email_by_the_answers() -> None:
    quiz = at("3d", "form_submitted", form="quiz", answers={"style": "smart casual"})
    played = begin("welcome-fashion", quiz)
    assert played.plan[-1] == ("8d", "picks")
    last = played.texts(4)
    assert "smart casual" in last.text and any("search?q=smart+casual" in link for link in last.links)
    # Who answered before is not invited any more; who never did gets the other last email.
    early = begin("welcome-fashion", answers={"style": "classic"})
    assert [message for _, message in early.plan] == ["hello", "as-worn", "behind-the-scenes", "picks"]
    assert begin("welcome-fashion").plan[-1] == ("8d", "last-call")


@pytest.mark.row("S3-06")
def test_who_is_welcomed_is_not_thanked_as_well() -> None:
    both = play(["newsletter-thanks", "welcome"], BEGINS["welcome"], shopper=shopper(email=False))
    assert both.of("newsletter-thanks") == [] and len(both.of("welcome")) == 5
    customer = shopper(email=False, orders_count=1)
    assert play(["newsletter-thanks", "welcome"], BEGINS["welcome"], shopper=customer).plan == [("0h", "thank-you")]


def test_a_series_of_welcome_is_for_those_who_have_not_bought_and_only_once() -> None:
    for flow in WELCOMES:
        assert begin(flow, orders_count=1).plan == []
        again = (at("20d", "unsubscribed"), at("40d", "newsletter_subscribed"))
        assert begin(flow, *again).plan == begin(flow).plan


LOOK_AT_HATS = {"product_id": 2, "title": "Wool hat", "category": "Hats"}


@pytest.mark.row("S5-113")
def test_another_category_begins_the_browse_flow_anew_and_the_same_one_does_not() -> None:
    hats = begin("browse-abandonment", at("20h", "product_viewed", **LOOK_AT_HATS))
    assert hats.plan[:3] == [("2h", "still-thinking"), ("22h", "still-thinking"), ("1d 22h", "similar")]
    assert hats.outcomes[0] == ("browse-abandonment", "restarted")
    assert ("22h", "begun_anew", "wait") in hats.trail()
    mugs = begin("browse-abandonment", at("20h", "product_viewed", product_id=3, category="Mugs"))
    assert mugs.plan == begin("browse-abandonment").plan


@pytest.mark.row("S5-114")
def test_at_most_one_browse_email_leaves_on_a_day() -> None:
    """However often other categories are looked at; shoppers live in London, where a day is one of the calendar."""
    held = set()
    for hours in (3, 7, 12, 26, 30):
        looks = [
            at(f"{hours * n}h", "product_viewed", **{**LOOK_AT_HATS, "category": f"C{n}", "product_id": 10 + n})
            for n in range(1, 6)
        ]
        played = begin("browse-abandonment", *looks, around=shop(marketing_cap={"count": 50, "days": 7}))
        days = [(START + one.after).date() for one in played.sent]
        assert len(days) == len(set(days)) >= 2, played.plan
        held |= {one.reason for one in played.held}
    assert "flow_cap" in held


@pytest.mark.row("S5-112")
@pytest.mark.row("S5-162")
def test_what_goes_into_the_cart_ends_browsing_and_is_the_cart_flows_from_then_on() -> None:
    both = ["browse-abandonment", "cart-recovery"]
    looks, adds = BEGINS["browse-abandonment"], at("20h", "added_to_cart", product_id=1)
    played = play(both, looks, adds, at("20h", "checkout_updated"))
    assert played.of("browse-abandonment") == [("2h", "still-thinking")]
    assert played.of("cart-recovery")[0] == ("21h", "reminder") and len(played.of("cart-recovery")) == 4
    # Nobody in a cart flow is told of what else they looked at.
    looks_later = at("30h", "product_viewed", **LOOK_AT_HATS)
    assert play(both, at("0h", "checkout_updated"), looks_later).of("browse-abandonment") == []
    assert len(play("browse-abandonment", looks_later).plan) == 3


@pytest.mark.row("S5-163")
def test_browsing_within_a_week_of_a_purchase_is_answered_by_nothing() -> None:
    looks = at("0h", "product_viewed", product_id=1, category="Mugs")
    lately = play("browse-abandonment", looks, shopper=shopper(orders_count=1, last_order="-1d"))
    assert lately.plan == [] and {one.detail["because"] for one in lately.record.held} == {"recent_purchase"}
    long_ago = play("browse-abandonment", looks, shopper=shopper(orders_count=1, last_order="-8d"))
    assert len(long_ago.plan) == 3


@pytest.mark.row("S5-109")
def test_browsing_is_answered_by_the_product_then_some_like_it_then_the_bestsellers() -> None:
    played = begin("browse-abandonment")
    shelf = example()["products"]
    first, second, third = (played.texts(number).text for number in range(3))
    assert "Close to it" not in first and "Close to it" in second
    assert all(product["title"] in second for product in shelf["similar"]) and len(shelf["similar"]) == 4
    assert all(product["title"] in third for product in shelf["bestsellers"])


# --- what the files say of themselves


@pytest.mark.row("S5-086")
@pytest.mark.row("S5-093")
@pytest.mark.row("S5-110")
def test_each_flow_says_its_goal_whose_it_is_and_what_to_compare_it_with() -> None:
    said = {flow: read_folder(LIBRARY / flow).flow.definition for flow in BEGINS}
    for flow, definition in said.items():
        about, goal = definition["about"], definition["goal"]
        for entry in ("purpose", "owner", "assumptions", "reviewed", "refresh", "naming", "benchmarks"):
            assert about.get(entry), (flow, entry)
        assert all(goal.get(entry) for entry in ("on", "within", "metric", "target", "audience")), flow
    for flow, on, target in (
        ("welcome", "order_placed", "8 %"),
        ("cart-recovery", "order_placed", "10 %"),
        ("browse-abandonment", "order_placed", "1-2 %"),
    ):
        assert (said[flow]["goal"]["on"], said[flow]["goal"]["target"]) == (on, target)


@pytest.mark.parametrize("flow", BEGINS)
def test_every_email_is_whole_for_everybody(flow: str) -> None:
    """Also for somebody of whom little is known, in a shop without offers, reviews and anything to recommend."""
    for name, text in read_folder(LIBRARY / flow).texts.items():
        source = parse(f"{flow}/{name}", text)
        if source.channel != "email":
            continue
        for facts in (example(), {**bare(offers=False), "coupon": {}}):
            mail = render(source, facts)
            assert len(mail.subject) <= 60 and 40 <= len(mail.preview) <= 90, (mail.subject, mail.preview)
            assert "!" not in mail.subject + mail.preview
            assert ("Ada" in mail.text) == bool(facts["person"]["first_name"]), source.name
