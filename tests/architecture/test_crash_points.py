"""Every crash point is in the code exactly once, so that dying at all of them is dying everywhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from connector import crashpoints
from connector.crashpoints import POINTS
from connector.errors import ConfigurationError
from connector.runtime.processes import everything
from connector.settings import Settings
from tests.architecture.project import PRODUCT, PROJECT, files, tree


def reached(modules: Iterable[ast.Module]) -> Counter[str]:
    """The names that ``reach`` is called with, and how often; "" for what is no text."""
    found: Counter[str] = Counter()
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and _name(node.func) == "reach":
                value = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
                found[value if isinstance(value, str) else ""] += 1
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_point_is_in_the_code_once_and_no_other_is() -> None:
    assert reached(tree(file) for file in files(*PRODUCT)) == Counter(list(POINTS))


def test_every_point_has_a_process_and_a_sentence() -> None:
    assert {point.process for point in POINTS.values()} <= {process.name for process in everything("", 0, 1)}
    assert all(point.then for point in POINTS.values())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("reach('a')\nreach('a')", {"a": 2}),
        ("crashpoints.reach('b')", {"b": 1}),
        ("reach(name)", {"": 1}),
        ("preach('a')", {}),
    ],
)
def test_calls_are_found(source: str, found: dict[str, int]) -> None:
    assert reached([ast.parse(source)]) == Counter(found)


DIES = """
import sys
from connector.crashpoints import arm, reach
arm(sys.argv[1])
for number in range(1, 4):
    print(number, flush=True)
    reach("t4.leased")
    reach("t4.answered")
"""


@pytest.mark.parametrize(
    ("order", "rounds", "status"),
    [("t4.leased", 1, -9), ("t4.answered:2", 2, -9), ("t4.leased:4", 3, 0), ("t2.claimed", 3, 0), ("", 3, 0)],
)
def test_a_process_dies_where_it_was_told_to_and_nowhere_else(order: str, rounds: int, status: int) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, order], cwd=PROJECT, capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.split())) == (status, rounds), done.stderr


@pytest.mark.parametrize("order", ["t4.nowhere", "t4.leased:0", "t4.leased:often"])
def test_an_order_that_names_nothing_is_refused(order: str) -> None:
    with pytest.raises(ConfigurationError, match="CRASH_AT"):
        Settings.from_env({"CONNECTOR_ENV": "development", "CRASH_AT": order})
    with pytest.raises(ValueError, match="crash point|passes"):
        crashpoints.arm(order)


def test_in_production_nothing_dies_on_purpose() -> None:
    with pytest.raises(ConfigurationError, match="CRASH_AT: .*development only"):
        Settings.from_env({"CRASH_AT": "t4.leased"})
