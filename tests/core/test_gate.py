from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core.gate import (
    Defer,
    GateFacts,
    GateMessage,
    Limit,
    Rival,
    Send,
    Sent,
    Skip,
    Verdict,
    gate,
)
from flows.core.hours import Hours, Quiet, outside
from flows.core.permission import No, Yes
from tests.core.examples import DAY, HOUR, T0

RUN = UUID(int=5)
MESSAGE = GateMessage(
    flow="win-back",
    run_id=RUN,
    channel="email",
    purpose="marketing",
    cap="count",
    priority=40,
    due_at=T0,
    deadline=T0 + 10 * DAY,
    exits=("order_placed",),
    not_while_in=("post-purchase",),
    hold_after_purchase=7 * DAY,
)
PARIS = ZoneInfo("Europe/Paris")
FINE = GateFacts(permission=Yes(), timezone="Europe/Paris", shop_cap=Limit(3, 7))
MORNING = datetime.fromisoformat("2026-11-03T08:00:00+00:00")


def sent(at: datetime, flow: str = "cart", **more: Any) -> Sent:
    return Sent(
        flow,
        UUID(int=9),
        more.get("channel", "email"),
        more.get("purpose", "marketing"),
        more.get("cap", "count"),
        at,
    )


def ask(now: datetime = T0, message: GateMessage = MESSAGE, **facts: Any) -> Verdict:
    return gate(message, replace(FINE, **facts), now)


def rival(priority: int = 90, due_at: datetime = T0, run: int = 1, flow: str = "cart") -> Rival:
    return Rival(priority, due_at, UUID(int=run), flow)


THREE = [sent(T0 - timedelta(days=days)) for days in (1, 3, 6)]
NIGHT = Quiet(outside(time(21), time(9)), (PARIS,), {"rules": "the merchant"})
NOON = Quiet(outside(time(10), time(12)), (PARIS,), {"zones": "Europe/Paris"})

# In the order in which the gate asks: facts, verdict for marketing, verdict for a transactional message.
OBJECTIONS: list[tuple[dict[str, Any], Verdict, Verdict]] = [
    ({"erased": True}, Skip("erased"), Skip("erased")),
    ({"test_only": True}, Skip("test_only"), Skip("test_only")),
    ({"goal_reached": True}, Skip("goal_reached"), Skip("goal_reached")),
    (
        {"exit_mark": "order_placed"},
        Skip("exit_rule", {"event": "order_placed"}),
        Skip("exit_rule", {"event": "order_placed"}),
    ),
    (
        {"permission": No("needs_doi")},
        Skip("no_consent", {"why": "needs_doi", "channel": "email"}),
        Send(),
    ),
    ({"permission": None, "consent_pending": True}, Defer(T0 + timedelta(minutes=5), "consent_unknown"), Send()),
    ({"permission": None}, Skip("consent_unknown", {"channel": "email"}), Send()),
    ({"suppressed": "sunset"}, Skip("suppressed", {"why": "sunset"}), Send()),
    (
        {"suppressed": "hard_bounce"},
        Skip("suppressed", {"why": "hard_bounce"}),
        Skip("suppressed", {"why": "hard_bounce"}),
    ),
    ({"held": "open_ticket"}, Defer(T0 + 6 * HOUR, "held", {"why": "open_ticket"}), Send()),
    ({"live_tags": ["post-purchase"]}, Skip("excluded", {"tag": "post-purchase"}), Send()),
    (
        {"last_purchase_at": T0 - 6 * DAY},
        Defer(T0 + DAY, "recent_purchase", {"purchased_at": (T0 - 6 * DAY).isoformat()}),
        Send(),
    ),
    ({"rivals": [rival()]}, Defer(MORNING, "rival", {"flow": "cart", "priority": 90}), Send()),
    (
        {"ledger": [sent(T0 - HOUR)]},
        Defer(MORNING, "contacted_today", {"flow": "cart", "channel": "email"}),
        Send(),
    ),
    (
        {"ledger": [sent(T0 - DAY, flow="win-back")], "flow_cap": Limit(1, 2)},
        Defer(T0 + DAY, "flow_cap", {"count": 1}),
        Send(),
    ),
    ({"ledger": THREE}, Defer(T0 + DAY, "shop_cap", {"count": 3}), Send()),
    (
        {"quiet": NOON},
        Defer(T0 + HOUR, "quiet_hours", {"zones": "Europe/Paris"}),
        Send(),
    ),
    (
        {"render_problem": "no name"},
        Skip("render", {"problem": "no name"}),
        Skip("render", {"problem": "no name"}),
    ),
]


@pytest.mark.parametrize(("facts", "marketing", "transactional"), OBJECTIONS)
def test_each_objection(facts: dict[str, Any], marketing: Verdict, transactional: Verdict) -> None:
    assert ask(**facts) == marketing
    assert ask(message=replace(MESSAGE, purpose="transactional"), **facts) == transactional


