"""The stored deliveries of a person: found by what they name, also where the bytes were never readable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, text

from sync.privacy import names
from sync.privacy.names import Name

BATCH = 500
# A shorter one may stand anywhere by chance.
_TELLING = 6
_MASK = "[somebody erased]"


@dataclass(frozen=True)
class Row:
    id: int
    received_at: Any
    source: str
    topic: str
    state: str
    raw: bytes


def newest(connection: Connection, shop_id: int) -> int:
    """The highest number of a delivery of this shop, 0 when it has none."""
    return int(connection.scalar(_NEWEST, {"shop_id": shop_id}) or 0)


_NEWEST = text("SELECT max(id) FROM inbox WHERE shop_id = :shop_id")


def after(connection: Connection, shop_id: int, number: int, top: int) -> list[Row]:
    """The next deliveries behind ``number``, up to ``top``."""
    rows = connection.execute(_AFTER, {"shop_id": shop_id, "after": number, "top": top, "most": BATCH})
    return [Row(row.id, row.received_at, row.source, row.topic, row.state, bytes(row.raw)) for row in rows]


_AFTER = text(
    """
SELECT id, received_at, source, topic, state, raw FROM inbox
WHERE shop_id = :shop_id AND id > :after AND id <= :top
ORDER BY id LIMIT :most
"""
)


class Search:
    """Looks for one person in deliveries. ``mine``: the names that the person is known by."""

    def __init__(self, mine: frozenset[Name]) -> None:
        self._mine = mine
        # What bytes must hold to be worth reading. Ids are told in the shape that JSON gives them, so are letters.
        self._needles = sorted({one for name in mine for one in _written(name)})
        self._addresses = sorted(value for kind, value in mine if kind in ("email", "phone"))

    def holds(self, raw: bytes) -> bool:
        """Whether these bytes may speak of the person at all."""
        lowered = raw.lower()
        return any(needle in lowered for needle in self._needles)

    def entries(self, row: Row) -> list[Any] | None:
        """The JSON values in this delivery (several, when the platform sends batches); None when it cannot be read."""
        try:
            body = orjson.loads(row.raw)
        except orjson.JSONDecodeError:
            return None
        return body if isinstance(body, list) else [body]

    def about(self, topic: str, entry: Any) -> bool:
        return names.of_person(names.in_body(topic, entry), self._mine)

    def without(self, row: Row) -> bytes | None:
        """The delivery without what it says of the person: b"" when nothing is left, None when it says nothing."""
        if not row.raw or not self.holds(row.raw):
            return None
        entries = self.entries(row)
        if entries is None:
            # Nobody can tell whose it is.
            return b"" if self.telling(row.raw) else None
        rest = [entry for entry in entries if not self.about(row.topic, entry)]
        masked = [self._masked(entry) for entry in rest]
        if masked == entries:
            return None
        if not masked:
            return b""
        return orjson.dumps(masked if len(entries) > 1 else masked[0])

    def telling(self, raw: bytes) -> bool:
        """Whether bytes that nobody can read hold more of the person than chance would."""
        lowered = raw.lower()
        return any(len(needle) >= _TELLING and needle in lowered for needle in self._needles)

    def _masked(self, value: Any) -> Any:
        """A body about somebody else without the person's address and number in it."""
        if isinstance(value, Mapping):
            return {key: self._masked(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._masked(inner) for inner in value]
        if isinstance(value, str) and self._is_address(value):
            return _MASK
        return value

    def _is_address(self, value: str) -> bool:
        return value.strip().lower() in self._addresses or (
            len(value) < 32 and len(names.digits(value)) >= _TELLING and names.digits(value) in self._addresses
        )


def _written(name: Name) -> Iterator[bytes]:
    kind, value = name
    if kind == "phone":
        # Written with blanks in between as often as not: the last four digits are together.
        value = value[-4:]
    lowered = value.lower()
    yield lowered.encode()
    # Letters as JSON may escape them.
    yield lowered.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
    if "@" in lowered:
        yield lowered.partition("@")[0].encode()


def write(connection: Connection, shop_id: int, left: Sequence[tuple[Row, bytes]]) -> int:
    """Write what is left of these deliveries; where nothing is, it stays that something came. Returns how many."""
    for row, rest in left:
        connection.execute(
            _EMPTY if not rest else _REPLACE,
            {"shop_id": shop_id, "id": row.id, "received_at": row.received_at, "rest": rest},
        )
    return len(left)


_EMPTY = text(
    """
UPDATE inbox SET raw = :rest, state = 'ignored', reason = 'erased', retry_real = NULL
WHERE shop_id = :shop_id AND id = :id AND received_at = :received_at
"""
)
_REPLACE = text(
    """
UPDATE inbox SET raw = :rest, reason = CASE WHEN state IN ('new', 'retry', 'done') THEN NULL ELSE 'erased in part' END
WHERE shop_id = :shop_id AND id = :id AND received_at = :received_at
"""
)
