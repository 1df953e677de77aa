"""Becomes another program that cannot outlive the process that started it.

Run as a script, by path: ``leash.py PARENT_PID SIGNAL UID GID COMMAND...``. It gives up root for UID and GID
(-1 keeps them), asks the kernel to send SIGNAL when the parent dies, however it dies, and then becomes
COMMAND. A script and not ``preexec_fn``, because code between fork and exec is unsafe in a process with
threads. Imports the standard library only: it runs isolated, before any package is on the path.

Linux only for the promise about the parent; elsewhere the command just runs.
"""

from __future__ import annotations

import ctypes
import os
import sys

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, signal, uid, gid = (int(argument) for argument in arguments[:4])
    command = arguments[4:]
    # Loaded while we may still read the interpreter's own files.
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if sys.platform == "linux":
        # After setuid, because a change of credentials clears it.
        tie(parent, signal, libc)
    os.execvp(command[0], command)  # noqa: S606  the command comes from our own table


def tie(parent: int, signal: int, libc: ctypes.CDLL | None = None) -> None:
    """Have the kernel send ``signal`` to this process when ``parent`` dies; end now if it has died. Raises OSError."""
    libc = libc or ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # It died before the kernel was asked.
        sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
