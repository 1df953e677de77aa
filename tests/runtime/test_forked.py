"""Copies of a process that has loaded what they run: as good as programs of their own, and smaller."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connector.brevo.calls import FAMILIES
from connector.runtime.processes import everything
from tests.runtime.conftest import PROJECT, eventually, processes_naming

LOADED_MB = 64
# What the copies run.
STANDIN = f"""
import json, os, signal, sys, threading, time
BIG = []
def load_every():
    BIG.append(b"x" * ({LOADED_MB} * 1024 * 1024))
def describe(word):
    numbers = [number for number in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + number)]
    wanted = ((2, signal.default_int_handler), (15, signal.SIG_DFL), (1, signal.SIG_DFL))
    print(json.dumps(dict(
        word=word,
        argv=sys.argv,
        environment=dict(os.environ),
        links=[os.readlink("/proc/self/fd/" + number) for number in numbers],
        leads=os.getsid(0) == os.getpid(),
        umask=os.umask(0),
        title=open("/proc/self/cmdline").read(),
        threads=threading.active_count(),
        ways=[signal.getsignal(number) is way for number, way in wanted],
        blocked=sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        read=sys.stdin.read(),
    )))
    stay(word)
def stay(word):
    print("here", word, os.getpid())
    time.sleep(60)
def load_alone(word):
    load_every()
    stay(word)
def exits(word):
    sys.exit(int(word))
def fails(word):
    raise ValueError(word)
