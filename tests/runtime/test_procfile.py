from __future__ import annotations

import shlex
import subprocess
import tomllib

from connector.runtime import processes
from tests.runtime.conftest import PROJECT


def commands() -> dict[str, str]:
    lines = (PROJECT / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def expanded(command: str, **env: str) -> list[str]:
    """As the shell of the machine that runs the Procfile sees it."""
    shell = ["sh", "-c", f'set -- {command}; printf "%s\\n" "$@"']
    return subprocess.run(shell, env=env, capture_output=True, text=True, check=True).stdout.splitlines()


def test_web_is_the_web_process_of_the_table() -> None:
    _, _, *table = processes.web("0.0.0.0", 5001, 3).command
    assert expanded(commands()["web"], PORT="5001", WEB_WORKERS="3") == table
    assert expanded(commands()["web"], PORT="5001") != table


def test_every_process_of_the_table_is_started_by_a_line() -> None:
    assert list(commands()) == ["release", "web", "worker", "clock"]
    names = {process.name for process in processes.everything("0.0.0.0", 5001, 2)}
    assert names == {"web", "clock", *processes.QUEUES}
    for line in ("release", "worker", "clock"):
        assert shlex.split(commands()[line])[0] == "connector"
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == {"connector"}


def test_intake_ends_before_the_workers() -> None:
    waves = {process.name: process.wave for process in processes.everything("0.0.0.0", 5001, 2)}
    assert max(waves["web"], waves["clock"]) < min(waves[queue] for queue in processes.QUEUES)
