"""``connector up``: the whole product in the foreground, on servers of its own unless told otherwise."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from cryptography.fernet import Fernet
from dotenv import dotenv_values

from connector.clock import SystemClock, monotonic
from connector.errors import ConfigurationError
from connector.runtime import postgres, processes, redis
from connector.runtime.folderlock import FolderLock, is_held
from connector.runtime.stopping import StopRequest
from connector.runtime.supervisor import Printer, Server, Supervisor
from connector.settings import Settings

VAR = Path("var")
_LOCK = "up.lock"
_RUNNING = "running.json"
_SECRETS = "secrets.env"
# What another command needs in order to speak with the installation that is up.
_SHARED_NAMES = ("DATABASE_URL", "REDIS_URL", "PORT", "PUBLIC_URL", "WIRE_RATE")
_SHARED_PREFIXES = ("CONNECTOR_", "CLOCK_", "SHOPIFY_", "BREVO_")


def run(environ: Mapping[str, str], *, var: Path = VAR, out: TextIO | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit status (0 after a clean end, 2 when it could not start).

    ``environ`` is what the processes get, completed by what was decided here: development unless told
    otherwise, the start of the clock, keys for secrets, and the addresses of the servers in ``var``.
    """
    printer = Printer(out or sys.stdout, [p.name for p in processes.everything("", 0, 0)])
    with StopRequest() as stop, contextlib.ExitStack() as running:
        try:
            env = _decided(environ, var)
            settings = Settings.from_env(env)
            host = "127.0.0.1" if settings.development else "0.0.0.0"  # noqa: S104  production listens outside
            _check_port(host, settings.port)
            lock = FolderLock(var, _LOCK)
            running.callback(lock.release)
            servers = _start_servers(env, settings, var, running)
            printer.line("bringing the database up to date")
            _migrate(env["DATABASE_URL"])
            running.enter_context(_announced(env, var))
            if "CLOCK_EPOCH" in env:
                printer.line(f"CLOCK_EPOCH={env['CLOCK_EPOCH']}")
            Supervisor(
                processes.everything(host, settings.port, settings.web_workers),
                env=env,
                printer=printer,
                servers=servers,
                every_turn=_says_when_ready(settings.port, printer),
            ).run(stop)
        except ConfigurationError as error:
            printer.line(str(error))
            return 2
        except KeyboardInterrupt:
            # Asked to end before everything was up; what was started ends below.
            stop.interrupts = False
    printer.line("ended")
    return 0


def run_workers(environ: Mapping[str, str], *, out: TextIO | None = None) -> int:
    """The production command ``connector worker``: one child per queue, until SIGTERM."""
    table = processes.workers()
    printer = Printer(out or sys.stdout, [p.name for p in table])
    with StopRequest() as stop:
        Supervisor(table, env=environ, printer=printer).run(stop)
    return 0


def own_environment() -> dict[str, str]:
    """The environment of this process, for the command line."""
    return dict(os.environ)


def shared_environment(var: Path = VAR) -> dict[str, str]:
    """What ``connector up`` decided, for commands that want to speak with it: environment names and values.

    Only the development secrets when nothing is up. Explicit variables go before these.
    """
    shared = _read_secrets(var)
    if is_held(var, _LOCK):
        with contextlib.suppress(FileNotFoundError):
            shared |= json.loads((var / _RUNNING).read_text())
    return shared


def _decided(environ: Mapping[str, str], var: Path) -> dict[str, str]:
    env = {"CONNECTOR_ENV": "development", "PORT": "8000"} | {k: v for k, v in environ.items() if v != ""}
    # Lines of children appear when they are said, not when a buffer is full.
    env["PYTHONUNBUFFERED"] = "1"
    if env["CONNECTOR_ENV"] == "development":
        env.setdefault("PUBLIC_URL", f"http://127.0.0.1:{env['PORT']}")
        env.setdefault("CLOCK_EPOCH", repr(SystemClock().machine().timestamp()))
        if not env.get("CONNECTOR_SECRET_KEYS") and not env.get("CONNECTOR_SECRET_KEYS_FILE"):
            env |= _read_secrets(var) or _make_secrets(var)
    return env


def _read_secrets(var: Path) -> dict[str, str]:
    return {name: value for name, value in dotenv_values(var / _SECRETS, interpolate=False).items() if value}


def _make_secrets(var: Path) -> dict[str, str]:
    made = {"CONNECTOR_SECRET_KEYS": Fernet.generate_key().decode()}
    text = "# Made for development. Without these keys the stored tokens cannot be read any more.\n"
    _write_private(var / _SECRETS, text + "".join(f"{name}={value}\n" for name, value in made.items()))
    return made


def _start_servers(env: dict[str, str], settings: Settings, var: Path, running: contextlib.ExitStack) -> list[Server]:
    """Start what has no address yet and put the addresses into ``env``."""
    embedded = env.get("CONNECTOR_RUNTIME") == "embedded"
    servers: list[Server] = []
    if not settings.database_url:
        database = postgres.start(var, embedded=embedded)
        running.callback(database.stop)
        servers.append(database)
        env["DATABASE_URL"] = database.url
    else:
        env["DATABASE_URL"] = settings.database_url
    if not settings.redis_url:
        bells = redis.start(var, embedded=embedded)
        running.callback(bells.stop)
        servers.append(bells)
        env["REDIS_URL"] = bells.url
    return servers


def _migrate(url: str) -> None:
    # Loaded here: Alembic is of no use to the supervisor once the database is up to date.
    from connector.db.migrate import upgrade

    upgrade(url)


def _check_port(host: str, port: int) -> None:
    """The web server shares its port among its own processes and so does not notice somebody else on it.

    Raises ConfigurationError.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"PORT: {port} cannot be used: {error.strerror}") from error


@contextlib.contextmanager
def _announced(env: Mapping[str, str], var: Path) -> Iterator[None]:
    shared = {k: v for k, v in env.items() if k in _SHARED_NAMES or k.startswith(_SHARED_PREFIXES)}
    _write_private(var / _RUNNING, json.dumps(shared, indent=1))
    try:
        yield
    finally:
        (var / _RUNNING).unlink(missing_ok=True)


def _says_when_ready(port: int, printer: Printer) -> Callable[[], None]:
    next_look = monotonic()

    def look() -> None:
        nonlocal next_look
        if monotonic() < next_look:
            return
        next_look = monotonic() + 1.0
        if _answers(port):
            next_look = float("inf")
            printer.line(f"ready at http://127.0.0.1:{port}")

    return look


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(text)
