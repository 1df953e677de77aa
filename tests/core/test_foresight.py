"""What is foreseen is what comes when nothing else happens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.core.enrol import enrol
from flows.core.foresight import MOST, foresee
from flows.core.model import Run
from tests.core.examples import DAY, FACTS, HOUR, T0, abandoned, entered, flow, play, sent


@pytest.mark.parametrize("moves", range(0, 9, 2))
def test_it_comes_as_it_was_foreseen(moves: int) -> None:
    """From any point of the cart flow."""
    of = flow()
    story = play(of, entered(of), T0)
    now, transition = story[min(moves, len(story) - 1)]
    foreseen = foresee(of, transition.run, FACTS, now)
    coming = [(one.effect.message, one.at) for one in foreseen.coming]
    assert coming == sent(story[moves + 1 :])
    assert (foreseen.run.state, foreseen.until) == ("done", story[-1][0])


def test_somebody_who_has_just_entered_begins_at_once() -> None:
    of = flow()
    run = enrol(of, abandoned(), [], [], FACTS, T0)
    assert isinstance(run, Run)
    foreseen = foresee(of, run, FACTS, T0)
    assert [(one.effect.message, one.at) for one in foreseen.coming] == sent(play(of, entered(of), T0))
    # The control: with another fact it comes otherwise.
    other = foresee(of, enrol(of, abandoned(total="5.00"), [], [], FACTS, T0), FACTS, T0)  # type: ignore[arg-type]
    assert [one.effect.message for one in other.coming] == ["reminder"] and other.run.outcome == "small-cart"


def test_what_leaves_later_puts_off_what_counts_from_it() -> None:
    of = flow()
    first = entered(of)
    (effect,) = first.effects
    foreseen = foresee(of, first.run, FACTS, T0, leaves={effect.key: T0 + 5 * HOUR})
    assert foreseen.coming[0].at == T0 + 8 * HOUR


def test_a_flow_without_end_in_sight_is_foreseen_so_far() -> None:
    steps = [step for _ in range(MOST) for step in ({"wait": "1d"}, {"email": "reminder"})]
    of = flow(steps=steps, goal=None)
    foreseen = foresee(of, entered(of).run, FACTS, T0)
    assert foreseen.run.state == "live"
    assert foreseen.until - T0 == MOST / 2 * DAY + timedelta(0)