def test_without_any_objection_it_is_sent() -> None:
    assert ask() == Send()
    assert ask(now=MESSAGE.deadline) == Send()
    assert ask(now=MESSAGE.deadline + timedelta(seconds=1)) == Skip(
        "deadline", {"deadline": MESSAGE.deadline.isoformat()}
    )


@pytest.mark.parametrize("first", range(len(OBJECTIONS)))
def test_the_first_objection_in_the_order_decides(first: int) -> None:
    """All objections from `first` on at once: the reason is the first one's."""
    facts: dict[str, Any] = {}
    for found, _, _ in reversed(OBJECTIONS[first:]):
        ledger = [*facts.get("ledger", []), *found.get("ledger", [])]
        facts |= found
        if ledger:
            facts["ledger"] = ledger
    verdict = ask(**facts)
    wanted = OBJECTIONS[first][1]
    assert isinstance(verdict, Defer | Skip) and isinstance(wanted, Defer | Skip)
    assert verdict.reason == wanted.reason


def test_a_deferral_past_the_deadline_is_at_once_a_skip() -> None:
    hurried = replace(MESSAGE, deadline=T0 + timedelta(minutes=30))
    verdict = ask(message=hurried, quiet=NOON)
    assert verdict == Skip("deadline", {"because": "quiet_hours", "zones": "Europe/Paris"})
    assert isinstance(ask(message=replace(MESSAGE, deadline=T0 + HOUR), quiet=NOON), Defer)


@pytest.mark.parametrize(
    ("other", "yields"),
    [
        (rival(41), True),
        (rival(39), False),
        (rival(40, T0 - HOUR), True),
        (rival(40, T0 + HOUR), False),
        (rival(40, T0, run=4), True),
        (rival(40, T0, run=6), False),
        # 23:30 in Paris is the same day, 0:30 is not.
        (rival(90, datetime.fromisoformat("2026-11-02T22:30:00+00:00")), True),
        (rival(90, datetime.fromisoformat("2026-11-02T23:30:00+00:00")), False),
        # What is overdue is due today.
        (rival(90, T0 - 3 * DAY), True),
        (rival(90, flow="win-back"), False),
    ],
)
def test_who_yields_to_whom(other: Rival, yields: bool) -> None:
    assert isinstance(ask(rivals=[other]), Defer) == yields


def test_a_message_yields_twice_and_no_more() -> None:
    assert [isinstance(ask(message=replace(MESSAGE, deferrals=n), rivals=[rival()]), Defer) for n in range(4)] == [
        True,
        True,
        False,
        False,
    ]


def test_of_two_rivals_exactly_one_yields() -> None:
    mine = replace(MESSAGE, run_id=UUID(int=1), flow="a")
    other = replace(MESSAGE, run_id=UUID(int=2), flow="b")
    verdicts = [
        ask(message=mine, rivals=[Rival(40, T0, UUID(int=2), "b")]),
        ask(message=other, rivals=[Rival(40, T0, UUID(int=1), "a")]),
    ]
    assert [isinstance(verdict, Send) for verdict in verdicts] == [True, False]


@pytest.mark.parametrize("plan", ["own", "exempt"])
def test_a_flow_with_its_own_plan_is_not_limited_by_others(plan: Any) -> None:
    own = replace(MESSAGE, cap=plan)
    assert ask(message=own, ledger=[*THREE, sent(T0)], rivals=[rival()]) == Send()
    assert ask(message=own, ledger=[sent(T0, flow="win-back")], flow_cap=Limit(1, 7)) != Send()


@pytest.mark.parametrize(
    ("ledger", "counts"),
    [
        ([sent(T0 - n * DAY, cap="own") for n in (1, 2, 3)], True),
        ([sent(T0 - n * DAY, cap="exempt") for n in (1, 2, 3)], False),
        ([sent(T0 - n * DAY, purpose="transactional") for n in (1, 2, 3)], False),
        ([sent(T0 - n * DAY, channel="sms") for n in (1, 2, 3)], False),
        ([sent(T0 - n * DAY) for n in (1, 2, 7)], False),
        ([sent(T0), sent(T0 - DAY, cap="exempt")], True),
        ([sent(T0, channel="sms")], True),
        ([sent(T0, flow="win-back")], False),
    ],
)
def test_what_counts(ledger: list[Sent], counts: bool) -> None:
    assert isinstance(ask(ledger=ledger), Defer) == counts


def test_an_exit_of_another_flow_is_none_of_this_one() -> None:
    assert ask(exit_mark="cart_cleared") == Send()


def test_a_closed_day_is_quiet_to_its_end_and_the_deferral_says_why() -> None:
    closed = replace(NIGHT, hours=replace(NIGHT.hours, closed=frozenset({date(2026, 11, 2)})))
    assert ask(quiet=closed) == Defer(MORNING, "quiet_hours", {"rules": "the merchant"})


