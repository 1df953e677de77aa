"""``connector flows simulate``, as one calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import cli
from connector.cli.simulated import after
from flows.core.problems import DefinitionError
from flows.simulator.script import read, span
from flows.starters import STARTERS
from tests.library.playing import LIBRARY, later

CART = """person: {first_name: Ada, consent: {email: subscribed, sms: subscribed}}
settings: {offers: {cart: {percent: 10}}}
until: 10d
happens:
  - {after: 0h, event: checkout_updated, total: "86.00"}
  - {after: 30h, event: order_placed}
"""


def run(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["flows", "simulate", *map(str, arguments)], input=stdin)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Where nothing is installed, and settings that would stop any other command.
    monkeypatch.setenv("CONNECTOR_ENV", "nonsense")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "cart.yaml"
    file.write_text(CART, encoding="utf-8")
    return file


@pytest.mark.row("S2-34")
@pytest.mark.row("S5-216")
def test_a_dry_run_is_walked_through_moment_by_moment(script: Path) -> None:
    told = run("--flow", "cart-recovery", "--script", script)
    assert told.exit_code == 0, told.output
    lines = [line.strip() for line in told.output.splitlines()]
    assert [line for line in lines if line.startswith("+")] == [
        "+0m  Tue 2026-03-03 10:00 UTC",
        "+1h  Tue 2026-03-03 11:00 UTC",
        "+4h  Tue 2026-03-03 14:00 UTC",
        "+1d  Wed 2026-03-04 10:00 UTC",
        "+1d 6h  Wed 2026-03-04 16:00 UTC",
    ]
    assert "SENT email cart-recovery/reminder: Ada, you left something behind" in lines
    assert "cart-recovery/wait-3: The goal was reached; the flow is over. (event order_placed)" in lines
    assert lines[-1] == "3 sent, 0 skipped, 0 put off; flows that ended: cart-recovery goal."
    # By hand: it stops after each moment.
    stepped = run("--flow", "cart-recovery", "--script", script, "--step", stdin="\n" * 5)
    assert stepped.exit_code == 0
    assert [line for line in stepped.output.splitlines() if "SENT" in line] == [
        line for line in told.output.splitlines() if "SENT" in line
    ]


def test_one_person_as_json(script: Path) -> None:
    told = json.loads(run("--flow", "cart-recovery", "--script", script, "--json").output)
    assert [(one["after_seconds"], one["message"], one["channel"]) for one in told["sent"]] == [
        (3600, "reminder", "email"),
        (14400, "quick-reminder", "sms"),
        (86400, "second-look", "email"),
    ]
    assert told["ended"] == [
        {"at": "2026-03-04T16:00:00+00:00", "after_seconds": 108000, "flow": "cart-recovery", "outcome": "goal"}
    ]
    assert any(line["code"] == "branched" for line in told["trail"])


def test_many_people_in_tables_and_as_json(script: Path) -> None:
    asked = ("--flow", "welcome", "--flow", "cart-recovery", "--synthetic", "--people", 12, "--days", 20)
    shown = run(*asked)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("12 people, 20 days, seed 1: ")
    assert "would be held by the shop's rules (cap: count): shop_cap" in shown.output
    one, other = (json.loads(run(*asked, "--json").output) for _ in range(2))
    assert one.pop("speed").keys() == other.pop("speed").keys() == {"seconds", "stimuli_per_second"}
    assert one == other
    assert one["flows"].keys() == {"welcome", "cart-recovery"}
    assert one["gate"]


def test_without_a_word_the_flows_to_begin_with_are_played(script: Path) -> None:
    told = json.loads(run("--synthetic", "--people", 3, "--days", 90, "--json").output)
    assert told["flows"].keys() <= {one.flow for one in STARTERS}
    assert told["flows"]


def test_flows_of_a_folder_with_settings_of_a_shop(script: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("quiet_hours: {start: '11:00', end: '13:30'}\n", encoding="utf-8")
    told = run(LIBRARY / "cart-recovery", "--script", script, "--settings", settings, "--render")
    assert told.exit_code == 0, told.output
    assert "The message was put off. It is night" in told.output
    assert "+3h 30m" in told.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say either --synthetic, or --script with a file."),
        (("--synthetic", "--flow", "nothing"), "There is no flow nothing here."),
        (("--synthetic", "--flow", "welcome", "--segment", "nobody"), "There is no segment nobody."),
    ],
)
def test_what_was_asked_wrongly(arguments: tuple[str, ...], said: str) -> None:
    told = run(*arguments)
    assert told.exit_code != 0
    assert said in told.output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "0h, event: checkout_updated",
            "0h, event: checkout_updatd",
            "cart.yaml:5: happens.0.event: “checkout_updatd” is no",
        ),
        ("after: 30h", "after: soon", "cart.yaml:6: happens.1.after: “soon” is no length of time"),
        ("first_name", "firstname", "cart.yaml:1: “firstname” is nothing that is known of people here"),
        ("until: 10d", "til: 10d", "cart.yaml:3: til: Unknown field."),
        ("email: subscribed,", "fax: subscribed,", "cart.yaml:1: “fax” is nothing that is known of people here"),
    ],
)
def test_a_script_that_is_wrong_says_where(old: str, new: str, said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        read(CART.replace(old, new), "cart.yaml")
    assert said in " ".join(map(str, raised.value.problems))


def test_settings_that_are_wrong_say_what(script: Path) -> None:
    script.write_text(CART.replace("offers: {cart: {percent: 10}}", "offer: {}"), encoding="utf-8")
    told = run("--flow", "cart-recovery", "--script", script)
    assert told.exit_code == 1
    assert "The settings of the shop are wrong" in told.output


def test_lengths_of_time() -> None:
    assert after(later("1d 2h")) == "+1d 2h"
    assert after(later("0h")) == "+0m"
    assert span("-40d") == -later("40d")
    for wrong in ("", "soon", "3x"):
        with pytest.raises(ValueError, match="length of time"):
            span(wrong)
