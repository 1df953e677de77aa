"""The environment is read in its one home. Whoever needs a setting is given it."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.project import PACKAGES, files, path_of, tree

# The demo starts the processes of its stage with the environment it was given.
HOMES = ("connector/settings.py", "connector/runtime/", "sandbox/clock.py", "sandbox/demo/")
_READERS = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def readers(module: ast.Module) -> list[int]:
    """The lines on which a module reaches for the environment."""
    lines = []
    for node in ast.walk(module):
        of_os = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        if of_os and node.attr in _READERS:
            lines.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            lines += [node.lineno for alias in node.names if alias.name in _READERS]
    return lines


def test_the_environment_has_one_home() -> None:
    found = [
        f"{path_of(file)}:{line}"
        for file in files(*PACKAGES)
        if not path_of(file).startswith(HOMES)
        for line in readers(tree(file))
    ]
    assert found == []


def test_the_homes_do_read_it() -> None:
    read = [path_of(file) for file in files(*PACKAGES) if readers(tree(file))]
    for home in HOMES:
        assert any(path.startswith(home) for path in read), f"{home} is no home any more"


@pytest.mark.parametrize(
    "source", ["import os\nos.environ.get('X')", "import os\nos.getenv('X')", "from os import environ as e"]
)
def test_readers_are_found(source: str) -> None:
    assert readers(ast.parse(source))
