"""A short demo: its report, its exit status, and that nothing of it is left running."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.demo import codes, texts
from sandbox.demo.__main__ import checks
from sandbox.demo.outage import Outage
from sandbox.demo.purchases import Order
from tests.e2e.product import environment, leftovers, open_folder
from tests.runtime.conftest import PROJECT, eventually

DAYS, SHOPPERS = 2, 30
# So long that every flow comes to its end.
LONG = 120
KEYS = {
    "webhooks_acknowledged", "webhooks_processed", "lost", "contacts", "provider_calls", "emails_accepted",
    "checkouts_abandoned", "checkouts_recovered", "emails_after_purchase", "duplicate_emails", "texts_accepted",
    "codes_made", "simulated_days", "lateness_p95_minutes", "wall_seconds",
}  # fmt: skip
PLAY = """
import sys
from pathlib import Path
from sandbox.demo.__main__ import main
sys.exit(main(days=int(sys.argv[1]), shoppers=int(sys.argv[2]), folder=Path(sys.argv[3])))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("demo") as made:
        yield made


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_short_demo_reports_what_happened_and_leaves_nothing_running(folder: Path) -> None:
    # The demo empties its folder first, so it gets one of its own below.
    stage = folder / "stage"
    command = [sys.executable, "-c", PLAY, str(DAYS), str(SHOPPERS), str(stage)]
    played = subprocess.run(command, cwd=PROJECT, env=environment(KEEP=""), capture_output=True, text=True)
    assert played.returncode == 0, played.stdout + played.stderr

    report = json.loads((stage / "report.json").read_text())
    assert KEYS <= set(report)
    assert report["lost"] == report["emails_after_purchase"] == report["duplicate_emails"] == 0
    assert report["webhooks_processed"] == report["webhooks_acknowledged"] > 3 * SHOPPERS
    assert report["simulated_days"] == DAYS
    assert report["contacts"] > SHOPPERS / 2
    assert report["provider_calls"] > report["emails_accepted"] > SHOPPERS / 5
    assert report["checkouts_abandoned"] > report["checkouts_recovered"] > 0
    assert 0 <= report["lateness_p95_minutes"] <= 15
    assert report["gaps_found"] > 0 and report["gaps_not_repaired"] == 0
    assert played.stdout.count("missed in the outage") == 2 and " repaired" in played.stdout
    # Somebody's story is told, with what was sent.
    assert "The story of" in played.stdout and "sent" in played.stdout
    assert eventually(lambda: not leftovers(stage)), leftovers(stage)


def test_control_every_check_of_the_demo_can_fail() -> None:
    wrong = {
        "lost": 1,
        "emails_after_purchase": 1,
        "duplicate_emails": 1,
        "emails_accepted": SHOPPERS // 5,
        "texts_accepted": 0,
        "texts_without_a_cart": 1,
        "texts_after_purchase": 1,
        "duplicate_texts": 1,
        "texts_at_forbidden_hours": 1,
        "codes_made": 0,
        "codes_made_and_not_shown": 1,
        "codes_shown_and_not_made": 1,
        "codes_of_several_people": 1,
        "people_with_several_codes": 1,
        "simulated_days": LONG - 1,
        "lateness_p95_minutes": 15.1,
        "people_at_the_end_of_welcome": 0,
        "people_at_the_end_of_cart-recovery": 0,
        "people_at_the_end_of_post-purchase": 0,
        "people_at_the_end_of_win-back": 0,
        "gaps_found": 0,
        "gaps_not_repaired": 1,
    }
    wanted = checks(LONG, SHOPPERS)
    assert set(wanted) == set(wrong)
    assert [name for name, holds in wanted.items() if holds(wrong[name])] == []


# A Saturday, 22:00 in Paris and Berlin.
NIGHT = datetime(2026, 11, 21, 21, 0, tzinfo=UTC).timestamp()
HOURS = [
    ("33", NIGHT - 1, False), ("33", NIGHT, True), ("49", NIGHT, True), ("49", NIGHT + 10 * 3600 - 1, True),
    ("49", NIGHT + 10 * 3600, False), ("33", NIGHT + 10 * 3600, True), ("33", NIGHT + 34 * 3600, False),
]  # fmt: skip


@pytest.mark.parametrize(("country", "at", "forbidden"), HOURS)
def test_control_hours_at_which_nobody_may_be_texted_are_known(country: str, at: float, forbidden: bool) -> None:
    assert texts.forbidden(f"{country}612345678", at) is forbidden


def test_control_texts_that_should_not_have_left_are_counted() -> None:
    text = texts.Text("s", "33612345678", "run:step:1:1", "quick-reminder", frozenset({"tok"}), 100.0, NIGHT - 1)
    order = Order("s", "a@example.com", "tok", 99.5)
    right = {"texts_accepted": 1} | dict.fromkeys(
        ("texts_without_a_cart", "texts_after_purchase", "duplicate_texts", "texts_at_forbidden_hours"), 0
    )
    assert texts.figures([text], [order, replace(order, shop="t", acknowledged_at=1)]) == right
    assert texts.figures([text], [replace(order, acknowledged_at=98.9)]) == right | {"texts_after_purchase": 1}
    wrong = [text, replace(text, accepted_at=NIGHT, tokens=frozenset()), replace(text, shop="t")]
    assert texts.figures(wrong, []) == right | {
        "texts_accepted": 3, "texts_without_a_cart": 1, "duplicate_texts": 1, "texts_at_forbidden_hours": 1,
    }  # fmt: skip


def test_control_codes_that_do_not_agree_are_counted() -> None:
    discounts = [{"codes": [code], "created_at": 1000.0} for code in ("BACK-AAAAAA", "BACK-CCCCCC", "SALE")]
    made = codes.codes_in({"s": {"discounts": discounts}})
    shown = [codes.Shown("s", "a", "run1", "<b>BACK-AAAAAA</b>"), codes.Shown("s", "a", "run1", "BACK-AAAAAA")]
    other = codes.Shown("s", "c", "run2", "BACK-CCCCCC")
    wrong = replace(other, to="d", run="run3", html="BACK-CCCCCC BACK-EEEEEE")
    outage = Outage(begin=5000.0, end=9000.0)

    def counted(mails: list[codes.Shown], *bought: codes.Bought) -> dict[str, int]:
        found = codes.figures(made, mails, bought, lambda moment: outage.unheard_since(moment, 100.0))
        assert found.pop("codes_made") == 2
        return {name: n for name, n in found.items() if n}

    assert counted([*shown, other]) == {}
    assert counted(shown) == {"codes_made_and_not_shown": 1}
    # Each of those who bought in between explains one, elsewhere or long before it none.
    assert counted(shown, ("s", 950.0)) == {"codes_for_who_had_just_bought": 1}
    assert counted(shown, ("t", 950.0), ("s", 899.0), ("s", 1001.0)) == {"codes_made_and_not_shown": 1}
    both = {"codes_for_who_had_just_bought": 1, "codes_made_and_not_shown": 1}
    assert counted([], ("s", 950.0)) == both
    assert counted([*shown, other, wrong]) == {
        "codes_shown_and_not_made": 1, "codes_of_several_people": 1, "people_with_several_codes": 1,
    }  # fmt: skip
    assert [outage.unheard_since(at, 100.0) for at in (5000.0, 5001.0, 9100.0, 9101.0)] == [4900, 5000, 5000, 9001]


def test_control_a_process_left_behind_is_found(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], cwd=folder, stdin=subprocess.PIPE
    ) as left:
        assert eventually(lambda: left.pid in leftovers(folder))
        assert left.stdin
        left.stdin.close()
    assert leftovers(folder) == {}
