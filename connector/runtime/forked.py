"""Child processes that begin as copies of this one, which has loaded what they run.

A copy shares the memory of all code with the others and begins in moments; a program of its own would load the same
hundred megabytes in a second of processor time. Linux only: elsewhere what is forked may not use the system's
libraries. ADR 67.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkProcess
from pkgutil import resolve_name
from typing import IO

from setproctitle import setproctitle

from connector.runtime import leash

POSSIBLE = sys.platform == "linux"
_TAKEN = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Forked:
    """A copy that runs ``entry`` ("module:function") with ``arguments``; what it says is read from ``stdout``.

    ``command``: what it is called among the machine's processes; the words after the interpreter and ``-m`` are its
    ``sys.argv``. ``environment`` is its whole environment, ``loads`` what is loaded before (``load``). As of
    ``child.spawn`` it leads a session of its own, and is sent SIGTERM when the calling thread ends.

    Raises RuntimeError when this process has other threads: a copy has none of them and may wait for what they hold.
    """

    stdout: IO[bytes]

    def __init__(
        self,
        entry: str,
        arguments: Sequence[str],
        *,
        command: Sequence[str],
        loads: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        for name in loads:
            load(name)
        gc.collect()
        # What collects garbage in a copy would touch, and so copy, every page that it shares.
        gc.freeze()
        if threading.active_count() > 1:
            raise RuntimeError(f"cannot fork beside other threads: {threading.enumerate()}")
        parent = os.getpid()
        said, says = os.pipe()
        begun, begins = os.pipe()

        def run() -> None:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(says, 1)
            os.dup2(says, 2)
            # Files, locks and pipes of the parent. Nothing of it is let go of here, so nothing is closed twice.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            os.umask(0o077)
            leash.tie(parent, signal.SIGTERM)
            _take_nothing()
            sys.stdin = open(0, closefd=False)
            sys.stdout = open(1, "w", buffering=1, closefd=False)
            sys.stderr = open(2, "w", buffering=1, closefd=False)
            # Before the environment is another: it looks for its place beside the one of the start.
            setproctitle(" ".join(command))
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = list(command)[2:]
            resolve_name(entry)(*arguments)

        sys.stdout.flush()
        sys.stderr.flush()
        self._process: ForkProcess = multiprocessing.get_context("fork").Process(
            target=run, name=" ".join(list(command)[2:])
        )
        # Who is asked to end before it has handlers of its own ends.
        signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _TAKEN)
            os.close(says)
            os.close(begins)
        # The end of it says that the copy leads its session and has closed what is not its own.
        os.read(begun, 1)
        os.close(begun)
        self.stdout = open(said, "rb", buffering=0)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None  # noqa: S101  it was started
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired, as ``Popen.wait`` does."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


@cache
def load(name: str) -> None:
    """Import the module ``name``; of "module:function" call the function, which imports more."""
    found = resolve_name(name)
    if ":" in name:
        found()


def _take_nothing() -> None:
    """The parent's ways to take a signal are not the copy's; as after an exec."""
    for number in _TAKEN:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TAKEN)
