from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account can pass, unlike pytest's own below a closed one."""
    made = Path(tempfile.mkdtemp(prefix="connector-runtime-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a script in a process of its own, from the project's root; killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object, interpreter: str = sys.executable, **options: object):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, sys.path)])}
        process = subprocess.Popen(
            [interpreter, "-u", "-c", script, *map(str, arguments)],
            cwd=options.pop("cwd", PROJECT), env=env | options.pop("env", {}), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, **options,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout)):
            stream.close()


def processes_naming(text: object) -> dict[int, str]:
    """Living processes whose command line or environment's start names ``text``: pid -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(text) in command:
                found[int(entry.name)] = command
    return found


def eventually(true: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return bool(true())


@pytest.fixture
def free_port() -> int:
    return find_free_port()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
