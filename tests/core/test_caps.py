"""Limits: their windows and days one by one, and random streams of messages against the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import caps
from flows.core.cap_entries import CapsSchema, limits
from flows.core.caps import Sent
from flows.core.gate import Defer, GateFacts, GateMessage, Verdict, gate
from flows.core.hours import Quiet, outside
from flows.core.model import Limit
from flows.core.permission import Yes
from flows.core.problems import DefinitionError
from flows.core.validate import load
from tests.core.examples import DAY, HOUR, MESSAGES, T0, definition
from tests.core.gate_oracle import (
    Decide,
    Delivery,
    Wanted,
    beyond_a_day,
    beyond_a_window,
    delivered,
    over_the_cap,
    two_flows_on_a_day,
)

PARIS, APIA = ZoneInfo("Europe/Paris"), ZoneInfo("Pacific/Apia")
MINUTE = timedelta(minutes=1)
EMAIL, ANYTHING, TODAY = Limit(2, 7, "email"), Limit(2, 7), Limit(2, None, "email")


def sent(at: datetime, channel: str = "email", purpose: Any = "marketing") -> Sent:
    return Sent("f", UUID(int=9), channel, purpose, "count", at)


def reached(limits: Sequence[Limit], ledger: Sequence[Sent], now: datetime = T0, channel: str = "email") -> Any:
    tomorrow = datetime(2026, 11, 3, 8, tzinfo=UTC)
    return caps.reached(limits, channel, ledger, now, PARIS, lambda: tomorrow)


@pytest.mark.parametrize(
    ("limit", "ages", "until"),
    [
        (EMAIL, [], None),
        (EMAIL, [DAY], None),
        (EMAIL, [DAY, 2 * DAY], 5 * DAY + MINUTE),
        # Whichever way the ledger is ordered, and whatever came before the last two.
        (EMAIL, [2 * DAY, DAY], 5 * DAY + MINUTE),
        (EMAIL, [3 * DAY, DAY, 2 * DAY], 5 * DAY + MINUTE),
        # A week ago to the second, and the minute within which it left: it may have come six days and some ago.
        (EMAIL, [DAY, 7 * DAY], MINUTE),
        (EMAIL, [DAY, 7 * DAY + MINUTE - timedelta(seconds=1)], timedelta(seconds=1)),
        (EMAIL, [DAY, 7 * DAY + MINUTE], None),
        # Now itself counts; 11:00 in Paris began its day 11 hours ago.
        (TODAY, [timedelta(0), HOUR], 22 * HOUR),
        (TODAY, [HOUR, 11 * HOUR], 22 * HOUR),
        (TODAY, [HOUR, 11 * HOUR + MINUTE], 22 * HOUR),
        (TODAY, [HOUR, 11 * HOUR + MINUTE + timedelta(seconds=1)], None),
    ],
)
def test_a_limit_says_when_there_is_room_again(limit: Limit, ages: list[timedelta], until: timedelta | None) -> None:
    full = reached([limit], [sent(T0 - age) for age in ages])
    assert (full and (full.limit, full.until)) == (until and (limit, T0 + until))


def test_what_a_limit_counts() -> None:
    texts = [sent(T0 - HOUR, "sms")] * 2
    assert reached([EMAIL], texts) is None and reached([EMAIL], texts, channel="sms") is None
    assert reached([EMAIL], [sent(T0 - HOUR)] * 2, channel="sms") is None
    assert reached([ANYTHING], texts).until == T0 + 7 * DAY - HOUR + MINUTE
    assert reached([ANYTHING], texts, channel="sms") is not None
    assert reached([EMAIL], [sent(T0 - HOUR, purpose="transactional")] * 2) is None
    assert reached([], [sent(T0)] * 9) is None


def test_of_several_limits_the_one_that_holds_longest_decides() -> None:
    both = [sent(T0 - HOUR), sent(T0 - 2 * HOUR)]
    for order in ([TODAY, EMAIL], [EMAIL, TODAY]):
        assert reached(order, both).limit == EMAIL
    assert reached([TODAY, Limit(3, 7, "email")], both).limit == TODAY
    assert reached([Limit(9, 7, "email"), TODAY], both).limit == TODAY


def test_a_message_that_was_counted_before_midnight_may_leave_after_it() -> None:
    """23:59:30 in Paris: on either day nothing more has room."""
    late = datetime(2026, 11, 2, 22, 59, 30, tzinfo=UTC)
    once = Limit(1, None, "email")
    assert reached([once], [sent(late)], now=late + 5 * timedelta(seconds=1)) is not None
    assert reached([once], [sent(late)], now=late + 10 * HOUR) is not None
    assert reached([once], [sent(late - MINUTE)], now=late + 10 * HOUR) is None


def test_limits_as_they_are_written() -> None:
    written = {"email": {"count": 1, "per": "day"}, "all": {"count": 4, "days": 30}}
    assert limits(CapsSchema().load(written)) == (Limit(1, None, "email"), Limit(4, 30, None))
    assert [one.to_json() for one in limits(CapsSchema().load(written))] == [
        {"count": 1, "per": "day", "channel": "email"},
        {"count": 4, "per": "30d", "channel": None},
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"caps": {"email": {"count": 1}}}, "write either per: day, or days: 7"),
        ({"caps": {"email": {"count": 1, "per": "day", "days": 7}}}, "write either per: day, or days: 7"),
        ({"caps": {"email": {"count": 0, "per": "day"}}}, "count"),
        ({"caps": {"email": {"count": 1, "days": 31}}}, "days"),
        ({"caps": {"email": {"count": 1, "per": "week"}}}, "per"),
        ({"caps": {"emails": {"count": 1, "per": "day"}}}, "emails"),
        ({"cap": "exempt", "caps": {"email": {"count": 1, "per": "day"}}}, "Write cap: own"),
    ],
)
def test_limits_that_make_no_sense_are_refused(entries: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        load(definition(**entries), messages=MESSAGES)
    assert load(definition(caps={"sms": {"count": 1, "days": 30}}), messages=MESSAGES).caps == (Limit(1, 30, "sms"),)


# Random streams. Flow b has a plan for a day, c one for three days; e and x are limited by nothing of the shop's.
PLANS = {"a": "count", "b": "count", "c": "own", "d": "count", "e": "own", "x": "exempt"}
OWN: dict[str, Limit] = {"b": Limit(1, None, "email"), "c": Limit(2, 3, "email")}
WANTED = st.builds(
    Wanted,
    minutes=st.integers(0, 60 * 36),
    flow=st.sampled_from(sorted(PLANS)),
    channel=st.sampled_from(["email", "email", "email", "sms"]),
    purpose=st.sampled_from(["marketing"] * 5 + ["transactional"]),
    late=st.sampled_from([0, 1, 25, 59]),
)


def facts(flow: str, where: ZoneInfo = PARIS, cap: int = 3) -> GateFacts:
    return GateFacts(
        permission=Yes(),
        timezone=where.key,
        quiet=Quiet(outside(time(21), time(9)), (where,)),
        flow_caps=[OWN[flow]] if flow in OWN else [],
        shop_caps=[Limit(cap, 7, "email"), Limit(cap, 7, "sms")],
    )


def faults(wanted: Sequence[Wanted], decide: Decide, where: ZoneInfo = PARIS) -> list[object]:
    """What the oracle has against the deliveries that come of it."""
    found = delivered(wanted, PLANS, decide, lambda flow: facts(flow, where), T0)
    of_emails = [one for one in found if one.channel == "email"]
    at_night = [
        one
        for one in found
        if one.purpose == "marketing" and not time(9) <= one.at.astimezone(where).time() < time(21, 1)
    ]
    return [
        *over_the_cap(found),
        *beyond_a_day(of_emails, {"b": 1}, where),
        *beyond_a_window(of_emails, {"c": (2, 3)}),
        *two_flows_on_a_day(found, where),
        *at_night,
    ]


@pytest.mark.row("S5-164")
@settings(max_examples=150, deadline=None)
@given(st.lists(WANTED, max_size=25), st.sampled_from([PARIS, APIA, ZoneInfo("America/New_York")]))
def test_no_stream_of_messages_exceeds_a_cap_a_plan_or_a_day(wanted: list[Wanted], where: ZoneInfo) -> None:
    assert not faults(wanted, gate, where)


DAILY = [Wanted(1440, "a")] * 6


def _with(**changes: Any) -> Decide:
    return lambda message, known, now: gate(message, replace(known, **changes), now)


def _ledger(keep: Any) -> Decide:
    def decide(message: GateMessage, known: GateFacts, now: datetime) -> Verdict:
        return gate(message, replace(known, ledger=[one for one in known.ledger if keep(one, now)]), now)

    return decide


def _as_own(message: GateMessage, known: GateFacts, now: datetime) -> Verdict:
    return gate(replace(message, cap="own"), known, now)


@pytest.mark.parametrize(
    ("broken", "wanted"),
    [
        pytest.param(_with(shop_caps=[Limit(4, 7, "email")]), DAILY, id="four of three"),
        pytest.param(_with(shop_caps=[Limit(3, 6, "email")]), DAILY, id="six days for seven"),
        pytest.param(
            _ledger(lambda one, now: one.counted_at > now - 7 * DAY),
            [Wanted(1440, "a", late=25), *[Wanted(1440, "a")] * 2, Wanted(1440 * 5, "a")],
            id="a week from when it was counted",
        ),
        pytest.param(
            _ledger(lambda one, now: one.cap != "own"), [*[Wanted(1441, "e")] * 3, Wanted(1441, "a")], id="own"
        ),
        pytest.param(
            _ledger(lambda one, now: one.cap != "exempt"), [*[Wanted(1441, "x")] * 3, Wanted(1441, "a")], id="exempt"
        ),
        pytest.param(_as_own, DAILY, id="every flow its own plan"),
        pytest.param(_with(flow_caps=()), [Wanted(60, "b")] * 2, id="no plan for a day"),
        pytest.param(_with(flow_caps=()), [Wanted(60, "c")] * 3, id="no plan for three days"),
        pytest.param(_with(timezone="UTC"), [Wanted(630, "b"), Wanted(450, "b")], id="days of somewhere else"),
        pytest.param(_ledger(lambda one, now: one.flow == "a"), [Wanted(60, "e"), Wanted(60, "a")], id="other flows"),
        pytest.param(_with(quiet=None), [Wanted(60 * 12, "e")], id="at night"),
    ],
)
def test_a_gate_that_counts_wrongly_is_caught(broken: Decide, wanted: list[Wanted]) -> None:
    """The controls: each of these breaks the property above, and the gate itself does not."""
    # 9:30 and 17:00 in Apia, between which the day ends in London.
    where = APIA if wanted[0].minutes == 630 else PARIS
    assert faults(wanted, broken, where)
    assert not faults(wanted, gate, where)


def test_the_oracle_itself() -> None:
    """By hand: the third other email a week before is one too many, a second more than a week is not."""

    def at(*hours: float, flow: str = "a", cap: str = "count") -> list[Delivery]:
        return [Delivery(flow, "email", cap, T0 + timedelta(hours=hour)) for hour in hours]

    assert over_the_cap(at(0, 1, 2)) == [] and over_the_cap(at(0, 1, 2, 168)) == at(168)
    assert over_the_cap(at(0, 1, 2, 168.1)) == []
    assert over_the_cap([*at(0, 1, 2), *at(3, cap="own", flow="c")]) == []
    assert beyond_a_day(at(0, 12), {"a": 1}, PARIS) and not beyond_a_day(at(0, 13), {"a": 1}, PARIS)
    assert beyond_a_window(at(0, 24, 72), {"a": (2, 3)}) and not beyond_a_window(at(0, 24, 73), {"a": (2, 3)})
    assert two_flows_on_a_day([*at(0), *at(1, flow="b")], PARIS) == at(1, flow="b")
    assert not two_flows_on_a_day([*at(0), *at(1)], PARIS)
    assert not two_flows_on_a_day([*at(0), *at(1, flow="b", cap="own")], PARIS)


@pytest.mark.row("S5-031")
def test_five_flows_that_overlap_send_no_five_emails_in_a_day() -> None:
    """Five flows of four messages each, all of which begin at once and would like to write every day."""
    wanted = [Wanted(0 if n else (1440 if day else 0), flow) for day in range(4) for n, flow in enumerate("abdfg")]
    plans = dict.fromkeys("abdfg", "count")
    found = delivered(wanted, plans, gate, lambda flow: facts("a"), T0)
    assert not over_the_cap(found) and not beyond_a_day([replace(one, flow="") for one in found], {"": 1}, PARIS)
    week = [one for one in found if one.at < T0 + 7 * DAY]
    assert len(week) == 3
    without = delivered(wanted, plans, lambda message, known, now: gate(message, GateFacts(permission=Yes()), now),
                        lambda flow: facts("a"), T0)  # fmt: skip
    assert len([one for one in without if one.at < T0 + DAY]) == 5, "the control: without a cap they do"


def test_a_drop_is_no_deferral() -> None:
    message = GateMessage("f", UUID(int=1), "email", "marketing", "count", 1, T0, T0 + 20 * DAY)
    full = replace(facts("a"), quiet=None, ledger=[sent(T0 - n * DAY) for n in (1, 2, 3)])
    assert isinstance(gate(message, full, T0), Defer)
    verdict = gate(replace(message, on_cap="drop"), full, T0)
    assert (verdict.reason, dict(verdict.detail)) == (  # type: ignore[union-attr]
        "shop_cap",
        {"count": 3, "per": "7d", "channel": "email", "room_at": (T0 + 4 * DAY + MINUTE).isoformat()},
    )
    own = replace(full, shop_caps=(), flow_caps=[Limit(3, 7)])
    assert gate(replace(message, on_cap="drop"), own, T0).reason == "flow_cap"  # type: ignore[union-attr]
