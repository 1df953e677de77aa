from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
from pathlib import Path

import psycopg
import pytest
import redis
from cryptography.fernet import Fernet

from connector.runtime import up
from tests.runtime.conftest import eventually, find_free_port, processes_naming

# The real ``run`` over a table of stand-ins for our own processes.
UP = """
import os, sys
from pathlib import Path
from connector.runtime import processes, up
from connector.runtime.processes import Process
says = "import os, signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('bye')));"
says += "e = os.environ; print(e['CLOCK_EPOCH'], e['PUBLIC_URL'], e['CONNECTOR_ENV']); time.sleep(60)"
serves = "import http.server as h, sys\\nclass H(h.BaseHTTPRequestHandler):\\n"
serves += " def do_GET(self): self.send_response(200); self.end_headers()\\n"
serves += " def log_message(self, *_): pass\\n"
serves += "h.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()"
def table(host, port, web_workers):
    here = sys.argv[1]
    return (
        Process("web", (sys.executable, "-u", "-c", serves, str(port), here), 0),
        Process("flows", (sys.executable, "-c", says, here), 1),
    )
processes.everything = table
sys.exit(up.run(dict(os.environ), var=Path(sys.argv[1])))
"""


def read_until(process, text: str) -> list[str]:
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError(f"ended without {text!r}: {lines}")


def plain(**more: object) -> dict[str, str]:
    """Nothing inherited that would change what ``up`` decides."""
    names = "DATABASE_URL REDIS_URL CONNECTOR_ENV CONNECTOR_SECRET_KEYS CLOCK_EPOCH PUBLIC_URL".split()
    return dict.fromkeys(names, "") | {name: str(value) for name, value in more.items()}


def test_it_comes_up_says_where_it_is_and_ends_cleanly(folder: Path, python, free_port: int) -> None:
    process = python(UP, folder, env=plain(PORT=free_port))
    said = read_until(process, "ready at")
    assert said[-1].endswith(f"ready at http://127.0.0.1:{free_port}")
    printed = [line for line in said if "CLOCK_EPOCH=" in line]
    epoch = printed[0].partition("CLOCK_EPOCH=")[2]
    told = f"{epoch} http://127.0.0.1:{free_port} development"
    # A process may say what it was told only after all of them have begun.
    assert any(told in line for line in said) or told in read_until(process, told)[-1]

    shared = up.shared_environment(folder)
    assert shared["CLOCK_EPOCH"] == epoch
    assert Fernet(shared["CONNECTOR_SECRET_KEYS"])
    for private in ("running.json", "secrets.env"):
        assert stat.S_IMODE((folder / private).stat().st_mode) == 0o600
    with psycopg.connect(shared["DATABASE_URL"].replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    with redis.Redis.from_url(shared["REDIS_URL"]) as connection:
        assert connection.ping()

    began = time.monotonic()
    # Twice, as people do.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 10
    assert "bye" in rest and rest.endswith("ended\n")
    assert not processes_naming(folder)
    assert up.shared_environment(folder) == {"CONNECTOR_SECRET_KEYS": shared["CONNECTOR_SECRET_KEYS"]}


def test_killed_it_leaves_nothing_and_comes_up_again_with_its_secrets(folder: Path, python, free_port: int) -> None:
    first = python(UP, folder, env=plain(PORT=free_port))
    read_until(first, "ready at")
    keys = up.shared_environment(folder)["CONNECTOR_SECRET_KEYS"]
    first.kill()
    first.wait()
    assert eventually(lambda: not processes_naming(folder))
    # What it announced is still there, but nobody answers for it.
    assert (folder / "running.json").exists()
    assert set(up.shared_environment(folder)) == {"CONNECTOR_SECRET_KEYS"}
    second = python(UP, folder, env=plain(PORT=free_port))
    read_until(second, "ready at")
    assert up.shared_environment(folder)["CONNECTOR_SECRET_KEYS"] == keys
    second.send_signal(signal.SIGTERM)
    assert second.wait(10) == 0


@pytest.mark.long
def test_any_process_may_be_killed(folder: Path, python, free_port: int) -> None:
    process = python(UP, folder, env=plain(PORT=free_port))
    read_until(process, "ready at")
    shared = up.shared_environment(folder)
    url = shared["DATABASE_URL"].replace("+psycopg", "")
    patterns = {"postgres": "postgres -D", "redis": "redis-server", "flows": "import os, signal"}
    for name, pattern in patterns.items():
        running = processes_naming(folder).items()
        pids = [pid for pid, command in running if pattern in command and pid != process.pid]
        os.kill(min(pids), signal.SIGKILL)
        read_until(process, f"{name} ended")
    with redis.Redis.from_url(shared["REDIS_URL"]) as connection:
        assert eventually(lambda: _answers(url) and _pings(connection))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _pings(connection: redis.Redis) -> bool:
    try:
        return bool(connection.ping())
    except redis.ConnectionError:
        return False


def test_given_addresses_are_used_and_nothing_of_its_own_is_started(
    folder: Path, python, free_port: int, database_url: str, redis_url: str
) -> None:
    process = python(UP, folder, env=plain(PORT=free_port, DATABASE_URL=database_url, REDIS_URL=redis_url))
    read_until(process, "ready at")
    assert up.shared_environment(folder)["DATABASE_URL"] == database_url
    assert not (folder / "postgres").exists() and not (folder / "redis").exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_two_at_once_are_refused(folder: Path, python, free_port: int) -> None:
    first = python(UP, folder, env=plain(PORT=free_port))
    read_until(first, "ready at")
    second = python(UP, folder, env=plain(PORT=find_free_port()))
    assert "Another process uses" in second.stdout.read()
    assert second.wait(10) == 2
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0


def test_a_taken_port_and_wrong_settings_are_reported_before_anything_starts(folder: Path, python) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = python(UP, folder, env=plain(PORT=port))
        assert f"PORT: {port} cannot be used" in process.stdout.read()
        assert process.wait(10) == 2
    process = python(UP, folder, env=plain(CONNECTOR_ENV="production"))
    said = process.stdout.read()
    assert process.wait(10) == 2
    assert "DATABASE_URL: is required" in said and "PUBLIC_URL: is required" in said
    assert not (folder / "postgres").exists()


def test_asked_to_end_while_it_is_still_starting(folder: Path, python, free_port: int) -> None:
    process = python(UP, folder, env=plain(PORT=free_port))
    assert eventually(lambda: (folder / "postgres").exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert eventually(lambda: not processes_naming(folder))


def test_production_settings_of_the_environment_are_not_written_down(folder: Path) -> None:
    with up._announced({"HOME": "/somewhere", "AWS_SECRET": "x", "BREVO_BASE_URL": "http://b"}, folder):
        assert json.loads((folder / "running.json").read_text()) == {"BREVO_BASE_URL": "http://b"}
    assert not (folder / "running.json").exists()
