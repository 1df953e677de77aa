"""Pages that can go stale are compared with what they describe."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema

from connector import settings, shops
from connector.doctor.checks import INSTALLATION, SHOP
from tests.architecture.project import (
    FOLDERS,
    PACKAGES,
    PROJECT,
    by_first_code,
    codes,
    first_code,
    pages,
    path_of,
    table_rows,
    texts,
    tree,
)

DOCS = PROJECT / "docs"


# --- settings


def written(default: Any) -> str:
    """A default as the page writes it."""
    if callable(default):
        default = default()
    if default is None or default == "" or default == {}:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default:g}`" if isinstance(default, int | float) else f"`{default}`"


def declared(schema: type[Schema]) -> dict[str, str]:
    """Name -> default of every field, as the page writes it."""
    return {field.data_key or name: written(field.load_default) for name, field in schema._declared_fields.items()}


def test_every_setting_is_listed_with_its_default() -> None:
    rows = by_first_code(table_rows(DOCS / "settings.md", 4))
    assert {name: row[1] for name, row in rows.items()} == declared(settings._SettingsSchema)
    assert {f"{name}_FILE" for name, row in rows.items() if row[2] == "yes"} == settings._SECRET_FILES
    assert all(row[3] for row in rows.values())


def test_every_setting_of_a_shop_is_listed_with_its_default() -> None:
    rows = by_first_code(table_rows(DOCS / "settings.md", 3))
    assert {name: row[1] for name, row in rows.items()} == declared(shops.ShopSettingsSchema)


def test_variables_of_single_commands_are_listed() -> None:
    wanted = {
        text
        for folder in ("connector/runtime", "connector/cli")
        for file in (PROJECT / folder).rglob("*.py")
        for text in texts(tree(file))
        if re.fullmatch(r"(CONNECTOR|SHOPIFY|BREVO)_[A-Z_]*[A-Z]", text) and not text.endswith("_FILE")
    } - set(declared(settings._SettingsSchema))
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert {first_code(line) for line in page.splitlines() if line.startswith("- `")} == wanted


def test_a_setting_that_is_not_listed_is_noticed() -> None:
    class Other(settings._SettingsSchema):
        more = settings._number(5, 1)

    assert declared(Other)["more"] == "`5`"
    assert set(declared(Other)) - set(by_first_code(table_rows(DOCS / "settings.md", 4))) == {"more"}


# --- the map


def on_the_map() -> set[str]:
    return set(by_first_code(table_rows(DOCS / "map.md", 2)))


def must_be_on_the_map(project: Path, folders: Iterable[str], packages: Iterable[str]) -> set[str]:
    """Every package folder, and every module that stands at the top of a package."""
    found = {
        f"{file.parent.relative_to(project).as_posix()}/"
        for folder in folders
        for file in (project / folder).rglob("__init__.py")
    }
    return found | {
        file.relative_to(project).as_posix()
        for package in packages
        for file in (project / package).glob("*.py")
        if file.stem not in ("__init__", "__main__")
    }


def test_the_map_names_everything_that_is_there() -> None:
    assert must_be_on_the_map(PROJECT, FOLDERS, PACKAGES) - on_the_map() == set()


def test_the_map_names_nothing_that_is_not_there() -> None:
    for place in on_the_map():
        target = PROJECT / place
        assert target.is_dir() if place.endswith("/") else target.is_file(), place


def test_a_new_package_and_a_new_module_must_go_on_the_map(tmp_path: Path) -> None:
    for name in ("flows/__init__.py", "flows/new.py", "flows/deep/__init__.py", "flows/deep/inside.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert must_be_on_the_map(tmp_path, ["flows"], ["flows"]) == {"flows/", "flows/new.py", "flows/deep/"}


# --- paths and links on all pages

_PATH = re.compile(rf"({'|'.join(FOLDERS)}|docs|\.ci)/[^\s:]*")
_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
# A word that stands for a name to be chosen: NAME, TOPIC.
_CHOSEN = re.compile(r"[A-Z]{3,}")
_CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def places(text: str) -> list[str]:
    """What a page names in backticks that looks like a path of the project, without a test's name."""
    prose = _CODE_BLOCK.sub("", text)
    return [code.partition("::")[0] for code in codes(prose) if _PATH.fullmatch(code.partition("::")[0])]


