"""The lines of a file that the store has written, read as they come: no more of it in memory than a line and a piece.

Only from where the store keeps its files; redirects are not followed, nothing comes packed, and a line has a length
that no record reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from connector.deps import Deps
from connector.errors import ConnectorError
from connector.http import NoAnswer
from connector.shopify.bulk import is_the_stores

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes. An order with a hundred parcels has a twentieth of it."""


class Unreadable(ConnectorError):
    """A file that will not be read; the message says why."""


def lines(
    deps: Deps, url: str, longest: float, *, start: int = 0, size: int | None = None
) -> Iterator[tuple[bytes, int]]:
    """(a line without its end, the place in the file after it), from byte ``start`` on, for ``longest`` seconds.

    ``size``: how many bytes the store says that the file has; without it the file ends where the answer does. A last
    line without an end counts when the file is complete.

    Raises Unreadable, and what ``Http.pieces`` raises: also when the answer ended before the file did.
    """
    if not is_the_stores(url, deps.settings):
        raise Unreadable(f"the file is not where the store keeps its files: {urlsplit(url).hostname}")
    rest, place = b"", start
    for piece in deps.http.pieces(url, longest, start=start):
        whole = (rest + piece).split(b"\n")
        rest = whole.pop()
        for line in whole:
            place += len(line) + 1
            yield line, place
        if len(rest) > LONGEST_LINE:
            raise Unreadable(f"a line of the file is longer than {LONGEST_LINE} bytes")
        if size is not None and place + len(rest) > size:
            raise Unreadable(f"the file is longer than the {size} bytes that the store said")
    if size is not None and place + len(rest) < size:
        raise NoAnswer("the answer ended before the file")
    if rest:
        yield rest, place + len(rest)