"""
# A supervisor of copies; its standard input, an open file and a lock are things that are not theirs.
RUNS = """
import fcntl, json, os, sys
from connector.runtime.processes import Process
from connector.runtime.stopping import StopRequest
from connector.runtime.supervisor import Printer, Supervisor
lock = open(sys.argv[1] + "/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
table = [
    Process(name, (sys.executable, "-m", "standin", name), 0, f"standin:{entry}", (word,), ("standin:load_every",))
    for name, entry, word in json.loads(sys.argv[2])
]
with StopRequest() as stop:
    Supervisor(table, env={"HERE": sys.argv[1]}, printer=Printer(sys.stdout, ["one"])).run(stop)
"""


@pytest.fixture
def supervised(folder: Path, python):
    (folder / "standin.py").write_text(STANDIN)

    def start(*rows: tuple[str, str, str]):
        path = os.pathsep.join([str(folder), str(PROJECT), *filter(None, sys.path)])
        return python(RUNS, folder, json.dumps(rows), env={"PYTHONPATH": path, "SECRET": "of the parent"})

    return start


def said(line: str) -> str:
    return line.partition(" | ")[2].rstrip("\n")


def test_a_copy_is_as_a_program_of_its_own(folder: Path, supervised) -> None:
    parent = supervised(("one", "describe", "word"))
    told = json.loads(said(parent.stdout.readline()))
    assert told["word"] == "word" and told["argv"] == ["standin", "one"]
    assert told["environment"] == {"HERE": str(folder)}
    assert told["leads"] and told["umask"] == 0o077 and told["threads"] == 1
    assert told["title"].split("\0")[0].split()[1:] == ["-m", "standin", "one"]
    assert told["ways"] == [True] * 3 and told["blocked"] == [] and told["read"] == ""
    kept = [link for link in told["links"] if not link.startswith(("pipe:", "/dev/null", "/proc/"))]
    assert kept == [], "no file, lock or socket of the parent is held open"
    assert len({link for link in told["links"] if link.startswith("pipe:")}) == 1, "but for what it says"
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0


def test_copies_share_what_was_loaded_and_come_again_at_once(supervised) -> None:
    parent = supervised(("one", "stay", "first"), ("two", "load_alone", "second"))
    pids = [int(said(parent.stdout.readline()).split()[-1]) for _ in range(2)]
    owned = [
        sum(map(int, re.findall(r"^Private_\w+: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)))
        / 1024
        for pid in pids
    ]
    # The other is the control: it has loaded the same by itself.
    assert owned[0] < LOADED_MB / 4 and owned[1] > LOADED_MB
    os.kill(pids[0], signal.SIGKILL)
    assert "one ended with -9; again in 0.5 s" in parent.stdout.readline()
    again = said(parent.stdout.readline()).split()
    assert again[:2] == ["here", "first"] and int(again[-1]) not in pids


def test_how_a_copy_ends_is_told_as_of_a_program(supervised) -> None:
    parent = supervised(("one", "exits", "3"))
    assert "one ended with 3; again in" in parent.stdout.readline()
    parent.kill()
    # A character that UTF-8 cannot say must not keep the reason from being said.
    parent = supervised(("one", "fails", "the reason \udce9"))
    lines = []
    while "ended with" not in (lines or [""])[-1]:
        lines.append(parent.stdout.readline())
    assert "ValueError: the reason \\udce9" in lines[-2] and "one ended with 1; again" in lines[-1]


def test_copies_do_not_outlive_their_supervisor(supervised) -> None:
    parent = supervised(("one", "stay", "first"))
    pid = int(said(parent.stdout.readline()).split()[-1])
    parent.kill()
    parent.wait()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists(), seconds=5)


@pytest.mark.parametrize("gone", ["reader", "disk"])
def test_who_is_not_heard_any_more_keeps_its_copies_and_ends(folder: Path, gone: str) -> None:
    """Its reader has gone, or the disk is full. Not with -u, which writes nothing late."""
    (folder / "standin.py").write_text(STANDIN)
    path = os.pathsep.join([str(folder), str(PROJECT), *filter(None, sys.path)])
    rows = json.dumps([("one", "stay", "first"), ("two", "stay", "second")])

    def copies() -> dict[str, int]:
        """Those of this supervisor: other tests have some of the same name."""
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        titles = processes_naming("-m standin ").items()
        return {title.split()[-1]: pid for pid, title in titles if str(pid) in children}

    with Path("/dev/full").open("wb") as full:
        parent = subprocess.Popen(
            [sys.executable, "-c", RUNS, str(folder), rows],
            env={"PYTHONPATH": path},
            stdout=subprocess.PIPE if gone == "reader" else full,
            stderr=subprocess.DEVNULL,
        )
    try:
        if parent.stdout is not None:
            parent.stdout.close()
        assert eventually(lambda: len(copies()) == 2)
        first = copies()
        os.kill(first["one"], signal.SIGKILL)
        assert eventually(lambda: copies().get("one", first["one"]) != first["one"])
        assert copies()["two"] == first["two"]
        parent.send_signal(signal.SIGHUP)
        # At the end of the interpreter what could not be said is an error of its own.
        assert parent.wait(10) in (0, 120)
        assert eventually(lambda: not Path(f"/proc/{first['two']}").exists(), seconds=5)
    finally:
        parent.kill()
        parent.wait()


def test_waiting_for_a_copy_has_an_end_also_where_deaths_are_not_kept(folder: Path, python) -> None:
    (folder / "standin.py").write_text(STANDIN)
    script = """
import os, signal, subprocess, sys, time
from connector.runtime.forked import Forked
sys.path.insert(0, sys.argv[1])
def copy(entry):
    title = [sys.executable, "-m", "standin"]
    return Forked(f"standin:{entry}", ("3",), command=title, loads=(), environment={})
one = copy("stay")
try:
    one.wait(0.2)
except subprocess.TimeoutExpired:
    print("not yet")
one.send_signal(signal.SIGTERM)
print(one.wait(5), one.poll(), one.returncode)
print(copy("exits").wait())
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(copy("exits").wait(5))
"""
    said, _ = python(script, folder).communicate(timeout=20)
    assert said.split("\n") == ["not yet", "-15 -15 -15", "3", "0", ""]


def test_no_copy_is_made_beside_other_threads(python) -> None:
    script = """
import sys, threading
from connector.runtime.forked import Forked
threading.Thread(target=threading.Event().wait, daemon=True).start()
try:
    Forked("os:getpid", (), command=[sys.executable, "-m", "os"], loads=(), environment={})
except RuntimeError as error:
    print(error)
"""
    assert "cannot fork beside other threads" in python(script).stdout.readline()


def test_every_process_can_begin_as_a_copy_of_what_its_command_runs() -> None:
    for process in everything("127.0.0.1", 1, 1):
        module = process.entry.partition(":")[0]
        assert process.command[1] == "-m" and process.command[2] == module.partition(".cli")[0]
        assert process.arguments == process.command[3:] or process.name == "web"


def test_every_family_of_calls_is_loaded_before() -> None:
    sources = "".join(file.read_text() for file in (PROJECT / "connector" / "brevo").glob("*.py"))
    assert set(re.findall(r"_sdk\.(\w+)\.", sources)) == set(FAMILIES)
