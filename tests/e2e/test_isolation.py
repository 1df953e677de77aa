"""One shop's backlog and another shop's cart email, with all processes."""

from __future__ import annotations

import pytest

from benchmarks import isolation


@pytest.mark.long
@pytest.mark.alone
def test_a_backlog_of_50000_rows_delays_another_shops_cart_email_by_less_than_two_seconds() -> None:
    figures = isolation.run(50_000)
    assert figures["rows_left_at_the_end"] > 0, "the backlog must be there all the time"
    assert None not in figures["seconds_from_due_to_first_byte"], "every email left"
    assert figures["added_seconds_at_most"] < isolation.AIM_SECONDS
    kept_waiting = [seconds or isolation.PATIENCE for seconds in figures["control"]["seconds_from_due_to_first_byte"]]
    assert max(kept_waiting) > 2 * isolation.AIM_SECONDS, "workers that stay with a shop keep the email waiting"
