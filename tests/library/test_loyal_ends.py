"""What ends the templates of loyalty, win-back and business, and that every message of theirs is whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.content.context import bare, example
from flows.content.render import render
from flows.content.source import parse
from flows.definition_files import read_folder
from flows.simulator.happening import Happening
from tests.library.loyal import DOWNLOAD, GOLD, ORDER, SHOP, SILVER, TARGET, TRIAL, WEBINAR, customer
from tests.library.playing import LIBRARY, START, Played, at, play
from tests.library.test_loyal import LOYALTY

STARTS: dict[str, tuple[list[Happening], dict[str, Any]]] = {
    "win-back": ([ORDER], {}),
    "win-back-ladder": ([ORDER], {}),
    "win-back-once": ([ORDER], {}),
    "one-time-buyers": ([ORDER], {"orders_count": 0}),
    "sunset": ([at("0h", "login")], {}),
    "birthday": ([at("0h", "birthday_told", birthday="03-10")], {}),
    "birthday-vip": ([at("0h", "birthday_told", birthday="03-10")], {"total_spent": "700"}),
    "anniversary": ([ORDER], {"orders_count": 0}),
    "vip": ([at("0h", "order_placed", total="600.00")], {"total_spent": "0"}),
    "vip-gold": ([SILVER, GOLD], {}),
    "vip-launch": ([], {"total_spent": "700"}),
    "vip-sale": ([], {"total_spent": "700"}),
    **{flow: (happened, {}) for flow, (happened, _, _) in LOYALTY.items()},
    "b2b-lead": ([DOWNLOAD], {}),
    "b2b-webinar": ([WEBINAR], {}),
    "b2b-onboarding": ([ORDER], {"orders_count": 0, "tags": ["b2b"]}),
    "b2b-account": ([TARGET], {}),
    "sales-sequence": ([at("0h", "custom:demo_requested")], {}),
    "saas-trial": ([TRIAL], {}),
    "saas-trial-inactive": ([at("0h", "custom:trial_extended")], {}),
}
BESIDE = {
    "b2b-lead": ["sales-sequence"],
    "b2b-webinar": ["b2b-lead", "sales-sequence"],
    "saas-trial": ["saas-trial-inactive"],
}


def begun(flow: str, *more: Happening, render: bool = False) -> Played:
    happened, who = STARTS[flow]
    flows = [flow, *BESIDE.get(flow, [])]
    return play(flows, *happened, *more, shopper=customer(**who), shop=SHOP, until="399d", render=render)


EXITS: dict[str, set[str]] = {
    "win-back": {"order_placed", "message_clicked", "unsubscribed"},
    "win-back-ladder": {"order_placed", "unsubscribed"},
    "win-back-once": {"order_placed", "unsubscribed"},
    "one-time-buyers": {"order_placed", "unsubscribed"},
    "sunset": {"order_placed", "message_clicked", "site_visited", "login", "unsubscribed"},
    "birthday": {"unsubscribed"},
    "birthday-vip": {"unsubscribed"},
    "anniversary": {"unsubscribed"},
    "vip": {"unsubscribed"},
    "vip-gold": {"unsubscribed"},
    "vip-launch": {"order_placed", "unsubscribed"},
    "vip-sale": {"order_placed", "unsubscribed"},
    "tier-up": {"tier_downgraded", "unsubscribed"},
    "tier-risk": {"order_placed", "tier_upgraded", "tier_downgraded", "unsubscribed"},
    "close-to-tier": {"tier_upgraded", "unsubscribed"},
    "reward-available": {"order_placed", "points_spent", "unsubscribed"},
    "points-expiring": {"points_spent", "unsubscribed"},
    "b2b-lead": {"custom:demo_requested", "order_placed", "unsubscribed"},
    "b2b-webinar": {"custom:demo_requested", "unsubscribed"},
    "b2b-onboarding": {"order_cancelled", "unsubscribed"},
    "b2b-account": {"custom:meeting_booked", "custom:demo_requested", "order_placed", "unsubscribed"},
    "sales-sequence": {"custom:meeting_booked", "order_placed", "unsubscribed"},
    "saas-trial": {"subscription_started", "order_placed", "custom:trial_ended", "unsubscribed"},
    "saas-trial-inactive": {"subscription_started", "order_placed", "custom:trial_ended", "unsubscribed"},
}
MINUTE = timedelta(minutes=1)
CARRIED = {"message_clicked": {"link": "https://shop.example/?stay=yes"}}


@pytest.mark.parametrize("flow", EXITS)
def test_every_exit_holds_back_what_had_not_left_at_any_moment_before(flow: str) -> None:
    assert {rule.on for rule in read_folder(LIBRARY / flow).flow.exit_rules} == EXITS[flow]
    whole = begun(flow)
    plan = _left(whole, flow)
    entered = next(line.at - START for line in whole.record.lines if (line.flow, line.code) == (flow, "entered"))
    assert plan
    # What leaves on entering leaves before anything can end it.
    for moment in [after - MINUTE for after, _ in plan if after - MINUTE > entered]:
        for name in EXITS[flow]:
            ended = begun(flow, Happening(START + moment, name, CARRIED.get(name, {})))
            assert _left(ended, flow) == [one for one in plan if one[0] < moment], (name, moment)
        # The control: something else ends nothing.
        assert _left(begun(flow, Happening(START + moment, "tag_added", {"tag": "other"})), flow) == plan


def _left(played: Played, flow: str) -> list[tuple[timedelta, str]]:
    """What left of the first run of the flow: what ended it may let somebody in again, much later."""
    sent = [one for one in played.record.sent if one.flow == flow]
    return [(one.at - START, one.message) for one in sent if one.run_id == sent[0].run_id]


@pytest.mark.parametrize("flow", EXITS)
def test_nobody_without_consent_gets_marketing(flow: str) -> None:
    happened, who = STARTS[flow]
    played = play(
        flow if flow not in BESIDE else [flow, *BESIDE[flow]],
        *happened,
        shopper=customer(**who, email=False),
        shop=SHOP,
        until="399d",
    )
    messages = read_folder(LIBRARY / flow).flow.messages
    assert all(messages[name].purpose == "transactional" for _, name in played.of(flow))


@pytest.mark.parametrize("flow", EXITS)
def test_each_says_what_it_is_for_and_how_that_is_measured(flow: str) -> None:
    said = read_folder(LIBRARY / flow).flow.definition
    assert {"purpose", "owner", "assumptions", "reviewed", "refresh", "naming", "benchmarks"} <= set(said["about"])
    assert {"on", "within", "metric", "target", "audience"} <= set(said["goal"])


MESSAGES = sorted(file for flow in EXITS for file in (LIBRARY / flow / "messages").glob("*.liquid"))


@pytest.mark.parametrize("file", MESSAGES, ids=lambda file: f"{file.parents[1].name}/{file.stem}")
def test_every_message_is_whole_for_somebody_of_whom_nothing_is_known(file: Any) -> None:
    source = parse(file.stem, file.read_text("utf-8"))
    for facts in ({**bare(), "coupon": {}}, example()):
        written = render(source, facts)
        assert len(written.subject) <= 60 and 40 <= len(written.preview) <= 90
        assert "!" not in written.subject + written.preview and "  " not in written.subject
        assert ("unsubscribe" in written.text.lower()) == (source.purpose == "marketing")
        assert ("Ada" in written.text) <= ("first_name" in source.body)
