"""A PostgreSQL server of our own: made on first use, reached through a socket that only we can open.

Durable as the product needs it (fsync and synchronous commit on). No address of the network unless a port is
asked for, and scram passwords everywhere, also on the socket, because as root the server runs under another
account and ``peer`` cannot tell us apart.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql

from connector.clock import monotonic, pause
from connector.errors import ConfigurationError
from connector.runtime import account, binaries
from connector.runtime.child import end, ended_on_error, spawn
from connector.runtime.folderlock import FolderLock

USER = "connector"
DATABASE = "connector"
START_SECONDS = 30.0
# Signals and the seconds each is given: disconnect everybody and write everything down; end as a crash does.
_CLEANLY = ((signal.SIGINT, 3.0), (signal.SIGQUIT, 0.5))
# sockaddr_un holds 108 bytes on Linux and 104 on macOS; the name in it is "/.s.PGSQL.5432".
_LONGEST_SOCKET_FOLDER = 85

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "max_wal_size": "512MB",
        # Statements here are short; compiling them costs more than it saves.
        "jit": "off",
        # A process that stops in the middle of a transaction must not hold its locks for ever.
        "idle_in_transaction_session_timeout": "60s",
        "lock_timeout": "60s",
        "tcp_keepalives_idle": "60",
        "client_connection_check_interval": "10s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        "unix_socket_permissions": "0700",
    }
)


class PostgresServer:
    """A running server. ``url`` is for SQLAlchemy (``postgresql+psycopg://``), ``dsn`` for psycopg itself."""

    name = "postgres"

    def __init__(self, folder: Path, *, port: int | None, embedded: bool, settings: Mapping[str, str]) -> None:
        self._account = account.unprivileged()
        self._lock = FolderLock(folder)
        try:
            self._home = account.home(folder / "postgres", self._account)
            self._data = self._home / "data"
            self._log = self._home / "postgres.log"
            self._log.unlink(missing_ok=True)
            self._sockets = _socket_folder(self._home, self._account)
            self._port = port or 5432
            self._settings = {
                **SETTINGS,
                "listen_addresses": "127.0.0.1" if port else "",
                "port": str(self._port),
                "unix_socket_directories": str(self._sockets),
                **settings,
            }
            self._programs = self._find_programs(embedded)
            self._password_file = folder / "postgres-password"
            self._password = _password(self._password_file)
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            self._process = self._launch()
        except BaseException:
            self._lock.release()
            raise
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._create_database()
            undo.pop_all()

    @property
    def dsn(self) -> str:
        return self.dsn_of(DATABASE)

    @property
    def url(self) -> str:
        return self.dsn.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._process.pid

    def dsn_of(self, database: str) -> str:
        """``postgresql://`` of another database of this server."""
        if self._settings["listen_addresses"]:
            return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{database}"
        return f"postgresql://{USER}:{self._password}@/{database}?host={self._sockets}&port={self._port}"

    def ended(self) -> bool:
        """Whether the server has died or been stopped."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Disconnect everybody, write everything down and end. Harmless when it has ended already."""
        end(self._process, *_CLEANLY)
        if self._sockets.parent != self._home:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._lock.release()

    def kill(self) -> None:
        """kill -9 of the server and of every backend at once. ``restart`` brings it back."""
        backends = _children(self.pid)
        self._process.kill()
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def restart(self, *, immediate: bool = True) -> None:
        """End and start again at the same address. ``immediate`` ends as a crash does, with recovery."""
        end(self._process, *(((signal.SIGQUIT, 3.0),) if immediate else _CLEANLY))
        self._process = self._launch()

    def _find_programs(self, embedded: bool) -> Path:
        written_by = self._data / "PG_VERSION"
        major = int(written_by.read_text()) if written_by.exists() else None
        found = binaries.postgres(self._account, embedded=embedded, major=major)
        if found.wheel and not account.can_reach(found.folder / "postgres", self._account):
            return _copy_out(found.folder.parent, self._home / "programs")
        return found.folder

    def _initialise(self) -> None:
        # Read by the server's account, then removed: our own copy lies where only we can read it.
        handed_over = self._home / "password"
        handed_over.write_text(self._password)
        handed_over.chmod(0o600)
        if self._account:
            os.chown(handed_over, self._account.uid, self._account.gid)
        command = [
            str(self._programs / "initdb"), f"--pgdata={self._data}", f"--username={USER}",
            f"--pwfile={handed_over}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale",
            "--data-checksums", "--no-instructions",
        ]  # fmt: skip
        process = spawn(
            command, on_parent_death=signal.SIGKILL, account=self._account, cwd=self._home,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            said = b"it took more than 120 s"
        finally:
            end(process)
            handed_over.unlink()
        if process.returncode != 0:
            shutil.rmtree(self._data, ignore_errors=True)
            raise ConfigurationError(f"initdb failed: {said.decode(errors='replace').strip()}")

    def _launch(self) -> subprocess.Popen[bytes]:
        deadline = monotonic() + START_SECONDS
        self._wait_for_previous(deadline)
        while True:
            said_before = self._log.stat().st_size if self._log.exists() else 0
            process = self._spawn()
            with ended_on_error(process):
                while process.poll() is None and monotonic() < deadline:
                    if self._answers():
                        return process
                    pause(0.05)
            end(process)
            said = self._log.read_bytes()[said_before:].decode(errors="replace")
            # After a kill -9 the old server's children need a moment to notice and let go of its memory.
            if "shared memory block" in said and monotonic() < deadline:
                pause(0.2)
                continue
            raise ConfigurationError(f"PostgreSQL did not start. Its log {self._log} says:\n{said[-2000:]}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        with self._log.open("ab") as log:
            # SIGINT is PostgreSQL's own quick and clean end.
            return spawn(command, on_parent_death=signal.SIGINT, account=self._account, cwd=self._home, stdout=log)

    def _wait_for_previous(self, deadline: float) -> None:
        """A server whose parent was killed is ending by itself; nobody else can hold our lock."""
        pidfile = self._data / "postmaster.pid"
        while pidfile.exists() and monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError, IndexError):
                if _is_postgres(int(pidfile.read_text().split()[0])):
                    pause(0.1)
                    continue
            return

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn_of("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError as error:
            if "password" in str(error):
                raise ConfigurationError(
                    f"The password in {self._password_file} does not fit the data in {self._data}."
                ) from error
            return False

    def _create_database(self) -> None:
        with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def start(
    folder: Path,
    *,
    port: int | None = None,
    embedded: bool = False,
    settings: Mapping[str, str] | None = None,
) -> PostgresServer:
    """Start the server whose data belongs to ``folder``, making it first when there is none.

    Without ``port`` it listens on a unix socket only; with it also on 127.0.0.1. ``embedded`` uses the
    programs of the wheel even if the machine has its own. ``settings`` overrides entries of ``SETTINGS``.
    Raises ConfigurationError (no programs, folder in use, does not start); the message says what to do.
    """
    return PostgresServer(folder, port=port, embedded=embedded, settings=settings or {})


def _password(file: Path) -> str:
    if not file.exists():
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_hex(24))
    return file.read_text().strip()


def _socket_folder(home: Path, owner: account.Account | None) -> Path:
    folder = home / "sockets"
    if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER:
        folder = Path(tempfile.mkdtemp(prefix="connector-"))
    folder.mkdir(exist_ok=True, mode=0o700)
    if owner:
        os.chown(folder, owner.uid, owner.gid)
    return folder


def _copy_out(install: Path, target: Path) -> Path:
    """Copy the wheel's programs to where the server's account can read them; returns their new folder.

    They find their libraries in ``../../../<package>.libs``, seen from the folder of the programs.
    """
    package = install.parent
    copy = target / package.name / install.name
    if not copy.exists():
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
        unfinished = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(install, unfinished, ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig"))
        unfinished.rename(copy)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return copy / "bin"


def _children(pid: int) -> list[int]:
    """The direct children, as far as this system tells (Linux)."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
