from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.core.caps import Sent
from flows.core.gate import (
    Defer,
    GateFacts,
    GateMessage,
    Rival,
    Send,
    Skip,
    Verdict,
    examine,
    examine_action,
    gate,
    may_act,
)
from flows.core.hours import Hours, Quiet, outside
from flows.core.model import Limit
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
    not_while_in=("post-purchase",),
    hold_after_purchase=7 * DAY,
)
PARIS = ZoneInfo("Europe/Paris")
FINE = GateFacts(permission=Yes(), timezone="Europe/Paris", shop_caps=[Limit(3, 7, "email")])
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


MINUTE = timedelta(minutes=1)
THREE = [sent(T0 - timedelta(days=days)) for days in (1, 3, 6)]
NIGHT = Quiet(outside(time(21), time(9)), (PARIS,), {"rules": "the merchant"})
NOON = Quiet(outside(time(10), time(12)), (PARIS,), {"zones": "Europe/Paris"})

# In the order in which the gate asks: facts, verdict for marketing, verdict for a transactional message.
OBJECTIONS: list[tuple[dict[str, Any], Verdict, Verdict]] = [
    ({"erased": True}, Skip("erased"), Skip("erased")),
    ({"test_only": True}, Skip("test_only"), Skip("test_only")),
    ({"left_to_brevo": True}, Skip("mode_brevo"), Skip("mode_brevo")),
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
    (
        {"channel_objects": Skip("template_unknown", {"why": "no such template"})},
        Skip("template_unknown", {"why": "no such template"}),
        Skip("template_unknown", {"why": "no such template"}),
    ),
    ({"held": "support_ticket"}, Defer(T0 + 6 * HOUR, "held", {"why": "support_ticket"}), Send()),
    (
        {"held": "flow_paused"},
        Defer(T0 + 6 * HOUR, "held", {"why": "flow_paused"}),
        Defer(T0 + 6 * HOUR, "held", {"why": "flow_paused"}),
    ),
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
        {"ledger": [sent(T0 - DAY, flow="win-back")], "flow_caps": [Limit(1, 2, "email")]},
        Defer(T0 + DAY + MINUTE, "flow_cap", {"count": 1, "per": "2d", "channel": "email"}),
        Send(),
    ),
    (
        {"ledger": THREE},
        Defer(T0 + DAY + MINUTE, "shop_cap", {"count": 3, "per": "7d", "channel": "email"}),
        Send(),
    ),
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
    (
        {"daily_quota_until": T0 + HOUR},
        Defer(T0 + HOUR, "daily_quota"),
        Defer(T0 + HOUR, "daily_quota"),
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


def test_a_channel_that_nothing_sends_by_is_told_before_what_else_there_is() -> None:
    for purpose in ("marketing", "transactional"):
        push = replace(MESSAGE, channel="push", purpose=purpose)
        assert ask(message=push, permission=None, render_problem="x") == Skip(
            "channel_unavailable", {"channel": "push"}
        )
        assert ask(message=push, exit_mark="order_placed") == Skip("exit_rule", {"event": "order_placed"})


NAMES = (
    *("erased", "test_only", "mode", "goal", "exit", "available", "consent", "suppressed", "channel", "held"),
    *("excluded", "recent_purchase", "rival", "contacted_today", "flow_cap", "shop_cap", "quiet_hours", "render"),
    *("deadline", "daily_quota"),
)


@pytest.mark.parametrize(("facts", "marketing", "transactional"), OBJECTIONS)
def test_each_check_answers_for_itself(facts: dict[str, Any], marketing: Verdict, transactional: Verdict) -> None:
    for message, expected in ((MESSAGE, marketing), (replace(MESSAGE, purpose="transactional"), transactional)):
        answers = examine(message, replace(FINE, **facts), T0)
        assert tuple(answer.check for answer in answers) == NAMES
        assert [answer.verdict for answer in answers if not isinstance(answer.verdict, Send)] == [
            expected for _ in range(expected != Send())
        ], "one objects, the others do not"
        orjson.dumps([dict(answer.inputs) for answer in answers])


def test_all_objections_are_told_not_only_the_first() -> None:
    """What the gate itself says is the first of them; a message of its own plan is not asked for what it may do."""
    facts = replace(FINE, permission=No("pending"), ledger=THREE, rivals=[rival()], render_problem="no name")
    late = T0 + 11 * DAY
    answers = {answer.check: answer for answer in examine(MESSAGE, facts, T0)}
    against = [name for name, answer in answers.items() if not isinstance(answer.verdict, Send)]
    assert against == ["consent", "rival", "shop_cap", "render"] and ask(**{"permission": No("pending")}) == (
        answers["consent"].verdict
    )
    assert [answer.check for answer in examine(MESSAGE, FINE, late) if answer.verdict != Send()] == ["deadline"]
    own = {answer.check: answer for answer in examine(replace(MESSAGE, cap="own"), facts, T0)}
    assert [name for name in own if not own[name].concerns] == ["rival", "contacted_today", "shop_cap"]
    assert own["shop_cap"].verdict == Send() and all(answers[name].concerns for name in NAMES)
    letter = examine(replace(MESSAGE, purpose="transactional"), facts, T0)
    assert {answer.check for answer in letter if not answer.concerns} == {
        *("consent", "excluded", "recent_purchase", "rival", "contacted_today", "flow_cap", "shop_cap", "quiet_hours")
    }


def test_what_each_check_looked_at() -> None:
    facts = GateFacts(
        permission=No("pending"),
        consent_pending=True,
        suppressed="sunset",
        held="support_ticket",
        exit_mark="order_placed",
        live_tags={"welcome", "cart"},
        last_purchase_at=T0 - DAY,
        rivals=[rival(), rival(10), rival(90, T0 + 2 * DAY)],
        ledger=[*THREE, sent(T0 - HOUR, flow="win-back"), sent(T0 - HOUR, channel="sms")],
        flow_caps=[Limit(1, None, "email"), Limit(1, 7, "sms")],
        shop_caps=[Limit(9, 7)],
        quiet=NOON,
        timezone="Europe/Paris",
        channel_objects=Defer(T0, "template_unknown", {"why": "no such template"}),
        render_problem="no name",
        daily_quota_until=T0,
    )
    inputs = {answer.check: dict(answer.inputs) for answer in examine(replace(MESSAGE, deferrals=1), facts, T0)}
    hour_ago = (T0 - HOUR).isoformat()
    assert inputs == {
        "erased": {"erased": False},
        "test_only": {"test_only": False},
        "mode": {"left_to_brevo": False},
        "goal": {"reached": False},
        "exit": {"event": "order_placed"},
        "available": {"channel": "email"},
        "consent": {"channel": "email", "allowed": "no", "why": "pending", "being_fetched": True},
        "suppressed": {"channel": "email", "why": "sunset"},
        "channel": {"channel": "email", "why": "no such template"},
        "held": {"why": "support_ticket"},
        "excluded": {"not_while_in": ["post-purchase"], "in": ["cart", "welcome"]},
        "recent_purchase": {"last_purchase_at": (T0 - DAY).isoformat(), "hold_hours": 168.0},
        "rival": {
            "priority": 40,
            "deferrals": 1,
            "go_first_today": [{"flow": "cart", "priority": 90, "due_at": T0.isoformat()}],
        },
        "contacted_today": {"sent_by_other_flows_today": [{"flow": "cart", "channel": "sms", "at": hour_ago}]},
        "flow_cap": {
            "plan": "count",
            "on_cap": "defer",
            "limits": [{"count": 1, "per": "day", "channel": "email", "used": 1}],
        },
        "shop_cap": {
            "plan": "count",
            "on_cap": "defer",
            "limits": [{"count": 9, "per": "7d", "channel": None, "used": 5}],
        },
        "quiet_hours": {"zones": "Europe/Paris"},
        "render": {"problem": "no name"},
        "deadline": {"deadline": MESSAGE.deadline.isoformat()},
        "daily_quota": {"until": T0.isoformat()},
    }
    nothing = {answer.check: dict(answer.inputs) for answer in examine(MESSAGE, GateFacts(permission=Yes()), T0)}
    assert nothing["consent"] == {"channel": "email", "allowed": "yes", "why": None, "being_fetched": False}
    assert (nothing["channel"], nothing["quiet_hours"], nothing["daily_quota"]) == (
        {"channel": "email"},
        {},
        {"until": None},
    )
    free = {answer.check: answer for answer in examine(replace(MESSAGE, hold_after_purchase=None), GateFacts(), T0)}
    assert free["recent_purchase"].inputs == {"last_purchase_at": None, "hold_hours": None}
    assert free["consent"].inputs["allowed"] == "unknown"


def test_only_the_end_of_a_run_stops_what_is_no_message() -> None:
    deed = replace(MESSAGE, purpose="transactional", channel="coupon")
    for facts, marketing, _ in OBJECTIONS:
        ends = {"erased", "left_to_brevo", "goal_reached", "exit_mark"} & set(facts)
        assert may_act(deed, replace(FINE, **facts), T0) == (marketing if ends else Send())
        answers = examine_action(deed, replace(FINE, **facts), T0)
        assert [answer.check for answer in answers] == ["erased", "mode", "goal", "exit", "deadline"]
        assert [answer.verdict for answer in answers if answer.verdict != Send()] == [marketing] * len(ends)
    assert may_act(deed, FINE, deed.deadline + MINUTE) == Skip("deadline", {"deadline": deed.deadline.isoformat()})


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


def test_a_day_is_one_of_the_persons() -> None:
    """0:30 in Paris, where it is still yesterday for London."""
    after_midnight = [sent(datetime.fromisoformat("2026-11-01T23:30:00+00:00"))]
    assert isinstance(ask(ledger=after_midnight), Defer)
    assert ask(ledger=after_midnight, timezone="Europe/London") == Send()
    limits = examine(MESSAGE, replace(FINE, ledger=after_midnight, shop_caps=[Limit(9, None)]), T0)
    assert [answer.inputs["limits"][0]["used"] for answer in limits if answer.check == "shop_cap"] == [1]


def test_the_week_after_a_purchase_ends_to_the_second() -> None:
    assert ask(last_purchase_at=T0 - 7 * DAY) == Send()
    assert isinstance(ask(last_purchase_at=T0 - 7 * DAY + timedelta(seconds=1)), Defer)


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
    assert ask(message=own, ledger=[sent(T0, flow="win-back")], flow_caps=[Limit(1, 7)]) != Send()


@pytest.mark.parametrize(
    ("ledger", "counts"),
    [
        ([sent(T0 - n * DAY, cap="own") for n in (1, 2, 3)], True),
        ([sent(T0 - n * DAY, cap="exempt") for n in (1, 2, 3)], True),
        ([sent(T0 - n * DAY, purpose="transactional") for n in (1, 2, 3)], False),
        ([sent(T0 - n * DAY, channel="sms") for n in (1, 2, 3)], False),
        ([sent(T0 - n * DAY) for n in (1, 2, 8)], False),
        ([sent(T0 - DAY, cap="exempt")], False),
        ([sent(T0, cap="exempt")], True),
        ([sent(T0, purpose="transactional")], False),
        ([sent(T0, channel="sms")], True),
        ([sent(T0, flow="win-back")], False),
    ],
)
def test_what_counts(ledger: list[Sent], counts: bool) -> None:
    assert isinstance(ask(ledger=ledger), Defer) == counts


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


@given(FACTS, st.lists(st.sampled_from(OBJECTIONS), max_size=4), st.sampled_from(["count", "own"]), st.booleans())
def test_the_gate_is_the_first_answer_that_objects(facts: GateFacts, more: Any, plan: Any, marketing: bool) -> None:
    message = replace(MESSAGE, cap=plan, purpose="marketing" if marketing else "transactional")
    for found, _, _ in more:
        facts = replace(facts, **found)
    against = (answer.verdict for answer in examine(message, facts, T0) if not isinstance(answer.verdict, Send))
    assert gate(message, facts, T0) == next(against, Send())


@pytest.mark.row("S5-162")
def test_a_cart_mail_goes_before_one_about_what_was_browsed() -> None:
    """Whoever is asked first, whichever was due first; also when the cart has written already."""
    browse = replace(MESSAGE, flow="browse", priority=30, due_at=T0 - HOUR, run_id=UUID(int=1))
    cart = replace(MESSAGE, flow="cart-recovery", priority=80, cap="own", run_id=UUID(int=2))
    about_browse = Rival(30, browse.due_at, browse.run_id, "browse")
    about_cart = Rival(80, cart.due_at, cart.run_id, "cart-recovery")
    assert ask(message=browse, rivals=[about_cart]) == Defer(
        MORNING, "rival", {"flow": "cart-recovery", "priority": 80}
    )
    assert ask(message=cart, rivals=[about_browse]) == Send()
    assert isinstance(ask(message=browse, ledger=[sent(T0, flow="cart-recovery", cap="own")]), Defer)
    assert ask(message=cart, ledger=[sent(T0, flow="browse")]) == Send()
    assert ask(message=browse, rivals=[replace(about_cart, priority=20)]) == Send(), "the control: priorities decide"


@pytest.mark.row("S5-166")
def test_whoever_was_mailed_today_is_texted_tomorrow() -> None:
    """Between flows; a flow that brings its own plan may write on two channels in a day."""
    text = replace(MESSAGE, channel="sms")
    mailed = [sent(T0 - HOUR)]
    assert ask(message=text, ledger=mailed) == Defer(MORNING, "contacted_today", {"flow": "cart", "channel": "email"})
    assert ask(now=MORNING, message=text, ledger=mailed) == Send()
    assert ask(message=replace(text, flow="cart"), ledger=mailed) == Send()
    assert ask(message=replace(text, cap="own"), ledger=mailed) == Send()
    assert ask(message=text, ledger=[sent(T0 - HOUR, purpose="transactional")]) == Send()


@pytest.mark.row("S5-114")
def test_one_email_a_day_about_what_was_browsed() -> None:
    """By the day where the person lives, not by 24 hours, and whatever other flows do."""
    once = [Limit(1, None, "email")]
    browse = replace(MESSAGE, flow="browse", cap="own")
    midnight = datetime.fromisoformat("2026-11-02T23:00:00+00:00")
    earlier = [sent(T0, flow="browse", cap="own")]
    until = Defer(MORNING, "flow_cap", {"count": 1, "per": "day", "channel": "email"})
    assert ask(message=browse, ledger=earlier, flow_caps=once) == until
    assert ask(now=midnight - MINUTE, message=browse, ledger=earlier, flow_caps=once) == until
    assert ask(now=midnight, message=browse, ledger=earlier, flow_caps=once) == Send()
    assert ask(message=browse, ledger=[sent(T0, flow="cart")], flow_caps=once) == Send()
    assert ask(message=browse, ledger=earlier) == Send(), "the control: without a plan there is no limit"
