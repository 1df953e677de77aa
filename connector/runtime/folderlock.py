"""One owner per folder of data. The kernel frees the lock when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from connector.errors import ConfigurationError


class FolderLock:
    """Held from construction until ``release``. Raises ConfigurationError when another process holds it."""

    def __init__(self, folder: Path, name: str = "lock") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = -1
            raise ConfigurationError(
                f"Another process uses {folder.resolve()}. End it first, or choose another folder."
            ) from None

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_held(folder: Path, name: str = "lock") -> bool:
    """Whether a living process holds the lock of ``folder``."""
    try:
        FolderLock(folder, name).release()
    except ConfigurationError:
        return True
    return False
