"""The acceptance rows: which test shows which row, written into docs/features.md from tests that passed.

A pytest plugin. ``@pytest.mark.row("S5-092")`` on a test says that it shows that row; a row that ``rows.csv``
does not know stops the run. ``--write-features`` writes docs/features.md at the end of a run of the whole
suite: a row is shown by the marked tests that passed. A marked test that did not run (deselected, skipped) stays
listed when it was listed before, one that failed does not. ``--rows-to FILE`` writes what collection found as
JSON ({row id: [test ids]}); a test compares that with the page.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROWS_FILE = Path(__file__).with_name("rows.csv")
PAGE = Path(__file__).parent.parent / "docs" / "features.md"

# Row id -> ids of the tests that show it, without their parameters.
Shown = Mapping[str, frozenset[str]]

_TEST_ID = re.compile(r"`(tests/[^`]+)`")
_HEAD = """# Features

What the product must have, one line per row of the acceptance table, and which test shows it. Written by
`pytest --write-features` from tests that passed (`tests/rows.py`): do not edit. Ids and homes are in `tests/rows.csv`.

{shown} of {total} rows are shown.
"""


@dataclass(frozen=True)
class Row:
    """One row of the acceptance table. ``home``: the path where it lives, empty until it is built."""

    id: str
    kind: str
    feature: str
    home: str


def table() -> dict[str, Row]:
    """All rows by id, in the order of the table."""
    with ROWS_FILE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: Row(**row) for row in csv.DictReader(file)}


def name_of(node_id: str) -> str:
    """The test without its parameters: a row is shown when all of them pass."""
    return node_id.partition("[")[0]


def render(rows: Iterable[Row], shown: Shown) -> str:
    """The page for these rows."""
    sources: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        sources[row.id.partition("-")[0]].append(row)
    count = sum(map(len, sources.values()))
    page = _HEAD.format(shown=sum(map(bool, shown.values())), total=count)
    for source, members in sources.items():
        page += f"\n## {source}\n\n| row | kind | feature | lives in | shown by |\n|---|---|---|---|---|\n"
        for row in members:
            tests = ", ".join(f"`{name}`" for name in sorted(shown.get(row.id, ())))
            home = f"`{row.home}`" if tests else ""
            page += f"| {row.id} | {row.kind} | {row.feature} | {home} | {tests or 'not yet'} |\n"
    return page


def read(page: str) -> dict[str, frozenset[str]]:
    """What a page says: row id -> the tests listed (none for "not yet")."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(r"S\d-\d+", cells[0]):
            found[cells[0]] = frozenset(_TEST_ID.findall(cells[4]))
    return found


def differences(marked: Shown, listed: Shown) -> list[str]:
    """Sentences on where the page and the marks of the suite disagree."""
    said = []
    for row in sorted({*marked, *listed}):
        in_suite, on_page = marked.get(row, frozenset()), listed.get(row, frozenset())
        said += [f"{row}: {test} is marked but not listed" for test in sorted(in_suite - on_page)]
        said += [f"{row}: {test} is listed but not marked" for test in sorted(on_page - in_suite)]
    return said


@dataclass
class Outcome:
    """What a run learnt: which tests are marked with which row, and which tests passed and failed."""

    marked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def shown(self, before: Shown) -> Shown:
        """Which tests show which rows after this run, given what the page said before."""
        return {
            row: frozenset(
                test for test in tests - self.failed if test in self.passed or test in before.get(row, frozenset())
            )
            for row, tests in self.marked.items()
        }


class Rows:
    """Follows one run. In a parallel run every process has one; the leading one collects nothing itself and
    hears from the others what is marked."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._known = table()
        self.outcome = Outcome()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        # First, so that what other plugins deselect is seen too.
        for item in items:
            for mark in item.iter_markers("row"):
                for row in mark.args:
                    if row not in self._known:
                        raise pytest.UsageError(f"{item.nodeid}: {ROWS_FILE.name} has no row {row!r}")
                    self.outcome.marked[row].add(name_of(item.nodeid))

    def pytest_collection_finish(self) -> None:
        target = self._config.getoption("rows_to")
        if target:
            Path(target).write_text(json.dumps(self.marked(), indent=1), encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.outcome.failed.add(name_of(report.nodeid))
        elif report.passed and report.when == "call":
            self.outcome.passed.add(name_of(report.nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        for row, tests in getattr(node, "workeroutput", {}).get("rows", {}).items():
            self.outcome.marked[row] |= set(tests)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["rows"] = self.marked()
        elif self._config.getoption("write_features") and exitstatus in (0, 1):
            before = read(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
            PAGE.write_text(render(self._known.values(), self.outcome.shown(before)), encoding="utf-8")

    def marked(self) -> dict[str, list[str]]:
        """Row id -> tests, of what this process has collected."""
        return {row: sorted(tests) for row, tests in sorted(self.outcome.marked.items())}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("acceptance rows")
    group.addoption("--write-features", action="store_true", help="write docs/features.md from tests that passed")
    group.addoption("--rows-to", metavar="FILE", help="write the marks that collection found, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("write_features") and not hasattr(config, "workerinput") and not is_whole(config):
        raise pytest.UsageError("--write-features needs the whole suite: leave out paths and -k")
    config.pluginmanager.register(Rows(config), "acceptance-rows")


def is_whole(config: pytest.Config) -> bool:
    """Whether this run collects the whole suite, whatever it then deselects by marks."""
    parts = config.getoption("keyword") or config.getoption("ignore") or config.getoption("ignore_glob")
    return config.args == config.getini("testpaths") and not parts


def marked_by(config: pytest.Config) -> Shown:
    """The marks that the collection of this run found."""
    plugin = config.pluginmanager.get_plugin("acceptance-rows")
    assert isinstance(plugin, Rows)
    return {row: frozenset(tests) for row, tests in plugin.marked().items()}
