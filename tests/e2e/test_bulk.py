"""Bulk work beside live changes, with all processes, under the published limits."""

from __future__ import annotations

import pytest

from benchmarks import bulk


@pytest.mark.long
@pytest.mark.alone
def test_bulk_adds_less_than_two_seconds_to_a_live_change_and_a_lone_one_takes_less_than_two() -> None:
    figures = bulk.run()
    assert figures["backlog_left_at_the_end"] > 0, "the backlog must be there all the time"
    assert figures["added_seconds_at_most"] <= bulk.AIM_ADDED
    assert figures["control"]["added"] > bulk.AIM_ADDED, "in one line with bulk they wait"
    assert figures["lone"]["p95"] <= bulk.AIM_LONE_P95
