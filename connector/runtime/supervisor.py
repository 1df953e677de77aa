"""Keeps a list of processes running, prints what they say as one stream, and ends them in order.

One thread, because the kernel ties the promise that children die with us to the thread that started them.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Protocol, TextIO

from connector.clock import monotonic
from connector.errors import ConfigurationError
from connector.runtime import forked
from connector.runtime.child import Running, end, spawn, sweep_group
from connector.runtime.processes import Process
from connector.runtime.reaper import Reaper
from connector.runtime.stopping import StopRequest

# Machine time, in seconds.
TURN = 0.2
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
# A child that lived this long was healthy: its next death starts the back-off anew.
HEALTHY = 30.0
# Per wave; two waves and both servers stay within 10 s.
GRACE = 2.5


class Server(Protocol):
    """A server of ours that runs beside the processes and is started again when it dies."""

    name: str

    def ended(self) -> bool: ...

    def restart(self, *, immediate: bool = True) -> None: ...


class Printer:
    """One stream for all: every line begins with who said it."""

    def __init__(self, out: TextIO, names: Sequence[str]) -> None:
        self._out = out
        self._width = max(map(len, ("connector", *names)))

    def line(self, text: str, name: str = "connector") -> None:
        # Nobody reads any more, or the disk is full: that is no reason to leave children behind.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(f"{name:<{self._width}} | {text}\n")
            self._out.flush()


class _Child:
    def __init__(self, process: Process, printer: Printer, env: Mapping[str, str]) -> None:
        self.process = process
        self._printer = printer
        self._env = env
        self._failures = 0
        self._partial = b""
        self._said: IO[bytes] | None = None
        self.due = 0.0
        self.running: Running | None = None

    def start(self, selector: selectors.BaseSelector) -> int:
        """Returns the process group."""
        self.running = self._begin()
        self._started = monotonic()
        self._said = self.running.stdout
        assert self._said  # noqa: S101  Popen with PIPE has one
        os.set_blocking(self._said.fileno(), False)
        selector.register(self._said, selectors.EVENT_READ, self)
        return self.running.pid

    def _begin(self) -> Running:
        process = self.process
        if process.entry and forked.POSSIBLE:
            return forked.Forked(
                process.entry,
                process.arguments,
                command=process.command,
                loads=process.loads,
                environment=self._env,
            )
        return spawn(process.command, on_parent_death=signal.SIGTERM, env=self._env, stdout=subprocess.PIPE)

    def pass_on(self, selector: selectors.BaseSelector) -> bool:
        """Print the whole lines that have come in; False when there is nothing more to read, now or ever."""
        if self._said is None:
            return False
        try:
            chunk = os.read(self._said.fileno(), 65536)
        except BlockingIOError:
            return False
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            self._print(line)
        if not chunk:
            self._close(selector)
        return bool(chunk)

    def bury(self, selector: selectors.BaseSelector) -> int:
        """The child is dead: take its group along, print its last words and say when it may start again.

        Returns the process group that is no more.
        """
        assert self.running  # noqa: S101  only a started child can have died
        sweep_group(self.running)
        while self.pass_on(selector):
            pass
        self._close(selector)
        healthy = monotonic() - self._started >= HEALTHY
        self._failures = 0 if healthy else self._failures + 1
        self.due = monotonic() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, self._failures - 1))
        group = self.running.pid
        self.running = None
        return group

    def _close(self, selector: selectors.BaseSelector) -> None:
        if self._said is not None:
            selector.unregister(self._said)
            self._said.close()
            self._said = None
        if self._partial:
            self._print(self._partial)
            self._partial = b""

    def _print(self, line: bytes) -> None:
        self._printer.line(line.decode(errors="replace"), self.process.name)


class Supervisor:
    """``run`` keeps ``processes`` and ``servers`` alive until ``stop`` is requested, then ends the processes.

    ``env`` is the whole environment of the processes. ``every_turn`` is called a few times a second.
    """

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        env: Mapping[str, str],
        printer: Printer,
        servers: Sequence[Server] = (),
        every_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = [_Child(process, printer, env) for process in processes]
        self._servers = servers
        self._printer = printer
        self._every_turn = every_turn
        self._selector = selectors.DefaultSelector()

    def run(self, stop: StopRequest) -> None:
        stop.interrupts = False
        self._reaper = Reaper()
        try:
            while not stop.requested:
                self._revive_servers()
                self._start_due()
                self._listen()
                self._bury_dead()
                self._every_turn()
        finally:
            self._end_all()
            self._reaper.close()
            self._selector.close()

    def _revive_servers(self) -> None:
        for server in self._servers:
            if server.ended():
                self._printer.line(f"{server.name} ended; starting it again")
                try:
                    server.restart()
                except ConfigurationError as error:
                    self._printer.line(str(error))

    def _start_due(self) -> None:
        for child in self._children:
            if child.running is None and monotonic() >= child.due:
                self._reaper.watch(child.start(self._selector))

    def _listen(self) -> None:
        for key, _ in self._selector.select(TURN):
            key.data.pass_on(self._selector)

    def _bury_dead(self) -> None:
        for child in self._children:
            if child.running is not None and child.running.poll() is not None:
                code = child.running.returncode
                self._reaper.forget(child.bury(self._selector))
                wait = child.due - monotonic()
                self._printer.line(f"{child.process.name} ended with {code}; again in {wait:.1f} s")

    def _end_all(self) -> None:
        for wave in sorted({child.process.wave for child in self._children}):
            living = [c for c in self._children if c.process.wave == wave and c.running is not None]
            for child in living:
                if child.running and child.running.poll() is None:
                    child.running.send_signal(signal.SIGTERM)
            deadline = monotonic() + GRACE
            while any(c.running and c.running.poll() is None for c in living) and monotonic() < deadline:
                self._listen()
            for child in living:
                assert child.running  # noqa: S101  chosen above
                if end(child.running) == -signal.SIGKILL:
                    self._printer.line(f"{child.process.name} did not end by itself and was killed")
                self._reaper.forget(child.bury(self._selector))
