"""The store's file is copied into ``backfill_lines``, a piece in each transaction with the place in the file after it.

Whoever dies leaves the file at its last piece. An address of the file that has run out is asked for anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.clock import monotonic
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import Refused, Retry
from connector.http import CallFailed, NoFile
from connector.queue.batch import Batch
from connector.shopify import bulk
from connector.shopify.graphql import PROVIDER
from connector.shops import Shop
from sync.backfill import files
from sync.backfill.asking import begin_anew
from sync.backfill.files import Unreadable
from sync.backfill.parts import Held, keep, leave, more
from sync.node_values import number
from sync.people import normal_email

# Bytes of the file in one transaction, and machine seconds after which a turn ends.
_PIECE = 4 * 1024 * 1024
_TURN = 4.0
# Machine seconds within which the answer that a turn reads from has to come.
_LONGEST = 10.0
# Answers to an address that has run out.
_GONE = frozenset({403, 404, 410})

_COPY = "COPY backfill_lines (shop_id, backfill_id, kind, parent_id, child, seq, body, customer_id, email) FROM STDIN"


@dataclass
class _Piece:
    """Lines to be written as rows of ``backfill_lines``, how many are no records, and the place in the file after."""

    end: int
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    lines: int = 0
    unreadable: int = 0


def copy(deps: Deps, shop: Shop, held: Held) -> Batch:
    """Copy on for a turn. Raises what the store answers, Retry where the file stopped short, Refused for a file that
    will not be read."""
    begin, size = held.row["bytes_done"], held.row["file_bytes"]
    if size is None or begin < size:
        found = bulk.look(deps.store(shop), held.row["operation"])
        if found is None or found.url is None:
            with autocommitted(deps.engine) as connection:
                # What has become of it is asked next.
                leave(connection, held, {"state": "running", "polls": more("polls")})
            return Batch(1, True)
        if not _turn(deps, held, found.url):
            with autocommitted(deps.engine) as connection:
                leave(connection, held, {"polls": more("polls"), "attempts": 0, "reason": None})
            return Batch(1, True)
    with autocommitted(deps.engine) as connection:
        leave(connection, held, {"state": "applying", "polls": more("polls"), "attempts": 0, "reason": None})
    return Batch(1, True)


def _turn(deps: Deps, held: Held, url: str) -> bool:
    """Copy for as long as a turn is; whether the file is at its end."""
    end = monotonic() + _TURN
    try:
        for piece in _pieces(deps, held, url):
            _write(deps, held, piece)
            reach("backfill.copied")
            if monotonic() > end:
                return False
    except Unreadable as error:
        raise Refused(PROVIDER, str(error)) from error
    except NoFile as error:
        if error.status in _GONE and held.row["attempts"]:
            # Asking for its address again has not helped.
            begin_anew(deps, held)
        raise Retry(PROVIDER, f"the store does not give its file: {error}") from error
    except CallFailed as error:
        raise Retry(PROVIDER, f"the file stopped short: {error}") from error
    return True


def _pieces(deps: Deps, held: Held, url: str) -> Iterator[_Piece]:
    begin, applied_to = held.row["bytes_done"], held.row["applied_to"]
    seq = held.row["lines_done"]
    piece = _Piece(begin)
    try:
        for line, place in files.lines(deps, url, _LONGEST, start=begin, size=held.row["file_bytes"]):
            if line.strip():
                row = _row(held, line, seq)
                if row is None:
                    piece.unreadable += 1
                elif applied_to is None or row[3] > applied_to:
                    piece.rows.append(row)
                piece.lines, seq = piece.lines + 1, seq + 1
            piece.end = place
            if place - begin >= _PIECE:
                yield piece
                begin, piece = place, _Piece(place)
    except CallFailed:
        # However often it stops short, it gets further.
        if piece.lines:
            yield piece
        raise
    yield piece


def _row(held: Held, line: bytes, seq: int) -> tuple[Any, ...] | None:
    """The line as a row; None when it is no record of the store's."""
    try:
        told = orjson.loads(line)
        parent = told.get("__parentId")
        record_id = number(parent or told["id"])
        body = line.decode()
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    customer_id, email = (None, None) if parent else whose(held.kind.type, told)
    return (*held.key.values(), record_id, parent is not None, seq, body, customer_id, email)


def whose(kind: str, node: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """(the store's id, the address) of the customer whose record this is, as far as it says so."""
    customer = node if kind == "Customer" else node.get("customer") or {}
    email = node.get("email") or (customer.get("defaultEmailAddress") or {}).get("emailAddress")
    return number(customer["id"]) if customer.get("id") else None, normal_email(email)


def _write(deps: Deps, held: Held, piece: _Piece) -> None:
    values = {
        "bytes_done": piece.end,
        "lines_done": more("lines_done", piece.lines),
        "failed": more("failed", piece.unreadable),
        "done": more("done", piece.unreadable),
        "attempts": 0,
    }
    with transaction(deps.engine) as connection:
        # Before the rows: whoever has lost the part must not wait for those of whoever has it.
        keep(connection, deps, held, values)
        with connection.connection.cursor() as cursor, cursor.copy(_COPY) as copied:  # type: ignore[attr-defined]
            for row in piece.rows:
                copied.write_row(row)
