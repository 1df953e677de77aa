"""What a kind of record that Brevo keeps a copy of says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from connector.shops import Shop

if TYPE_CHECKING:
    from sync.copies.turn import Turn


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of ``sync_state`` under our lease. ``sent_version`` is 0 as long as Brevo does not know the record.

    ``quiet``: only a sync that staff asked for wants it told, by no call that starts automations.
    """

    entity: str
    entity_id: int
    wanted_version: int
    sent_version: int
    attempts: int
    lease: datetime
    quiet: bool = False

    @property
    def first(self) -> bool:
        return self.sent_version == 0


@dataclass(frozen=True, slots=True)
class Also:
    """What is written in one statement with the ending of a claim: an INSERT, UPDATE or DELETE, and its values.

    It knows ``:shop_id``. Its other names must not be those of the ending. Not of ``sync_state``: one statement
    changes a row once.
    """

    statement: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a call would send of a claimed record now, and the version that this is.

    ``nothing``: why nothing is to be sent now, if so; ``also`` is written with that. ``waits_for``: the person whose
    contact has to be at Brevo first; ``hopeless`` when Brevo cannot have that contact as things stand. ``held_back``:
    that nothing is sent is not right, and staff can change it.
    """

    claim: Claim
    version: int
    body: Any = None
    nothing: str | None = None
    waits_for: int | None = None
    hopeless: bool = False
    held_back: bool = False
    also: Also | None = None


Read = Callable[[Connection, Shop, Sequence[Claim]], Mapping[int, Snapshot]]
"""The newest state of these records, by their id. A record that is not there any more is left out.

It writes nothing, and no transaction holds its statements together: each sees what is committed when it begins.
"""


@dataclass(frozen=True)
class Resource:
    """``entity``: its name in ``sync_state``; ``most``: how many are claimed at once; ``send`` takes one turn.

    ``settled``, if given, runs in the transaction that says for the first time what became of a record (accepted, or
    not to be sent), as a statement of its own, and wakes what has waited for that word; it answers whether there was
    any. ``coalesced``: what changed during a call waits for the window that it opens, else it goes at once. ``quiet``:
    whether it takes the records that only quiet scopes have wished for, or the others; None: both.
    """

    entity: str
    most: int
    send: Callable[[Turn, Sequence[Claim]], None]
    settled: Callable[[Connection, Shop, int, datetime], bool] | None = None
    coalesced: bool = True
    quiet: bool | None = None

    def takes(self, claim: Claim) -> bool:
        """Whether this is one of its records."""
        return claim.entity == self.entity and self.quiet in (None, claim.quiet)
