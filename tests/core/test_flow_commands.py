"""``connector flows validate`` and ``format``, as one calls them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import cli
from flows.definition_files import format_text, remarks

LIBRARY = Path(__file__).parents[2] / "flows" / "library"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The flows of the library, where one may break them."""
    for name in ("welcome", "cart-recovery"):
        shutil.copytree(LIBRARY / name, tmp_path / "flows" / name)
    return tmp_path / "flows"


def run(*arguments: object, monkeypatch: pytest.MonkeyPatch | None = None) -> Result:
    return CliRunner().invoke(cli, ["flows", *map(str, arguments)])


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_flows_that_are_fine(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Settings that would stop any other command.
    monkeypatch.setenv("CONNECTOR_ENV", "nonsense")
    monkeypatch.chdir(tmp_path)
    good = run("validate", folder)
    assert good.exit_code == 0
    assert good.output.splitlines()[0] == "cart-recovery is fine: starts on checkout_abandoned, 16 steps, 7 messages."
    assert run("validate", folder / "welcome").output.startswith("welcome is fine: ")
    assert run("list", "--shop", "a.myshopify.com").exit_code != 0


def test_everything_that_is_wrong_with_file_line_and_what_to_do(folder: Path) -> None:
    cart, welcome = folder / "cart-recovery", folder / "welcome"
    change(cart / "flow.yaml", "- email: reminder", "- emial: reminder")
    change(cart / "flow.yaml", "unsubscribed]", "unsubscribd]")
    change(welcome / "flow.yaml", "steps:", "steps:\n  - enter: birthdays")
    (welcome / "messages" / "extra.liquid").write_text("no front matter", encoding="utf-8")
    bad = run("validate", folder)
    assert bad.exit_code == 1
    lines = bad.output.splitlines()
    assert [line.split(": ")[0].rpartition(":")[0] for line in lines[:2]] == ["cart-recovery/flow.yaml"] * 2
    assert "“unsubscribd” is no event here. Did you mean “unsubscribed”?" in lines[0]
    assert "“emial” is no step." in lines[1]
    assert lines[2].startswith("welcome/messages/extra.liquid")
    assert lines[-1] == "Error: 3 problems in 2 of 2 flows."
    # The other flow of the folder is looked for once its own is readable.
    (welcome / "messages" / "extra.liquid").unlink()
    alone = run("validate", welcome)
    assert "There is no flow “birthdays” to put people into. Did you mean “birthday”?" in alone.output


def test_flows_beside_the_one_that_is_looked_at_are_known(folder: Path) -> None:
    change(folder / "welcome" / "flow.yaml", "steps:", "steps:\n  - enter: my-cart")
    change(folder / "cart-recovery" / "flow.yaml", "flow: cart-recovery", "flow: my-cart")
    assert run("validate", folder / "welcome").exit_code == 0
    shutil.rmtree(folder / "cart-recovery")
    assert run("validate", folder / "welcome").exit_code == 1


def test_two_flows_of_one_name(folder: Path) -> None:
    shutil.copytree(folder / "welcome", folder / "welcome-2")
    twice = run("validate", folder)
    said = "welcome-2/flow.yaml:1: Two flows are called “welcome”, here and in welcome/flow.yaml."
    assert said in twice.output and twice.exit_code == 1


def test_a_folder_without_flows(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothing = run("validate", tmp_path / "empty")
    assert nothing.output == "Error: There is no flow.yaml in empty, nor in the folders in it.\n"


def test_formatting(folder: Path) -> None:
    file = folder / "welcome" / "flow.yaml"
    before = file.read_text(encoding="utf-8")
    change(file, "flow: welcome\n", "")
    file.write_text(file.read_text(encoding="utf-8") + "flow:    welcome\n", encoding="utf-8")
    checked = run("format", folder, "--check")
    assert checked.exit_code == 1 and "welcome/flow.yaml is not in canonical form." in checked.output
    assert file.read_text(encoding="utf-8") != before
    assert run("format", folder).output == "welcome/flow.yaml is in canonical form now.\n"
    assert file.read_text(encoding="utf-8") == before
    assert run("format", folder, "--check").output == "Everything is in canonical form.\n"


def test_remarks_are_not_lost_unasked(folder: Path) -> None:
    file = folder / "welcome" / "flow.yaml"
    change(file, "name:", "# Ask Ana first.\nname: ")
    text = file.read_text(encoding="utf-8")
    refused = run("format", folder)
    assert refused.exit_code == 1 and file.read_text(encoding="utf-8") == text
    assert "welcome/flow.yaml:2: This remark would be lost. Move it into note, or say --drop-remarks." in refused.output
    assert run("format", folder, "--drop-remarks").exit_code == 0
    assert file.read_text(encoding="utf-8") == format_text(text)


def test_what_is_a_remark_and_what_is_not() -> None:
    text = 'flow: a#b # one\nname: "x # y"\n\n# two\nnote: |\n  # not this\n  text\ntags: [a] # three\n'
    assert remarks(text) == [1, 4, 8]
