"""Child processes that end with their parent, in a process group of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from connector.runtime.account import Account

_LEASH = Path(__file__).with_name("leash.py")


class Running(Protocol):
    """What ``subprocess.Popen`` and ``forked.Forked`` have in common."""

    @property
    def pid(self) -> int: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    @property
    def returncode(self) -> int | Any: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: signal.Signals, /) -> None: ...


def spawn(
    command: Sequence[str],
    *,
    on_parent_death: signal.Signals,
    account: Account | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command``; standard error goes where ``stdout`` goes, standard input is empty.

    ``on_parent_death`` is sent when the calling *thread* ends, so call this from one that lives as long as
    the process. The child leads a new session: a Ctrl-C at the terminal reaches the parent only, which then
    ends its children in its own order.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    leash = [sys.executable, "-I", "-S", str(_LEASH)]
    numbers = [str(os.getpid()), str(int(on_parent_death)), str(uid), str(gid)]
    return subprocess.Popen(
        [*leash, *numbers, *command],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout is not None else None,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )


def end(process: Running, *steps: tuple[signal.Signals, float]) -> int:
    """Ask with each signal in turn and wait its seconds, then kill what is left of the group.

    Returns the exit code, as ``Popen.wait`` does.
    """
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    sweep_group(process)
    return process.wait()


@contextlib.contextmanager
def ended_on_error(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """For the time in which nobody else would: whatever is raised inside, Ctrl-C too, ends the child."""
    try:
        yield
    except BaseException:
        end(process)
        raise


def sweep_group(process: Running) -> None:
    """Kill whatever is left of the child's process group, for example workers that outlived their master."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