def is_there(place: str) -> bool:
    """Whether a path exists; for one with a name to be chosen, whether its folder does."""
    while _CHOSEN.search(place) and place not in ("README.md", "CONTRIBUTING.md"):
        place = place.rstrip("/").rpartition("/")[0]
    if "*" in place:
        return any(PROJECT.glob(place))
    return (PROJECT / place).exists()


@pytest.mark.parametrize("page", pages(), ids=path_of)
def test_named_paths_exist(page: Path) -> None:
    assert [place for place in places(page.read_text(encoding="utf-8")) if not is_there(place)] == []


@pytest.mark.parametrize("page", pages(), ids=path_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_path_that_does_not_exist_is_found() -> None:
    named = places("`flows/core/gone.py` `flows/core/steps/NAME.py` `gone/NAME.py` `tests/gone/NAME.py` `flows/*.py`")
    assert [place for place in named if not is_there(place)] == ["flows/core/gone.py", "tests/gone/NAME.py"]
    assert _LINK.findall("[a](docs/gone.md) [b](https://example.com) [c](#d)") == ["docs/gone.md"]


# --- the checklists of CONTRIBUTING.md

CHECKLISTS = (
    "step", "operator", "signal", "channel", "webhook topic", "synced attribute", "event mapping", "setting",
    "check of the doctor", "migration",
)  # fmt: skip


def sections(page: Path) -> Mapping[str, str]:
    """Heading -> what stands below it."""
    parts = re.split(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("kind", CHECKLISTS)
def test_there_is_a_checklist_for_each_addition(kind: str) -> None:
    found = sections(PROJECT / "CONTRIBUTING.md")
    (heading,) = [name for name in found if re.fullmatch(rf"Add an? {kind}", name)]
    named = places(found[heading])
    assert len(named) >= 2, f"{heading} names no files"
    assert any(place.startswith("tests/") for place in named), f"{heading} names no test"


# --- decisions, invariants, processes


def test_decisions_are_numbered_and_have_a_status() -> None:
    records = sorted((DOCS / "adr").glob("*.md"))
    assert [record.name[:4] for record in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert re.match(rf"# {int(record.name[:4])}\. .+\n\nStatus: (accepted|replaced by \[\d+\]\(.+\))\n", text)
        assert {"## Why", "## Decision", "## Follows"} <= set(re.findall(r"^## \w+", text, re.MULTILINE)), record.name


def test_every_invariant_says_what_holds_and_shows_it() -> None:
    rows = [row for row in table_rows(DOCS / "invariants.md", 3)]
    assert len(rows) > 10
    for invariant, held, shown in rows:
        assert codes(held), f"{invariant}: nothing of the project is named that holds it"
        assert shown == "not yet" or any(place.startswith("tests/") for place in places(shown)), invariant


def test_named_tests_exist() -> None:
    for page in pages():
        for code in codes(_CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))):
            place, _, name = code.partition("::")
            if name and place.startswith("tests/"):
                functions = {n.name for n in ast.walk(tree(PROJECT / place)) if isinstance(n, ast.FunctionDef)}
                assert name.rpartition("::")[2] in functions, f"{path_of(page)}: {code}"


def test_every_process_of_the_procfile_is_described() -> None:
    named = [line.partition(":")[0] for line in (PROJECT / "Procfile").read_text().splitlines()]
    assert named
    described = [row[0] for row in table_rows(DOCS / "run.md", 3)]
    assert [name for name in named if name not in described] == []


# --- the doctor's checks


def test_every_check_of_the_doctor_is_described_in_the_order_in_which_it_is_made() -> None:
    described = [first_code(row[0]) for row in table_rows(DOCS / "operations.md", 3)]
    names = [check.name for check in (*INSTALLATION, *SHOP)]
    assert [name for name in described if name in names] == names
