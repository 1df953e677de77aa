"""The project as files: its packages, their modules, its pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
PRODUCT = ("connector", "webhooks", "sync", "flows")
PACKAGES = (*PRODUCT, "sandbox", "migrations")
FOLDERS = (*PACKAGES, "benchmarks", "tests")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def files(*packages: str) -> Iterator[Path]:
    """The Python files of these packages."""
    for package in packages:
        yield from sorted((PROJECT / package).rglob("*.py"))


def path_of(file: Path) -> str:
    """Relative to the project, with slashes."""
    return file.relative_to(PROJECT).as_posix()


def module_of(file: Path) -> str:
    """The dotted name."""
    return path_of(file).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def texts(module: ast.Module) -> Iterator[str]:
    """Every string of a module that is no docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def pages() -> list[Path]:
    """Every page that people read."""
    return [PROJECT / name for name in PAGES] + sorted((PROJECT / "docs").rglob("*.md"))


def table_rows(page: Path, columns: int) -> list[list[str]]:
    """The cells of all Markdown table rows with this many columns, without heads."""
    found = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
        if len(cells) == columns:
            found.append(cells)
    # A head stands above its rule.
    rules = {index for index, cells in enumerate(found) if set("".join(cells)) == {"-"}}
    return [cells for index, cells in enumerate(found) if index not in rules and index + 1 not in rules]


def first_code(cell: str) -> str:
    """The first word in backticks of a cell; "" when there is none."""
    match = re.search(r"`([^`]+)`", cell)
    return match.group(1) if match else ""


def codes(cell: str) -> list[str]:
    """All words in backticks of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def by_first_code(rows: list[list[str]]) -> Mapping[str, list[str]]:
    """Rows by the word in backticks of their first cell; a repeated one is an error of the page."""
    named: dict[str, list[str]] = {}
    for row in rows:
        name = first_code(row[0])
        if name:
            assert name not in named, f"{name} is listed twice"
            named[name] = row
    return named
