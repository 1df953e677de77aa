"""Modules stay a few screens long and are called after what they are about."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.project import FOLDERS, PACKAGES, files, path_of

LONGEST = 500
# Path -> why this one may be longer.
LONGER: dict[str, str] = {}
# Names under which anything at all would find a place.
NAMELESS = {"utils", "util", "helpers", "helper", "services", "types", "common", "misc", "base", "manager", "tools"}


def too_long(paths: list[Path]) -> set[str]:
    return {str(path) for path in paths if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST}


def nameless(paths: list[Path]) -> set[str]:
    return {str(path) for path in paths if NAMELESS & {part.removesuffix(".py") for part in path.parts[-3:]}}


def test_long_modules_have_a_reason() -> None:
    found = {path_of(Path(path)) for path in too_long(list(files(*FOLDERS)))}
    assert found == set(LONGER)


def test_every_module_has_a_name_of_its_own() -> None:
    assert nameless([Path(path_of(file)) for file in files(*PACKAGES)]) == set()


def test_a_long_and_a_nameless_module_are_found(tmp_path: Path) -> None:
    module = tmp_path / "helpers.py"
    module.write_text("\n" * LONGEST)
    assert too_long([module]) == set()
    module.write_text("\n" * (LONGEST + 1))
    assert too_long([module]) == nameless([module]) == {str(module)}
    assert nameless([tmp_path / "types" / "shop.py"])
