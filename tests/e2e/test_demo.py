"""A short demo: its report, its exit status, and that nothing of it is left running."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.demo.__main__ import checks
from tests.e2e.product import environment, leftovers, open_folder
from tests.runtime.conftest import PROJECT, eventually

DAYS, SHOPPERS = 2, 30
KEYS = {
    "webhooks_acknowledged", "webhooks_processed", "lost", "contacts", "provider_calls", "emails_accepted",
    "checkouts_abandoned", "checkouts_recovered", "emails_after_purchase", "duplicate_emails", "simulated_days",
    "lateness_p95_minutes", "wall_seconds",
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
    assert report["provider_calls"] > report["emails_accepted"] > SHOPPERS / 3
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
        "emails_accepted": SHOPPERS // 3,
        "simulated_days": DAYS - 1,
        "lateness_p95_minutes": 15.1,
        "gaps_found": 0,
        "gaps_not_repaired": 1,
    }
    wanted = checks(DAYS, SHOPPERS)
    assert set(wanted) == set(wrong)
    assert [name for name, holds in wanted.items() if holds(wrong[name])] == []


def test_control_a_process_left_behind_is_found(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], cwd=folder, stdin=subprocess.PIPE
    ) as left:
        assert eventually(lambda: left.pid in leftovers(folder))
        assert left.stdin
        left.stdin.close()
    assert leftovers(folder) == {}
