"""Importing a module does nothing: no settings read, no thread, no file written, no connection, no process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.project import PACKAGES, PROJECT, files, module_of, path_of

# Acts on purpose: it is what the web server loads.
ACTS = "connector.wsgi"
# What a library does when it is imported: (event, part of the details). urllib3 looks whether there is IPv6.
OF_LIBRARIES = [("socket.bind", "('::1', 0)")]

# Imports every module named on its input, with nothing in the environment, and says what else happened.
_WATCH = """
import json, logging, os, signal, sys, threading

did, current = [], [""]

def note(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes:
            return
        arguments = [path]
    elif event not in watched:
        return
    did.append([current[0], event, repr(arguments)[:200]])

watched = {
    "socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork",
    "os.posix_spawn", "os.mkdir", "os.remove", "os.rename", "os.kill", "os.chdir", "time.sleep",
}

def state():
    return {
        "environment": dict(os.environ),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "log handlers": [repr(handler) for handler in logging.getLogger().handlers],
        "log level": logging.getLogger().level,
        "signal handlers": [repr(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)],
        "folder": os.getcwd(),
    }

sys.addaudithook(note)
for name in json.load(sys.stdin):
    current[0] = name
    before = state()
    try:
        __import__(name)
    except BaseException as error:
        did.append([name, "cannot be imported", f"{type(error).__name__}: {error}"[:300]])
    after = state()
    did += [[name, f"changes the {what}", str(after[what])[:300]] for what in before if before[what] != after[what]]
print(json.dumps(did), flush=True)
# Without waiting for what was left running.
os._exit(0)
"""


def watch(folder: Path, modules: list[str]) -> list[list[str]]:
    """[module, what it did, details] of whatever importing these modules did besides defining things."""
    # Nothing of the environment but what the interpreter itself needs; no compiled files are written.
    answer = subprocess.run(
        [sys.executable, "-B", "-P", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{_WATCH}"],
        input=json.dumps(modules),
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    noticed: list[list[str]] = json.loads(answer.stdout.splitlines()[-1])
    return [entry for entry in noticed if not any(entry[1] == what and part in entry[2] for what, part in OF_LIBRARIES)]


def test_importing_anything_has_no_effect_and_needs_no_environment() -> None:
    modules = [
        module_of(file)
        for file in files(*PACKAGES)
        # Alembic loads these itself, inside a migration.
        if path_of(file) != "migrations/env.py" and not path_of(file).startswith("migrations/versions/")
    ]
    modules.remove(ACTS)
    assert len(modules) > 100
    assert watch(PROJECT, modules) == []


def test_the_web_entry_reads_its_settings_at_once() -> None:
    ((module, what, details),) = watch(PROJECT, [ACTS])
    assert (module, what) == (ACTS, "cannot be imported")
    assert "DATABASE_URL: is required" in details


PLANTED = {
    "reads": ("import os\nos.environ['PORT']", "cannot be imported"),
    "sets": ("import os\nos.environ['PORT'] = '1'", "changes the environment"),
    "threads": ("import threading\nthreading.Timer(3, print).start()", "threads"),
    "binds": ("import socket\nsocket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
    "writes": ("open('left.txt', 'w').close()", "open"),
    "runs": ("import subprocess, sys\nsubprocess.run([sys.executable, '-V'])", "subprocess.Popen"),
    "logs": ("import logging\nlogging.basicConfig()", "log handlers"),
    "signals": ("import signal\nsignal.signal(signal.SIGTERM, print)", "signal handlers"),
}


def test_each_effect_is_noticed(tmp_path: Path) -> None:
    for name, (source, _) in PLANTED.items():
        (tmp_path / f"{name}.py").write_text(source)
    noticed = watch(tmp_path, list(PLANTED))
    for name, (_, expected) in PLANTED.items():
        assert any(module == name and expected in what for module, what, _ in noticed), name
