from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from connector.runtime import supervisor
from connector.runtime.processes import Process
from connector.runtime.stopping import StopRequest
from connector.runtime.supervisor import Printer, Supervisor
from tests.runtime.conftest import eventually, processes_naming

OBEDIENT = (
    "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('bye')));print('hello'); time.sleep(60)"
)
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('hello'); time.sleep(60)"
MASTER = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1]])\n"
    "print('hello'); time.sleep(60)"
)


def process(name: str, script: str, folder: Path, wave: int = 0) -> Process:
    """The folder in its arguments tells the test's processes from everything else on the machine."""
    return Process(name, (sys.executable, "-u", "-c", script, str(folder)), wave)


def supervise(table: list[Process], until, **options) -> str:
    """Run until ``until(output)`` is true or 15 s are over; returns what was printed."""
    out = io.StringIO()
    with StopRequest() as stop:
        deadline = time.monotonic() + 15

        def look() -> None:
            if until(out.getvalue()) or time.monotonic() > deadline:
                stop.requested = True

        printer = Printer(out, [p.name for p in table])
        Supervisor(table, env=dict(os.environ), printer=printer, every_turn=look, **options).run(stop)
    return out.getvalue()


def test_lines_are_merged_whole_and_named(folder: Path) -> None:
    slow_line = "import sys, time; sys.stdout.write('half '); time.sleep(0.3); print('whole'); time.sleep(60)"
    table = [process("web", slow_line, folder), process("intake", OBEDIENT, folder)]
    said = supervise(table, lambda out: "whole" in out and "hello" in out).splitlines()
    assert "web       | half whole" in said
    assert "intake    | hello" in said
    assert "intake    | bye" in said
    assert not processes_naming(folder)


def test_a_dead_child_is_started_again_later_and_later(folder: Path) -> None:
    dies = "import sys; print('hello', end=''); sys.exit(3)"
    began = time.monotonic()
    said = supervise([process("clock", dies, folder)], lambda out: out.count("hello") == 3)
    assert said.count("hello") == 3
    assert "clock ended with 3; again in 0.5 s" in said
    assert "clock ended with 3; again in 1.0 s" in said
    assert time.monotonic() - began >= 1.5


def test_a_child_that_is_killed_takes_its_own_children_along(folder: Path) -> None:
    def kill_master(out: str) -> bool:
        masters = [pid for pid, command in processes_naming(folder).items() if "subprocess" in command]
        if out.count("hello") == 1 and len(masters) == 1 and len(processes_naming(folder)) == 2:
            os.kill(masters[0], signal.SIGKILL)
        return out.count("hello") == 2

    seen: list[int] = []
    said = supervise(
        [process("web", MASTER, folder)],
        lambda out: kill_master(out) and not seen.append(len(processes_naming(folder))),
    )
    assert "web ended with -9" in said
    # The new master and at most its new child: the old child is gone.
    assert seen[0] <= 2
    assert eventually(lambda: not processes_naming(folder), seconds=2)


def test_waves_end_one_after_the_other_and_the_stubborn_are_killed(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.7)
    table = [
        process("intake", OBEDIENT, folder, wave=1),
        process("web", STUBBORN, folder, wave=0),
    ]
    began = time.monotonic()
    said = supervise(table, lambda out: out.count("hello") == 2)
    assert "web did not end by itself and was killed" in said
    assert said.index("web did not end") < said.index("bye")
    assert "intake did not end" not in said
    assert time.monotonic() - began < 10
    assert not processes_naming(folder)


def test_a_server_that_dies_is_started_again(folder: Path) -> None:
    class Flaky:
        name = "postgres"
        restarted = 0

        def ended(self) -> bool:
            return self.restarted == 0

        def restart(self, *, immediate: bool = True) -> None:
            self.restarted += 1

    server = Flaky()
    said = supervise([process("web", OBEDIENT, folder)], lambda out: "hello" in out, servers=[server])
    assert server.restarted == 1
    assert "postgres ended; starting it again" in said


def test_the_back_off_has_a_ceiling_and_forgets_after_a_healthy_life(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "HEALTHY", 0.0)
    dies = "print('hello')"
    said = supervise([process("clock", dies, folder)], lambda out: out.count("again in 0.5 s") == 3)
    assert "again in 1.0 s" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_once_and_is_then_ignored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopRequest() as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert stop.requested
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_a_signal_in_the_loop_only_sets_the_flag(folder: Path) -> None:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    said = supervise([process("web", OBEDIENT, folder)], lambda out: False)
    assert "bye" in said


RUNS = """
import json, os, sys
from connector.runtime.processes import Process
from connector.runtime.stopping import StopRequest
from connector.runtime.supervisor import Printer, Supervisor
table = [Process(*line) for line in json.loads(sys.argv[1])]
with StopRequest() as stop:
    Supervisor(table, env=dict(os.environ), printer=Printer(sys.stdout, ["web"])).run(stop)
"""


def test_killing_the_supervisor_ends_its_children(folder: Path, python) -> None:
    table = [process("web", OBEDIENT, folder), process("intake", OBEDIENT, folder, wave=1)]
    rows = json.dumps([[p.name, p.command, p.wave] for p in table])
    parent = python(RUNS, rows)
    assert {parent.stdout.readline().split()[-1] for _ in table} == {"hello"}
    children = {pid for pid in processes_naming(folder) if pid != parent.pid}
    assert len(children) == 2
    parent.kill()
    parent.wait()
    assert eventually(lambda: not processes_naming(folder), seconds=5)


def test_killing_the_supervisor_ends_even_the_stubborn(folder: Path, python) -> None:
    table = [process("web", STUBBORN, folder)]
    parent = python(RUNS, json.dumps([[p.name, p.command, p.wave] for p in table]))
    assert "hello" in parent.stdout.readline()
    parent.kill()
    parent.wait()
    # The request alone is not enough for this one.
    assert not eventually(lambda: not processes_naming(folder), seconds=1)
    assert eventually(lambda: not processes_naming(folder), seconds=8)


def test_killing_the_supervisor_ends_the_web_server_and_its_workers(folder: Path, python, free_port: int) -> None:
    (folder / "tiny.py").write_text("def app(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n")
    arguments = f"--interface wsgi --port {free_port} --workers 2 --working-dir {folder} tiny:app"
    web = Process("web", (sys.executable, "-m", "granian", *arguments.split()), 0)
    parent = python(RUNS, json.dumps([[web.name, web.command, web.wave]]))
    assert eventually(lambda: _listens(free_port))
    parent.kill()
    parent.wait()
    assert eventually(lambda: not _listens(free_port) and not processes_naming(folder))


def _listens(port: int) -> bool:
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)