def test_hours_that_never_come_are_a_skip() -> None:
    never = Quiet(Hours(((),) * 7), (PARIS,), NOON.why)
    assert ask(quiet=never) == Skip("deadline", {"because": "quiet_hours", "zones": "Europe/Paris"})
    assert ask(message=replace(MESSAGE, deadline=T0 + 20 * DAY), quiet=never) == Defer(
        T0 + 14 * DAY, "quiet_hours", NOON.why
    )
    assert ask(message=replace(MESSAGE, purpose="transactional"), quiet=never) == Send()


@pytest.mark.parametrize("objection", [{"rivals": [rival()]}, {"ledger": [sent(T0)]}])
def test_the_next_morning_of_who_yields_is_no_forbidden_hour(objection: dict[str, Any]) -> None:
    """9:00 in Paris is 3:00 in New York, where the person may be as well; the day after is a holiday."""
    both = Quiet(Hours(NIGHT.hours.week, frozenset({date(2026, 11, 3)})), (PARIS, ZoneInfo("America/New_York")))
    verdict = ask(quiet=both, **objection)
    assert isinstance(verdict, Defer) and verdict.until == datetime.fromisoformat("2026-11-04T14:00:00+00:00")
    assert verdict.reason in ("rival", "contacted_today")
    assert ask(**objection) == Defer(MORNING, verdict.reason, verdict.detail), "the control: without hours 9:00 it is"


FACTS = st.builds(
    GateFacts,
    permission=st.sampled_from([Yes(), No("no_consent"), No("pending"), None]),
    consent_pending=st.booleans(),
    suppressed=st.sampled_from([None, None, "complaint", "sunset"]),
    exit_mark=st.sampled_from([None, None, "order_placed"]),
    goal_reached=st.booleans(),
    erased=st.booleans(),
    timezone=st.just("Europe/Paris"),
)


@given(FACTS, st.sampled_from([No("no_consent"), No("pending"), No("needs_doi"), None]))
def test_without_consent_no_marketing_whatever_else_holds(facts: GateFacts, permission: No | None) -> None:
    assert not isinstance(gate(MESSAGE, replace(facts, permission=permission), T0), Send)


MAIL = st.tuples(
    st.integers(0, 60 * 36),
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(["count", "count", "count", "own", "exempt"]),
    st.sampled_from(["email", "email", "sms"]),
)


def sent_by(
    mails: list[tuple[int, str, Any, str]], decide: Callable[[GateMessage, GateFacts, datetime], Verdict]
) -> list[Sent]:
    """A person's sendings when these messages become due one after the other, deferrals included."""
    ledger: list[Sent] = []
    now = T0
    waiting: list[tuple[datetime, int, GateMessage]] = []
    for n, (minutes, flow, cap, channel) in enumerate(mails):
        now += timedelta(minutes=minutes)
        message = GateMessage(flow, UUID(int=n), channel, "marketing", cap, n % 3, now, now + 10 * DAY, 0, (), (), None)
        waiting.append((now, n, message))
    while waiting:
        now, n, message = min(waiting, key=lambda entry: entry[:2])
        waiting.remove((now, n, message))
        facts = replace(FINE, ledger=tuple(ledger), quiet=NIGHT)
        match decide(message, facts, now):
            case Send():
                ledger.append(Sent(message.flow, message.run_id, message.channel, "marketing", message.cap, now))
            case Defer(until=until):
                assert until > now
                waiting.append((until, n, replace(message, deferrals=message.deferrals + 1)))
            case Skip():
                pass
    return ledger


def over_the_cap(ledger: list[Sent]) -> list[Sent]:
    """Messages that the cap limits and that left although three counted ones lay within the seven days before."""
    return [
        entry
        for n, entry in enumerate(ledger)
        if entry.cap == "count"
        and sum(
            1
            for before in ledger[:n]
            if before.cap != "exempt"
            and before.channel == entry.channel
            and before.counted_at > entry.counted_at - 7 * DAY
        )
        >= 3
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(MAIL, max_size=25))
def test_no_sequence_of_messages_exceeds_the_cap_or_sends_at_night(mails: list[tuple[int, str, Any, str]]) -> None:
    ledger = sent_by(mails, gate)
    assert not over_the_cap(ledger)
    for entry in ledger:
        assert 8 <= entry.counted_at.hour < 20  # Paris in winter is one hour ahead: 9 to 21


def test_a_gate_that_counts_wrongly_is_caught() -> None:
    """The control: a cap of four where three are allowed breaks the property above."""

    def generous(message: GateMessage, facts: GateFacts, now: datetime) -> Verdict:
        return gate(message, replace(facts, shop_cap=Limit(4, 7)), now)

    mails: list[tuple[int, str, Any, str]] = [(1440, "a", "count", "email")] * 6
    assert not over_the_cap(sent_by(mails, gate))
    assert over_the_cap(sent_by(mails, generous))
