"""Who may be written to: every cell of the shipped rules against answers written by hand, and what holds of all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from connector.consent_policy import in_force, read, shipped
from connector.shops import ShopSettingsSchema
from flows.core import permission
from flows.core.permission import (
    ANY,
    CART_TRIGGERS,
    Consent,
    No,
    Policy,
    Yes,
    governing,
    may_send,
    may_track_opens,
    read_consents,
    shown_state,
)
from flows.core.vocabulary import EVENTS

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)

# Who is told yes: S single opt-in, C confirmed, I a box ticked ten days ago, O one ticked three years ago, B a buyer
# who could object where the soft opt-in is switched on, N the same without an order.
CASES = {
    "S": ("subscribed", "single_opt_in", 0, 10),
    "C": ("subscribed", "confirmed_opt_in", 0, 10),
    "I": ("subscribed", "implied", 1, 10),
    "O": ("subscribed", "implied", 1, 1100),
    "B": ("not_subscribed", "soft_opt_in", 1, 10),
    "N": ("not_subscribed", "soft_opt_in", 0, 10),
}
CELLS = [("email", "newsletter"), ("email", "cart")] + [
    (channel, purpose) for channel in ("sms", "whatsapp", "push") for purpose in (channel, "cart")
]
STRICT = dict.fromkeys(CELLS, "C")
ASKED = dict.fromkeys(CELLS, "SC")
EUROPEAN = {**ASKED, ("email", "newsletter"): "SCIOB", ("email", "cart"): "SCIO"}
GERMAN = {**STRICT, ("email", "newsletter"): "CB", ("push", "push"): "SC", ("push", "cart"): "SC"}
BRITISH = {**ASKED, ("email", "newsletter"): "SCIOB", ("email", "cart"): "SCIOB"}
AMERICAN = {**ASKED, ("email", "newsletter"): "SCIO", ("email", "cart"): "SCIO"}
CANADIAN = {**ASKED, ("email", "newsletter"): "SCI", ("email", "cart"): "SCI"}
EXPECTED = {
    **dict.fromkeys(
        "BE BG CH CY CZ DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split(), EUROPEAN
    ),
    **dict.fromkeys(("AT", "DE"), GERMAN),
    "GB": BRITISH,
    **dict.fromkeys(("AU", "JP", "NZ", "US"), AMERICAN),
    "CA": CANADIAN,
}
UNLISTED, UNKNOWN = ("ZZ", "BR"), (None, "")
ALL = [*EXPECTED, *UNLISTED, *UNKNOWN]
SWITCHED_ON = replace(shipped(), soft_opt_in=frozenset({*EXPECTED, "ZZ", "BR"}))


def answers(policy: Policy, country: str | None, channel: str, purpose: str) -> str:
    found = ""
    for letter, (state, level, orders, days) in CASES.items():
        verdict = may_send(state, level, country, channel, purpose, orders, NOW - days * DAY, NOW, policy)
        found += letter if verdict == Yes() else ""
    return found


@pytest.mark.parametrize("country", ALL)
def test_every_cell(country: str | None) -> None:
    assert set(EXPECTED) == set(shipped().countries)
    for channel, purpose in CELLS:
        expected = (EXPECTED.get(country, STRICT) if country else AMERICAN)[channel, purpose]
        assert answers(SWITCHED_ON, country, channel, purpose) == expected, (channel, purpose)
        # Nobody has switched it on.
        assert answers(shipped(), country, channel, purpose) == expected.replace("B", "")


def test_a_rule_that_is_laxer_is_caught() -> None:
    """The control: one changed cell, and the table above says so."""
    german = shipped().countries["DE"]
    lax = replace(german.rules["email", "newsletter"], double_opt_in=False)
    planted = replace(
        shipped(),
        countries={**shipped().countries, "DE": replace(german, rules={**german.rules, ("email", "newsletter"): lax})},
    )
    assert answers(planted, "DE", "email", "newsletter") != EXPECTED["DE"]["email", "newsletter"].replace("B", "")


@pytest.mark.parametrize("country", ALL)
@pytest.mark.parametrize("state", [None, "unsubscribed", "undeliverable", "pending", "not_subscribed"])
def test_who_has_not_agreed_is_not_written_to_anywhere(country: str | None, state: str | None) -> None:
    for channel, purpose in CELLS:
        for level in (None, "confirmed_opt_in", "single_opt_in", "implied"):
            assert isinstance(may_send(state, level, country, channel, purpose, 9, NOW, NOW, SWITCHED_ON), No)


def test_a_cell_that_is_not_there_says_no() -> None:
    for channel, purpose in (("email", "sms"), ("fax", "fax"), (ANY, "profiling")):
        verdict = may_send("subscribed", "confirmed_opt_in", "US", channel, purpose, 9, NOW, NOW, shipped())
        assert verdict == No("no_rule")


def test_implied_consent_ends_with_its_last_day() -> None:
    """CASL: two years, and the gate asks again when the message leaves."""
    last = datetime(2026, 11, 2, tzinfo=UTC)
    given_at = last - timedelta(days=730) + timedelta(hours=15)

    def asked(now: datetime) -> permission.Permission:
        return may_send("subscribed", "implied", "CA", "email", "newsletter", 1, given_at, now, shipped())

    assert asked(last + timedelta(hours=23, minutes=59)) == Yes()
    assert asked(last + DAY) == No("consent_expired")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Consent("subscribed", "confirmed_opt_in"), Yes()),
        (Consent("subscribed", "single_opt_in"), No("needs_doi")),
        (Consent("subscribed"), No("needs_doi")),
        (Consent("pending"), No("pending")),
        (Consent("unsubscribed"), No("no_consent")),
        (Consent("not_subscribed"), No("no_consent")),
        (Consent("not_subscribed", "soft_opt_in"), Yes()),
        (None, None),
    ],
)
def test_a_no_says_why(told: Consent | None, said: permission.Permission | None) -> None:
    """In Germany, for somebody who has bought."""
    known = {} if told is None else {("email", "newsletter"): told}
    assert permission.permission(known, "DE", "email", "newsletter", 1, NOW, SWITCHED_ON) == said


def test_a_no_says_what_is_missing() -> None:
    soft = {("email", "newsletter"): Consent("not_subscribed", "soft_opt_in")}
    asked = ("email", "newsletter")
    assert permission.permission(soft, "DE", *asked, 0, NOW, SWITCHED_ON) == No("no_purchase")
    assert permission.permission(soft, "DE", *asked, 1, NOW, shipped()) == No("soft_opt_in_off")
    assert permission.permission(soft, "CA", *asked, 1, NOW, SWITCHED_ON) == No("soft_opt_in_off")
    implied = {("email", "newsletter"): Consent("subscribed", "implied", NOW - 800 * DAY)}
    assert permission.permission(implied, "CA", *asked, 1, NOW, shipped()) == No("consent_expired")
    assert permission.permission(implied, "CA", *asked, 1, NOW - 100 * DAY, shipped()) == Yes()
    undated = {("email", "newsletter"): Consent("subscribed", "implied")}
    assert permission.permission(undated, "CA", *asked, 1, NOW, shipped()) == No("no_consent")
    not_at_all = shipped().countries["CA"]
    rule = replace(not_at_all.rules[asked], implied_days=0)
    never = replace(shipped(), countries={"CA": replace(not_at_all, rules={asked: rule})})
    fresh = {asked: Consent("subscribed", "implied", NOW)}
    assert permission.permission(fresh, "CA", *asked, 1, NOW, never) == No("no_consent")
    one_day = replace(never, countries={"CA": replace(not_at_all, rules={asked: replace(rule, implied_days=1)})})
    assert permission.permission(fresh, "CA", *asked, 1, NOW, one_day) == Yes()


def test_what_is_on_record_is_read() -> None:
    rows = [["email", "newsletter", "subscribed", "SINGLE_OPT_IN", NOW.isoformat()],
            ["sms", "sms", "unsubscribed", None, NOW.isoformat()]]  # fmt: skip
    assert read_consents(rows) == {
        ("email", "newsletter"): Consent("subscribed", "single_opt_in", NOW),
        ("sms", "sms"): Consent("unsubscribed", None, NOW),
    }
    assert read_consents(None) == {}


STATES = ["subscribed", "pending", "not_subscribed", "unsubscribed", "undeliverable"]
LEVELS = [None, "single_opt_in", "confirmed_opt_in", "implied", "soft_opt_in"]
CONSENTS = st.dictionaries(
    st.sampled_from(CELLS),
    st.builds(Consent, st.sampled_from(STATES), st.sampled_from(LEVELS), st.just(NOW - 10 * DAY)),
    max_size=5,
)
COUNTRIES = st.sampled_from(ALL)


@given(CONSENTS, COUNTRIES, st.sampled_from(CELLS), st.sampled_from(CELLS), st.integers(0, 2))
def test_one_more_opt_out_never_makes_a_no_a_yes(
    consents: dict[tuple[str, str], Consent],
    country: str | None,
    asked: tuple[str, str],
    out_of: tuple[str, str],
    orders: int,
) -> None:
    def verdict(known: dict[tuple[str, str], Consent]) -> bool:
        found = permission.permission(known, country, *asked, orders, NOW, SWITCHED_ON)
        return found == Yes()

    after = {**consents, out_of: Consent("unsubscribed", None, NOW)}
    assert verdict(consents) or not verdict(after)
    channel, purpose = out_of
    if asked == out_of or (asked[0] == channel and purpose == permission.OWN[channel]):
        assert not verdict(after)


def test_who_leaves_the_newsletter_leaves_the_cart_mails_too_but_not_the_other_way_round() -> None:
    yes, no = Consent("subscribed", "single_opt_in", NOW), Consent("unsubscribed", None, NOW)
    newsletter, cart = ("email", "newsletter"), ("email", "cart")
    assert governing({newsletter: no, cart: yes}, *cart) is no
    assert governing({newsletter: yes, cart: no}, *cart) is no
    assert governing({newsletter: yes, cart: no}, *newsletter) is yes
    assert governing({newsletter: yes}, *cart) is yes
    unasked = Consent("not_subscribed")
    assert governing({newsletter: yes, cart: unasked}, *cart) is yes
    assert governing({("fax", "fax"): no, ("fax", "cart"): yes}, "fax", "cart") is no
    assert governing({}, *cart) is None


def test_who_has_to_confirm_is_pending_as_flows_see_it() -> None:
    single, confirmed = Consent("subscribed", "single_opt_in"), Consent("subscribed", "confirmed_opt_in")
    assert shown_state(single, "DE", "email", "newsletter", shipped()) == "pending"
    assert shown_state(confirmed, "DE", "email", "newsletter", shipped()) == "subscribed"
    assert shown_state(single, "FR", "email", "newsletter", shipped()) == "subscribed"
    assert shown_state(Consent("unsubscribed"), "DE", "email", "newsletter", shipped()) == "unsubscribed"
    assert shown_state(None, "DE", "email", "newsletter", shipped()) is None


@pytest.mark.parametrize(
    ("country", "unasked", "agreed", "refused"),
    [("FR", False, True, False), ("IT", False, True, False), ("DE", True, True, False), (None, False, True, False)],
)
def test_where_opens_may_be_recorded(country: str | None, unasked: bool, agreed: bool, refused: bool) -> None:
    told = ("email", "open_tracking")
    assert may_track_opens({}, country, shipped()) == unasked
    assert may_track_opens({told: Consent("subscribed")}, country, shipped()) == agreed
    assert may_track_opens({told: Consent("unsubscribed")}, country, shipped()) == refused
    asked_everywhere = replace(shipped(), always_ask_for_tracking=True)
    assert not may_track_opens({}, country, asked_everywhere)


@given(CONSENTS, COUNTRIES, st.sampled_from(CELLS), st.booleans(), st.booleans())
def test_a_shop_can_only_make_it_stricter_but_for_the_soft_opt_in(
    consents: dict[tuple[str, str], Consent], country: str | None, asked: tuple[str, str], double: bool, opens: bool
) -> None:
    chosen = {"double_opt_in": {"always": double}, "ask_for_open_tracking": opens}
    mine = in_force(ShopSettingsSchema().load(chosen))
    if permission.permission(consents, country, *asked, 1, NOW, mine) == Yes():
        assert permission.permission(consents, country, *asked, 1, NOW, shipped()) == Yes()


@pytest.mark.parametrize(
    "text",
    [
        "strictest: {open_tracking_consent: true, channels: {}}",
        "strictest: {open_tracking_consent: true, channels: {fax: {}}}\ncountries: {}",
        "strictest: {open_tracking_consent: true, channels: {}}\ncountries: {France: {}}",
        "strictest: {open_tracking_consent: true, channels: {email: {cart: {double_opt_in: true}}}}\ncountries: {}",
    ],
)
def test_a_file_that_is_wrong_is_not_read(text: str) -> None:
    unknown = "\nunknown: {open_tracking_consent: true, channels: {}}"
    with pytest.raises(ValidationError):
        read(text + unknown)


def test_a_file_says_what_holds_for_who_lives_nobody_knows_where() -> None:
    known = "strictest: {open_tracking_consent: true, channels: {}}\ncountries: {}"
    with pytest.raises(ValidationError, match="unknown"):
        read(known)
    assert read(known + "\nunknown: {open_tracking_consent: false, channels: {}}").countries == {}


def test_flows_about_carts_start_on_events_that_there_are() -> None:
    assert CART_TRIGGERS <= EVENTS.keys()
