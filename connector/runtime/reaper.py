"""Kills what a supervisor left behind, should the supervisor itself be killed.

The leash asks every child to end when its parent dies. A child that ignores the request, or that hangs because
nobody reads its output any more (seen with granian, whose log then blocks its shutdown), would stay. This one
process holds the other end of a pipe: when the supervisor is gone, in whatever way, the pipe ends, and after
``GRACE`` seconds the process groups it was told of are killed.

Run as a script, by path, with the pipe as standard input: a line ``+PGID`` to watch a group, ``-PGID`` to
forget it. Imports the standard library only: it runs isolated, before any package is on the path.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE = 3.0


class Reaper:
    """The supervisor's side. ``close`` it when no group is left to watch."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        assert self._process.stdin  # noqa: S101  Popen with PIPE has one
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin  # noqa: S101  Popen with PIPE has one
        # Somebody killed it: the leash still holds.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    if groups:
        time.sleep(GRACE)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
