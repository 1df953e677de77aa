"""What a re-run would do, before it is asked for: the re-run itself, in a transaction that is undone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from connector.backoff import in_turn
from connector.db.session import undone
from connector.deps import Deps
from connector.errors import ConfigurationError, ProviderError
from connector.locks import NORMALISE, lock_shop
from connector.scope import scoped
from connector.shops import Shop
from sync.reruns import reading
from sync.reruns.applying import apply
from sync.reruns.entities import entity_of
from sync.reruns.entities.entity import Entity, Row, Values
from sync.reruns.what import What

STATEMENT = (
    "No message goes out because of this. What is found starts no flow, Brevo is told of no event, and orders go to"
    " Brevo as history, which starts no automation there."
)
# Machine seconds for which somebody at a page waits for the store's query budget.
_PATIENCE = 5.0
_EMPTY = Row("", {})


@dataclass(frozen=True)
class Difference:
    """A field that is not the same everywhere. ``field``: our name, or Brevo's where it is Brevo's alone.

    ``ours``: what we hold; ``store``: what we would hold; ``brevo``: what Brevo has, None also when Brevo was not
    asked; ``sent``: what Brevo would be told, None when nothing. ``writes``: where a re-run changes it, of "here" and
    "brevo".
    """

    field: str
    ours: Any
    store: Any
    brevo: Any
    sent: Any
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """``id``: the store's (below zero: a person of ours who is no customer). ``new``: we do not hold it yet.

    ``at_brevo``: there | missing | not asked; ``untold``: why Brevo would be told nothing of it; ``problem``: why it
    cannot be synced, the platform's own answer where it has one.
    """

    id: int
    label: str
    person_id: int | None
    new: bool
    at_brevo: str
    differences: tuple[Difference, ...]
    untold: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Preview:
    """``total``: how many records there are, ``exact`` or at least; ``records``: the first of them, all but what is
    ``more``. ``problems``: what could not be asked, in sentences.
    """

    what: What
    total: int
    exact: bool
    records: tuple[Record, ...]
    problems: tuple[str, ...]
    statement: str = STATEMENT

    @property
    def more(self) -> int:
        """How many records are not shown, at least."""
        return max(0, self.total - len(self.records))


def preview(deps: Deps, shop: Shop, what: What, *, most: int = 50) -> Preview:
    """Compare what the store says now with what we hold and what Brevo has; nothing is written anywhere.

    Shows the first ``most`` records, at most 100. Raises InvalidInput, and the ProviderError of the store; what Brevo
    does not answer is said instead.
    """
    entity, now = entity_of(what.entity), deps.clock.now()
    what.check()
    source = reading.source(deps, shop, entity, what, now)
    page = in_turn(partial(source.page, None, min(most, 100)), _PATIENCE)
    total, exact = len(page.ids), True
    if page.next is not None:
        total, exact = in_turn(source.count, _PATIENCE)
    nodes, missing = in_turn(partial(source.read, page.ids), _PATIENCE)
    with (
        undone(deps.engine) as connection,
        scoped(connection, shop, deps.clock, deps.settings, quiet=True) as scope,
    ):
        lock_shop(scope, NORMALISE)
        before = entity.rows(connection, shop, entity.held(connection, shop.id, page.ids))
        applied = apply(scope, entity, page.ids, nodes)
        after = entity.rows(connection, shop, applied.held)
    problems = {**missing, **applied.problems}
    at_brevo, unasked = _ask_brevo(deps, shop, entity, after)
    records = []
    for record_id in page.ids:
        ours, theirs = before.get(record_id, _EMPTY), after.get(record_id, _EMPTY)
        held = applied.held.get(record_id)
        records.append(
            Record(
                id=record_id,
                label=theirs.label or str(record_id),
                person_id=held.person_id if held else None,
                new=record_id not in before and record_id in after,
                at_brevo=_presence(at_brevo, record_id),
                differences=_differences(entity.names(shop), ours, theirs, at_brevo, record_id),
                untold=theirs.untold,
                problem=problems.get(record_id),
            )
        )
    return Preview(what, total, exact, tuple(records), unasked)


def _ask_brevo(
    deps: Deps, shop: Shop, entity: Entity, rows: Mapping[int, Row]
) -> tuple[dict[int, Values | None], tuple[str, ...]]:
    """{the store's id: what Brevo has, None for nothing} of those that were asked for, and what went wrong."""
    if entity.at_brevo is None:
        return {}, ("Brevo does not answer for a single one of these: what it has is not shown.",) if rows else ()
    found: dict[int, Values | None] = {}
    try:
        account = deps.brevo(shop)
        for record_id, row in list(rows.items())[: entity.asked]:
            if row.known_by:
                found[record_id] = entity.at_brevo(account, row)
    except (ConfigurationError, ProviderError) as error:
        return found, (f"Brevo could not be asked for all of these: {error}",)
    if len(rows) > entity.asked:
        return found, (f"Brevo was asked for the first {entity.asked} only.",)
    return found, ()


def _presence(at_brevo: Mapping[int, Values | None], record_id: int) -> str:
    if record_id not in at_brevo:
        return "not asked"
    return "missing" if at_brevo[record_id] is None else "there"


def _differences(
    names: Mapping[str, str], ours: Row, theirs: Row, at_brevo: Mapping[int, Values | None], record_id: int
) -> tuple[Difference, ...]:
    asked = record_id in at_brevo
    there: Values = at_brevo.get(record_id) or {}
    found = []
    fields = dict.fromkeys([*ours.ours, *theirs.ours])
    # What Brevo is told beside that has no field of ours.
    alone = [name for name in theirs.told if name not in names.values()]
    for field in (*fields, *alone):
        name = field if field in alone else names.get(field)
        before, after = ours.ours.get(field), theirs.ours.get(field)
        sent = theirs.told.get(name) if name else None
        brevo = there.get(name) if name else None
        here = not _same(before, after)
        there_too = sent is not None and not _same(sent, brevo) and (asked or here)
        writes = tuple(place for place, written in (("here", here), ("brevo", there_too)) if written)
        if writes:
            found.append(Difference(field, before, after, brevo, sent, writes))
    return tuple(found)


def _same(one: Any, other: Any) -> bool:
    """Whether two values say the same, though one is a number and the other a text of it."""
    if one == other or (one in (None, "", [], {}) and other in (None, "", [], {})):
        return True
    with suppress(ArithmeticError, TypeError, ValueError):
        return Decimal(str(one)) == Decimal(str(other))
    return False
