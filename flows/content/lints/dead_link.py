"""Links lead somewhere: not to a page of an example, not to this machine, not to where a value was missing.

Whether an address answers is asked only on request (`--online`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from flows.content.lints.lint import Finding, MessageLint, Subject

_ADDRESS = re.compile(r"(?:https?:|mailto:|tel:)[^\s\"'<>{}|\\^`)\]]+", re.IGNORECASE)
_AFTER = ".,;:!?"
_NOBODYS = re.compile(
    r"(?:.*\.)?(?:example\.(?:com|net|org)|(?:your|my)-?(?:shop|store|site|website|domain|brand|company)\.[a-z.]+"
    r"|domain\.com|localhost)\Z"
)
_LOCAL = (".local", ".test", ".invalid", ".localhost", ".internal")
_LOST = re.compile(r"/(?:null|none|undefined|nil)(?:[/?#]|\Z)|\.[a-z]{2,}//|https?://[^/]*https?:", re.IGNORECASE)


def look(subject: Subject) -> Iterator[Finding]:
    written = {found.rstrip(_AFTER) for found in _ADDRESS.findall(subject.liquid)}
    for address in sorted(written | set(subject.addresses)):
        if why := wrong(address, written=address in written):
            yield Finding("dead_link", f"{address[:120]} leads nowhere: {why}.", subject.source.name, blocking=False)


def wrong(address: str, *, written: bool) -> str | None:
    """Why nothing can be there, None when there may be. ``written``: by the author, not by a fact."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "it is no address"
    if parts.scheme == "mailto":
        return None if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", parts.path) else "it is no email address"
    if parts.scheme == "tel":
        return None if len(re.sub(r"\D", "", parts.path)) >= 3 else "it is no phone number"
    host = (parts.hostname or "").lower()
    if "." not in host and host != "localhost":
        return "it has no domain"
    if written and (_NOBODYS.match(host) or host.endswith(_LOCAL) or host.startswith("127.")):
        return "that is an example, write the shop's own address"
    return "a part of it is missing" if _LOST.search(address) else None


DEAD_LINK = MessageLint("dead_link", __doc__, look)
