"""``connector flows lint`` for files: the shipped flows, flows with faults, addresses that nobody answers at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from connector.cli import cli
from connector.cli.flow_lint import _asked
from connector.merchant_urls import Rules
from flows.definition_files import folders_in
from tests.adapters.servers import answer, serving
from tests.content.planted_faults import FAULTS, Folders, flows

LIBRARY = Path(__file__).parents[2] / "flows" / "library"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["flows", "lint", *map(str, arguments)])


def write(folders: Folders, place: Path) -> Path:
    for name, (text, messages) in folders.items():
        (place / name / "messages").mkdir(parents=True)
        (place / name / "flow.yaml").write_text(text, encoding="utf-8")
        for message, body in messages.items():
            (place / name / "messages" / f"{message}.liquid").write_text(body, encoding="utf-8")
    return place


def planted(*names: str) -> Folders:
    folders = flows()
    for fault in FAULTS:
        if fault.name in names:
            fault.plant(folders)
    return folders


@pytest.mark.row("S5-032", "S1-41")
@pytest.mark.row("S1-42")
def test_nothing_is_found_in_the_shipped_flows_but_what_their_sources_want(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide's own templates go beyond its cap, and write by two channels on one day: both are said, and planned."""
    # Settings that would stop any command that asks for them.
    monkeypatch.setenv("CONNECTOR_ENV", "nonsense")
    monkeypatch.chdir(tmp_path)
    done = run(LIBRARY, "--json", "--strict")
    told = orjson.loads(done.output)
    others = [one for one in told["findings"] if one["level"] != "planned"]
    assert others == [] and done.exit_code == 0
    assert told["flows"] == len(folders_in(LIBRARY)) and told["counts"]["error"] == 0
    planned = {(one["lint"], one["flow"]) for one in told["findings"]}
    assert {lint for lint, _ in planned} == {"over_cap", "channels_same_day"}
    assert {("over_cap", "welcome"), ("over_cap", "cart-recovery"), ("channels_same_day", "cart-recovery")} <= planned


def test_what_is_wrong_has_file_line_and_what_to_do(tmp_path: Path) -> None:
    place = write(planted("no end at an order", "a name in brackets", "the same flow twice"), tmp_path)
    done = run(place)
    lines = done.output.splitlines()
    assert done.exit_code == 1, "a placeholder stops a publication"
    assert lines[0].startswith("error placeholder: cart/messages/reminder.liquid:9: “[FirstName]” is a name in")
    assert any(line.startswith("warning missing_exit: cart/flow.yaml:8: Whoever orders is still") for line in lines)
    assert any(line.startswith("warning overlap: cart/flow.yaml:3: “cart” and “twin” start on") for line in lines)
    assert lines[-1] == "3 flows: 1 errors, 2 warnings, 0 as planned."


def test_warnings_stop_only_who_asks_for_it(tmp_path: Path) -> None:
    place = write(planted("no end at an order"), tmp_path)
    assert (run(place).exit_code, run(place, "--strict").exit_code) == (0, 1)


def test_flows_that_cannot_be_read_are_said_beside_the_others(tmp_path: Path) -> None:
    folders = planted("no preview")
    folders["thanks"] = (folders["thanks"][0].replace("sms: how-was-it", "sms: nothing"), folders["thanks"][1])
    told = orjson.loads(run(write(folders, tmp_path), "--json").output)
    assert Counter(one["lint"] for one in told["findings"]) == {"definition": 1, "no_preview": 1}
    assert "no_preview" in {one["lint"] for one in told["findings"] if one["flow"] == "cart"}


def test_it_has_to_be_told_what_to_look_at(tmp_path: Path) -> None:
    assert "Name a folder, or a shop with --shop." in run().output
    assert "There is no flow.yaml in" in run(tmp_path).output


@contextmanager
def pages(*answers: str) -> Iterator[list[str]]:
    """One address for each answer."""
    with ExitStack() as stack:
        yield [f"{stack.enter_context(serving(answer(one))).url}/page" for one in answers]


def test_addresses_that_nobody_answers_at() -> None:
    with pages("200 OK", "404 Not Found", "403 Forbidden", "503 Service Unavailable", "301 Moved") as urls:
        dead = _asked([*urls, "http://127.0.0.1:9/", "http://10.0.0.1/"], Rules(loopback=True))
    assert dead[urls[1]] == "it answers 404" and dead[urls[3]] == "it answers 503"
    assert dead["http://127.0.0.1:9/"] == "it does not answer"
    assert "only https" in dead["http://10.0.0.1/"], "our own network is asked nothing"
    # There for people, if not for us.
    assert not {urls[0], urls[2], urls[4]} & dead.keys()
