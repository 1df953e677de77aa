"""docs/features.md says what the marks of the suite say, and is written from tests that passed only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import rows
from tests.architecture.project import PROJECT


def pytest_run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.rows", "-p", "no:cacheprovider", "-q", *arguments]
    # This run may be a worker of a parallel one; the one started here is none.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100)


def test_the_page_says_what_the_marks_say(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    if pytestconfig.getoption("write_features", default=False):
        pytest.skip("this run writes the page")
    if rows.is_whole(pytestconfig):
        marked = rows.marked_by(pytestconfig)
    else:
        answer = pytest_run(PROJECT, "--collect-only", "--rows-to", str(tmp_path / "marks.json"))
        assert answer.returncode == 0, answer.stdout[-3000:]
        told = json.loads((tmp_path / "marks.json").read_text())
        marked = {row: frozenset(tests) for row, tests in told.items()}
    page = rows.PAGE.read_text(encoding="utf-8")
    assert rows.differences(marked, rows.read(page)) == [], "run the suite with --write-features"
    # The titles and homes come from the table.
    assert page == rows.render(rows.table().values(), rows.read(page))


def test_what_is_shown_has_a_home() -> None:
    table = rows.table()
    for row, tests in rows.read(rows.PAGE.read_text(encoding="utf-8")).items():
        assert not tests or table[row].home, f"{row} is shown: say in tests/rows.csv where it lives"
    for row in table.values():
        assert not row.home or (PROJECT / row.home).exists(), f"{row.id}: there is no {row.home}"


def test_the_table_is_whole() -> None:
    lines = rows.ROWS_FILE.read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == len(rows.table()) == 418
    for source, count in {"S1": 58, "S2": 44, "S3": 25, "S4": 26, "S5": 265}.items():
        assert sum(row.startswith(f"{source}-") for row in rows.table()) == count


def test_differences_are_found_both_ways() -> None:
    marked = {"S1-01": frozenset({"tests/a.py::x"}), "S1-02": frozenset({"tests/a.py::y"})}
    listed = {"S1-01": frozenset({"tests/a.py::x"}), "S1-03": frozenset({"tests/a.py::z"})}
    assert rows.differences(marked, marked) == []
    assert rows.differences(marked, listed) == [
        "S1-02: tests/a.py::y is marked but not listed",
        "S1-03: tests/a.py::z is listed but not marked",
    ]


def test_a_page_is_read_as_it_was_written() -> None:
    shown = {"S1-19": frozenset({"tests/a.py::x", "tests/b.py::C::y"}), "S5-265": frozenset({"tests/a.py::x"})}
    read = rows.read(rows.render(rows.table().values(), shown))
    assert {row: tests for row, tests in read.items() if tests} == shown
    assert set(read) == set(rows.table())


SUITE = """
import pytest

@pytest.mark.row("S1-01")
def test_passes():
    pass

@pytest.mark.row("S1-02")
@pytest.mark.parametrize("n", [1, 2])
def test_of_two_one_fails(n):
    assert n == 1

@pytest.fixture
def broken():
    yield
    raise OSError

@pytest.mark.row("S1-03")
def test_breaks_afterwards(broken):
    pass

@pytest.mark.row("S1-04", "S1-05")
@pytest.mark.long
def test_takes_long():
    pass

@pytest.mark.row("S1-06")
def test_is_skipped():
    pytest.skip("not here")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A small project with the plugin, its table and a page from before."""
    for folder in ("tests", "docs"):
        (tmp_path / folder).mkdir()
    for file in (Path(rows.__file__), rows.ROWS_FILE):
        shutil.copy(file, tmp_path / "tests")
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "tests" / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\nmarkers =\n  row(id): a\n  long: b\n")
    before = {row: frozenset({f"tests/test_suite.py::{test}"}) for row, test in BEFORE.items()}
    (tmp_path / "docs" / "features.md").write_text(rows.render(rows.table().values(), before))
    return tmp_path


BEFORE = {
    "S1-02": "test_of_two_one_fails",
    "S1-04": "test_takes_long",
    "S1-06": "test_is_skipped",
    "S1-07": "test_gone",
}


def small_run(suite: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Loads what it needs only: a browser and the like take longer to load than these tests to run."""
    return pytest_run(suite, "-p", "xdist.plugin", *arguments, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def listed(suite: Path) -> dict[str, list[str]]:
    found = rows.read((suite / "docs" / "features.md").read_text())
    return {row: sorted(test.rpartition("::")[2] for test in tests) for row, tests in found.items() if tests}


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_row_is_shown_by_tests_that_passed(suite: Path, processes: str) -> None:
    answer = small_run(suite, "-n", processes, "-m", "not long", "--write-features")
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert listed(suite) == {
        "S1-01": ["test_passes"],
        # Not run this time, but still marked and listed before. S1-05 was not.
        "S1-04": ["test_takes_long"],
        "S1-06": ["test_is_skipped"],
    }


def test_a_row_that_is_in_no_table_stops_the_run(suite: Path) -> None:
    (suite / "tests" / "test_suite.py").write_text(SUITE.replace("S1-01", "S9-01"))
    answer = small_run(suite, "--collect-only")
    assert answer.returncode != 0
    assert "rows.csv has no row 'S9-01'" in answer.stdout + answer.stderr


@pytest.mark.parametrize("part", [["tests/test_suite.py"], ["-k", "passes"]])
def test_a_part_of_the_suite_writes_no_page(suite: Path, part: list[str]) -> None:
    before = listed(suite)
    answer = small_run(suite, "--write-features", *part)
    assert answer.returncode == 4 and "needs the whole suite" in answer.stdout + answer.stderr
    assert listed(suite) == before
