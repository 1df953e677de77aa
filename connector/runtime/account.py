"""The unprivileged account that PostgreSQL runs under when we are root, and the places it can reach.

PostgreSQL refuses to run as root. We neither add a user nor open anybody's folders for it: it runs as an
account that every system has, and its files go where that account can get to.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from connector.errors import ConfigurationError

# initdb looks its own uid up in the user database, so a number without an entry will not do.
_CANDIDATES = ("nobody", "daemon")


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


def unprivileged() -> Account | None:
    """The account for servers that refuse root; None when we are not root and need none."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        "PostgreSQL does not run as root and this system has no account "
        f"{' or '.join(_CANDIDATES)} for it. Run as an ordinary user or set DATABASE_URL."
    )


def can_reach(path: Path, account: Account | None) -> bool:
    """Whether ``account`` may pass every folder above ``path`` (existing) and read ``path`` itself."""
    path = path.resolve()
    if account is None:
        return os.access(path, os.R_OK)
    if not all(_grants(folder, account, stat.S_IXOTH) for folder in path.parents):
        return False
    return _grants(path, account, stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0))


def _grants(path: Path, account: Account, others: int) -> bool:
    found = path.stat()
    # The permission bits of the owner are those of the others, six bits to the left.
    needed = others << 6 if found.st_uid == account.uid else others
    return found.st_mode & needed == needed


def home(folder: Path, account: Account | None) -> Path:
    """A folder that stands for ``folder``, mode 0700, owned by the account and within its reach.

    It is ``folder`` itself wherever possible. When one of its parents is closed (a checkout below /root), it
    is a folder named after the path of ``folder`` in /var/tmp, or else in the system's temporary folder;
    ``folder/location`` then says where. Raises ConfigurationError when that name is taken by somebody else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    if account is None:
        folder.chmod(0o700)
        return folder
    if all(_grants(parent, account, stat.S_IXOTH) for parent in folder.parents):
        _give(folder, account)
        return folder
    name = f"connector-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    for place in (Path("/var/tmp"), Path(tempfile.gettempdir()).resolve()):  # noqa: S108  owner checked below
        if place.is_dir() and can_reach(place, account):
            elsewhere = place / name
            _claim(elsewhere, account)
            (folder / "location").write_text(f"{elsewhere}\n")
            return elsewhere
    raise ConfigurationError(
        f"No folder that the unprivileged uid {account.uid} can reach was found for {folder}. "
        "Set TMPDIR to one, move the checkout, or set DATABASE_URL."
    )


def _claim(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # Anybody may write to a temporary folder: what is not exactly ours we do not use.
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and not found.st_mode & 0o077:
            return
        raise ConfigurationError(f"{folder} is not ours as it stands; remove it.") from None
    _give(folder, account)


def _give(folder: Path, account: Account) -> None:
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
