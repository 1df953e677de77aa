"""The pages of a shop with a million people beside those of a shop that has just begun."""

from __future__ import annotations

import json

import pytest

from benchmarks import admin_pages


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(1200)
def test_no_page_takes_three_times_as_long_for_a_million_people() -> None:
    found = admin_pages.run(1_000_000)
    print(json.dumps(found, indent=1))
    slow = {name: page for name, page in found["pages"].items() if page["times"] > admin_pages.AIM}
    assert slow == {}
    assert len(found["pages"]) >= 40
    assert found["beforehand"]["met"]
    assert found["control"]["times"] > 10 * admin_pages.AIM


def test_a_slow_page_is_named() -> None:
    found = admin_pages.judged({"quick": ([0.01] * 40, [0.011] * 40), "slow": ([0.01] * 40, [0.031] * 40)})
    assert (found["worst"], found["met"]) == ("slow", False)
    assert admin_pages.judged({"quick": ([0.01] * 40, [0.011] * 40)})["met"]
    assert admin_pages.waited({"quick": ([0.01], [1.9])})["met"]
    assert not admin_pages.waited({"quick": ([0.01], [1.9]), "slow": ([0.01], [2.1])})["met"]
