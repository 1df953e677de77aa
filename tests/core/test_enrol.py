from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from flows.core.enrol import enrol
from flows.core.model import Event, Note, PastRun, Run
from tests.core.examples import DAY, FACTS, HOUR, T0, abandoned, definition, event, flow


def ask(of: Any, trigger: Event | None = None, live: Any = (), past: Any = (), **facts: Any) -> Any:
    return enrol(of, trigger or abandoned(), live, past, {**FACTS, **facts}, T0)


def code(answer: Any) -> str:
    assert isinstance(answer, Note), answer
    return answer.code


def test_a_run_begins_with_what_started_it() -> None:
    run = ask(flow())
    assert isinstance(run, Run)
    assert (run.state, run.key, run.at, run.visit) == ("live", "tok", "email-reminder", 0)
    assert (run.entered_at, run.since, run.anchor_at) == (T0, T0, T0 - HOUR)
    assert run.trigger["total"] == "60.00"


def test_the_same_event_starts_the_same_run() -> None:
    assert ask(flow()).id == ask(flow(name="Renamed")).id
    assert ask(flow()).id != ask(flow(flow="other")).id
    assert ask(flow()).id != ask(flow(), abandoned(T0 + DAY)).id


def test_other_events_are_none_of_its_business() -> None:
    assert ask(flow(), event("order_placed", T0, key="tok")) is None
    assert ask(flow(), abandoned(total="0.00")) is None


def test_a_flow_takes_the_threshold_it_asks_for() -> None:
    four = {**definition()["trigger"], "after": "4h"}
    default = {name: value for name, value in definition()["trigger"].items() if name != "after"}
    assert ask(flow(trigger=four)) is None
    assert isinstance(ask(flow(trigger=default)), Run)


def test_a_trigger_that_cannot_be_told_says_why() -> None:
    note = ask(flow(), event("checkout_abandoned", T0, key="tok", checkout_token="tok"))
    assert code(note) == "trigger_unclear"
    assert note.detail["because"]["why"] == "event.total is not known"


def test_history_starts_nothing() -> None:
    imported = event("checkout_abandoned", T0, key="tok", total=9, checkout_token="tok", historical=True)
    assert code(ask(flow(), imported)) == "historical"


def test_nobody_and_no_key() -> None:
    anonymous = event("checkout_abandoned", T0, key="tok", person=None, total=9, checkout_token="tok")
    assert code(ask(flow(), anonymous)) == "nobody"
    for token in (None, ""):
        keyless = event("checkout_abandoned", T0, total=9, checkout_token=token)
        assert code(ask(flow(), keyless)) == "no_key"


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ({"orders_count": 0}, None),
        ({"orders_count": 2}, "outside_audience"),
        ({}, "audience_unclear"),
        ({"orders_count": None}, "outside_audience"),
    ],
)
def test_the_audience(person: dict[str, Any], expected: str | None) -> None:
    answer = ask(flow(audience={"person.orders_count": 0}), person=person)
    if expected is None:
        assert isinstance(answer, Run)
    else:
        assert code(answer) == expected
        assert answer.detail["because"]["field"] == "person.orders_count"


def test_never_twice_at_the_same_time_for_the_same_key() -> None:
    for rule in ("never", "always", {"after": "1d"}):
        assert code(ask(flow(reentry=rule), live=[ask(flow())])) == "already_in"


@pytest.mark.parametrize(
    ("rule", "entered_ago", "expected"),
    [
        ("always", timedelta(minutes=1), None),
        ("never", timedelta(days=399), "entered_before"),
        ({"after": "30d"}, timedelta(days=30) - timedelta(seconds=1), "entered_lately"),
        ({"after": "30d"}, timedelta(days=30), None),
        (None, timedelta(days=399), "entered_before"),
    ],
)
def test_reentry(rule: Any, entered_ago: timedelta, expected: str | None) -> None:
    past = [PastRun("older", T0 - timedelta(days=500)), PastRun("other", T0 - entered_ago)]
    answer = ask(flow(reentry=rule), past=past)
    assert isinstance(answer, Run) if expected is None else code(answer) == expected


def test_a_live_run_for_another_key_counts_for_reentry_too() -> None:
    other = ask(flow(), abandoned(T0, token="other"))
    assert code(ask(flow(), live=[other])) == "entered_lately"
    assert isinstance(ask(flow(reentry="always"), live=[other]), Run)


def test_staying_away_from_other_flows() -> None:
    away = flow(not_while_in=["post-purchase"])
    assert isinstance(ask(away), Run)
    assert code(ask(away, flows={"live_tags": ["cart", "post-purchase"]})) == "excluded"
    assert code(ask(away, flows={})) == "exclusion_unclear"


def test_a_hold_out_keeps_its_share_out_and_always_the_same_people() -> None:
    held = flow(hold_out=20)

    def out(seed: int) -> bool:
        return isinstance(ask(held, person={**FACTS["person"], "seed": str(seed)}), Note)

    kept = {seed for seed in range(2_000) if out(seed)}
    assert 328 < len(kept) < 472  # 400, give or take four standard deviations
    assert kept == {seed for seed in range(2_000) if out(seed)}
    with pytest.raises(LookupError, match="person.seed"):
        ask(held, person={})


def test_the_order_of_refusals() -> None:
    """Each problem hides those behind it, so the reason shown is the first that stands."""
    strict = flow(audience={"person.orders_count": 0}, not_while_in=["x"], hold_out=90, reentry="never")
    bad = {"orders_count": 1, "seed": "held"}
    past = [PastRun("k", datetime.fromisoformat("2026-01-01T00:00:00+00:00"))]
    assert code(ask(strict, person=bad, past=past, flows={"live_tags": ["x"]})) == "outside_audience"
    good = {"orders_count": 0, "seed": "held"}
    assert code(ask(strict, person=good, past=past, flows={"live_tags": ["x"]})) == "entered_before"
    assert code(ask(strict, person=good, flows={"live_tags": ["x"]})) == "excluded"
    assert code(ask(strict, person=good)) == "held_out"
