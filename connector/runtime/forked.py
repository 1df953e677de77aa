"""Child processes that begin as copies of this one, which has loaded what they run.

A copy shares the memory of all code with the others and begins in moments; a program of its own would load the same
hundred megabytes in a second of processor time. Linux only: elsewhere what is forked may not use the system's
libraries. ADR 67.
"""

from __future__ import annotations

import gc
import multiprocessing.util
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pkgutil import resolve_name
from typing import IO, NoReturn

from setproctitle import setproctitle

from connector.clock import monotonic, pause
from connector.runtime import leash

POSSIBLE = sys.platform == "linux"
_TAKEN = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.02


class Forked:
    """A copy that runs ``entry`` ("module:function") with ``arguments``; what it says is read from ``stdout``.

    ``command``: what it is called among the machine's processes; the words after the interpreter and ``-m`` are its
    ``sys.argv``. ``environment`` is its whole environment, ``loads`` what is loaded before (``load``). As of
    ``child.spawn`` it leads a session of its own, and is sent SIGTERM when the calling thread ends. For the rest it is
    as ``subprocess.Popen``.

    Raises RuntimeError when this process has other threads: a copy has none of them and may wait for what they hold.
    """

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
            _let_go(says)
            leash.tie(parent, signal.SIGTERM)
            _take_nothing()
            # Before the environment is another: it looks for its place beside the one of the start.
            setproctitle(" ".join(command))
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = list(command)[2:]
            resolve_name(entry)(*arguments)

        # Who is asked to end before it has handlers of its own ends.
        signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
        try:
            self.pid = os.fork()
            if not self.pid:
                _end_with(run)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _TAKEN)
            os.close(says)
            os.close(begins)
        # The end of it says that the copy leads its session and has closed what is not its own.
        os.read(begun, 1)
        os.close(begun)
        self.stdout: IO[bytes] = open(said, "rb", buffering=0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self._look(os.WNOHANG)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else monotonic() + timeout
        while self.poll() is None:
            if deadline is None:
                self._look(0)
            elif monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            else:
                pause(_LOOK_SECONDS)
        assert self.returncode is not None  # noqa: S101  it is over
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _look(self, how: int) -> None:
        try:
            pid, status = os.waitpid(self.pid, how)
        except ChildProcessError:
            # Deaths are not kept for us here; it is over, and nobody knows how.
            self.returncode = 0
        else:
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)


@cache
def load(name: str) -> None:
    """Import the module ``name``; of "module:function" call the function, which imports more."""
    found = resolve_name(name)
    if ":" in name:
        found()


def _let_go(says: int) -> None:
    """Nothing of the parent's: neither its terminal nor its files, locks and pipes. No object of its is let go of here,
    so nothing is closed a second time."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(says, 1)
    os.dup2(says, 2)
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2:
            with suppress(OSError):
                os.close(number)
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")
    os.umask(0o077)


def _take_nothing() -> None:
    """The parent's ways to take a signal are not the copy's; as after an exec."""
    for number in _TAKEN:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TAKEN)


def _end_with(run: Callable[[], None]) -> NoReturn:
    """As the interpreter does: what is wrong is said, threads and children of one's own are waited for. What the parent
    has to do at its end is not done here."""
    status = 1
    try:
        try:
            run()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        threading._shutdown()  # type: ignore[attr-defined]
        multiprocessing.util._exit_function()  # type: ignore[attr-defined]
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status & 0xFF)
