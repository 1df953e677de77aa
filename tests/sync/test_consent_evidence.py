"""What a set of evidence comes to: whatever the order, however often, and never in favour of who said no last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.consent_evidence import CONFIRMED, OPT_OUTS, STATES, UNDATED, Evidence, standing

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def said(state: str, hours: int | None, level: str | None = "single_opt_in", *, imported: bool = False) -> Evidence:
    return Evidence(state, level, "shopify", UNDATED if hours is None else T0 + timedelta(hours=hours), imported)


LINES = st.builds(
    Evidence,
    st.sampled_from(sorted(STATES)),
    st.sampled_from([None, "single_opt_in", CONFIRMED, "implied"]),
    st.sampled_from(["shopify", "brevo", "checkout", "import"]),
    st.integers(0, 4).map(lambda hours: T0 + timedelta(hours=hours)) | st.just(UNDATED),
    st.booleans(),
)


@given(st.lists(LINES, max_size=6), st.randoms(use_true_random=False))
def test_order_and_repetition_make_no_difference(told: list[Evidence], chance: st.DataObject) -> None:
    shuffled = [*told, *told[: len(told) // 2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standing(shuffled) == standing(told)


@given(st.lists(LINES, max_size=6), st.sampled_from(sorted(OPT_OUTS)), st.integers(0, 5))
def test_one_more_opt_out_never_subscribes(told: list[Evidence], state: str, hours: int) -> None:
    before, after = standing(told), standing([*told, said(state, hours, None)])
    assert after is not None
    if before is None or before.state != "subscribed":
        assert after.state != "subscribed"


@given(st.lists(LINES, max_size=6))
def test_only_a_yes_that_is_newer_than_every_no_subscribes(told: list[Evidence]) -> None:
    found = standing(told)
    if found is not None and found.state == "subscribed":
        noes = [one.at for one in told if one.no]
        assert all(at < found.at for at in noes)
        assert not noes or not found.weak


CASES = {
    "a tie": ([said("subscribed", 1), said("unsubscribed", 1)], "unsubscribed", None),
    "came back": ([said("unsubscribed", 1), said("subscribed", 2)], "subscribed", "single_opt_in"),
    "an import is newer": ([said("unsubscribed", 1), said("subscribed", 9, imported=True)], "unsubscribed", None),
    "an import of somebody new": ([said("subscribed", 1, imported=True)], "subscribed", "single_opt_in"),
    "an import of an opt-out": ([said("subscribed", 1), said("unsubscribed", 2, imported=True)], "unsubscribed", None),
    "no time": ([said("unsubscribed", 1), said("subscribed", None)], "unsubscribed", None),
    "a box": ([said("unsubscribed", 1), said("subscribed", 9, "implied")], "unsubscribed", None),
    "a box, then a form": ([said("subscribed", 9, "implied"), said("subscribed", 1)], "subscribed", "single_opt_in"),
    "stays confirmed": ([said("subscribed", 1, CONFIRMED), said("subscribed", 2)], "subscribed", CONFIRMED),
    "confirmed before a no": (
        [said("subscribed", 1, CONFIRMED), said("unsubscribed", 2), said("subscribed", 3)],
        "subscribed",
        "single_opt_in",
    ),
    "never asked": ([said("not_subscribed", None), said("subscribed", 1, "implied")], "subscribed", "implied"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_it_comes_to(case: str) -> None:
    told, state, level = CASES[case]
    found = standing(told)
    assert found is not None and found.state == state
    if state == "subscribed":
        assert found.level == level
