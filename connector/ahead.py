"""What a transaction has read for many records at once, so that each of them is applied without asking again.

A key that is missing was not read ahead: it is read, and written, at once. One that is there is what the tables hold
with what this transaction has changed since; whoever changes it changes it here, and owes the tables the row
(``connector.scope.Scope.write``). That holds because nobody else can change it meanwhile: consent, and what is derived
of people, are changed under the person's lock only, all else under the shop's NORMALISE lock, and whoever reads ahead
holds what it takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

Row = dict[str, Any]


class OptOut(NamedTuple):
    """A row of ``address_opt_outs``, without its key."""

    channel: str
    state: str
    source: str
    since: datetime


@dataclass
class Ahead:
    """By key what there is; None, or an empty value, where there is nothing. Filled by ``sync.readahead``."""

    # (kind, value): person id
    identities: dict[tuple[str, str], int | None] = field(default_factory=dict)
    # Digest of an address: what was told of it
    opt_outs: dict[str, list[OptOut]] = field(default_factory=dict)
    # Person id: {(channel, purpose): {line of the ledger: evidence}}
    evidence: dict[int, dict[tuple[str, str], dict[int, Any]]] = field(default_factory=dict)
    # Subject: whether it has events that are nobody's
    unowned: dict[str, bool] = field(default_factory=dict)
    orders: dict[int, Row | None] = field(default_factory=dict)
    parcels: dict[int, Row | None] = field(default_factory=dict)
    checkouts: dict[str, Row] = field(default_factory=dict)
    # (checkout token, cart token) of an order: token of the checkout it came from
    checkout_of: dict[tuple[str | None, str | None], str | None] = field(default_factory=dict)
    products: dict[int, Row | None] = field(default_factory=dict)
    # Product id: {variant id: row}
    variants: dict[int, dict[int, Row]] = field(default_factory=dict)
    # Event id: whether it was in the log when it was asked for
    events: dict[UUID, bool] = field(default_factory=dict)
    # Table: numbers that are reserved for its new rows
    numbers: dict[str, list[int]] = field(default_factory=dict)

    def clear(self) -> None:
        """Nothing of it may be used any more."""
        for one in fields(self):
            getattr(self, one.name).clear()

    def merged(self, kept: int, gone: int) -> None:
        """The tables have been told that two people are one. What was theirs is read anew."""
        for key, person_id in self.identities.items():
            if person_id == gone:
                self.identities[key] = kept
        for person_id in (kept, gone):
            self.evidence.pop(person_id, None)
        self.orders = {key: row for key, row in self.orders.items() if not _of(row, kept, gone)}
        self.checkouts = {key: row for key, row in self.checkouts.items() if not _of(row, kept, gone)}


def _of(row: Row | None, *person_ids: int) -> bool:
    return row is not None and row["person_id"] in person_ids
