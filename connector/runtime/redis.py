"""A Redis server of our own on a unix socket. It holds bells and limits, never the truth."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from connector.clock import monotonic, pause
from connector.errors import ConfigurationError
from connector.runtime import binaries
from connector.runtime.child import end, ended_on_error, spawn
from connector.runtime.folderlock import FolderLock

START_SECONDS = 15.0
# Signals and the seconds each is given: write everything down and end.
_CLEANLY = ((signal.SIGTERM, 1.0),)
# sockaddr_un holds 108 bytes on Linux and 104 on macOS.
_LONGEST_SOCKET = 100


class RedisServer:
    """A running server. ``url`` is ``unix://`` of database 0."""

    name = "redis"

    def __init__(self, folder: Path, *, embedded: bool, databases: int) -> None:
        self._program = binaries.redis_server(embedded=embedded)
        self._home = folder.resolve() / "redis"
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FolderLock(self._home)
        self._databases = databases
        self._log = self._home / "redis.log"
        self._socket = self._home / "redis.sock"
        self._elsewhere: str | None = None
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            self._elsewhere = tempfile.mkdtemp(prefix="connector-")
            self._socket = Path(self._elsewhere) / "redis.sock"
        try:
            self._process = self._launch()
        except BaseException:
            self._lock.release()
            raise

    @property
    def url(self) -> str:
        return self.url_of(0)

    @property
    def pid(self) -> int:
        return self._process.pid

    def url_of(self, database: int) -> str:
        return f"unix://{self._socket}?db={database}"

    def ended(self) -> bool:
        """Whether the server has died or been stopped."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Write everything down and end. Harmless when it has ended already."""
        end(self._process, *_CLEANLY)
        if self._elsewhere:
            shutil.rmtree(self._elsewhere, ignore_errors=True)
        self._lock.release()

    def kill(self) -> None:
        """kill -9. ``restart`` brings it back, without what the last second wrote."""
        self._process.kill()
        self._process.wait()

    def restart(self, *, immediate: bool = True) -> None:
        """End (``immediate``: kill -9) and start again at the same address."""
        end(self._process, *(() if immediate else _CLEANLY))
        self._process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        # Nobody else holds our lock, so a socket that is still here is a dead server's, or a dying one's.
        self._socket.unlink(missing_ok=True)
        command = [
            str(self._program), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700",
            "--dir", str(self._home), "--databases", str(self._databases), "--daemonize", "no", "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
            "--loglevel", "warning",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            process = spawn(command, on_parent_death=signal.SIGTERM, cwd=self._home, stdout=log)
        deadline = monotonic() + START_SECONDS
        with ended_on_error(process), contextlib.closing(Redis.from_url(self.url)) as client:
            while process.poll() is None and monotonic() < deadline:
                with contextlib.suppress(RedisError, OSError):
                    client.ping()
                    return process
                pause(0.02)
        end(process)
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
        raise ConfigurationError(f"redis-server did not start. Its log {self._log} ends:\n{tail}")


def start(folder: Path, *, embedded: bool = False, databases: int = 16) -> RedisServer:
    """Start the server whose data belongs to ``folder``.

    ``embedded`` uses the program of the wheel even if the machine has its own. Raises ConfigurationError (no
    program, folder in use, does not start); the message says what to do.
    """
    return RedisServer(folder, embedded=embedded, databases=databases)
