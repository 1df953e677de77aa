"""How much the tests of the gate, the caps and consent would notice, and how much of the core tests go through."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("connector", "flows", "sandbox", "sync", "tests", "webhooks")
JUDGED = tuple(
    f"flows/core/{name}.py" for name in ("gate", "objections", "inquiry", "caps", "cap_entries", "permission")
)
TESTS = tuple(f"tests/core/test_{name}.py" for name in ("gate", "caps", "permission"))
SETTINGS = """
[tool.mutmut]
source_paths = ["flows/", "connector/"]
only_mutate = {only}
also_copy = ["sandbox", "sync", "tests", "webhooks"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not long"]
"""
# The suite around these knows nothing of the suites inside.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def killed(folder: Path, only: tuple[str, ...], tests: tuple[str, ...]) -> float:
    """The share of the mutants of these files that these tests notice. One that hangs is noticed."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    settings = SETTINGS.format(only=json.dumps(only), tests=json.dumps(tests))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(project + settings, encoding="utf-8")
    for command in (["run", "--max-children", "2"], ["export-cicd-stats"]):
        whole = [sys.executable, "-m", "mutmut", *command]
        done = subprocess.run(whole, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text())
    assert found["total"] > 50, found
    return (found["killed"] + found["timeout"]) / (found["total"] - found["skipped"])


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_what_is_changed_in_the_gate_the_caps_or_consent_is_noticed(tmp_path: Path) -> None:
    assert killed(tmp_path, JUDGED, TESTS) >= 0.85


@pytest.mark.long
@pytest.mark.timeout(600)
def test_tests_that_ask_for_little_notice_little(tmp_path: Path) -> None:
    """The control."""
    assert killed(tmp_path, ("flows/core/caps.py", "flows/core/objections.py"), ("tests/core/test_coupons.py",)) < 0.85


PURE = ("tests/core", "tests/library", "tests/content/test_planted_faults.py", "tests/content/test_lint_command.py")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nearly_every_branch_of_the_core_is_gone_through(tmp_path: Path) -> None:
    """By the tests that need no database: of the core, of the flows that ship, of what is said about flows."""
    data, report = tmp_path / "coverage", tmp_path / "coverage.json"
    measured = [sys.executable, "-m", "coverage", "run", f"--data-file={data}", "--branch", "--source=flows/core"]
    tests = ["-m", "pytest", "-q", "-m", "not long", "-p", "no:cacheprovider", *PURE]
    subprocess.run([*measured, *tests], cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    written = [sys.executable, "-m", "coverage", "json", f"--data-file={data}", "-o", str(report), "-q"]
    subprocess.run(written, cwd=ROOT, check=True)
    totals = json.loads(report.read_text())["totals"]
    assert totals["covered_branches"] / totals["num_branches"] >= 0.95, totals
