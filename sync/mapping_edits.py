"""Changing a shop's mapping: what an edit would mean, accepting it, and what was accepted before.

An accepted document is kept as it was written, with who wrote it and when, beside its line of the audit log; what it
says is in the shop's settings, which every piece of work reads anew. Contacts that look different by it are told again
(``sync.profile_pass``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from connector import audit, shops
from connector.db.session import reading
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.models.mapping import mapping_edits
from connector.scope import Scope
from connector.shops import Shop
from sync import attributes, profile_fields, profile_pass, reruns
from sync.mapping import contact as mapping
from sync.mapping import document
from sync.mapping.document import Mapped


@dataclass(frozen=True)
class Edit:
    """A document that was accepted. ``made_by``: an actor of the audit log."""

    id: int
    document: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True)
class Meaning:
    """What taking a document would mean.

    ``changed``: names of attributes that are new, different or gone, and of events; ``contacts``: how many contacts at
    Brevo would be told again, counted up to one more than ``counts.MOST``; ``unread``: what is mapped now that
    was never read from the store.
    """

    attributes: tuple[str, ...]
    events: tuple[str, ...]
    contacts: int
    unread: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not (self.attributes or self.events)


class Outdated(InvalidInput):
    """Another edit came between the reading of the document and this one."""


@dataclass(frozen=True)
class Accepted:
    """``notes``: sentences for whoever made the edit. ``run_id``: of the sync that reads what is new in the mapping."""

    meaning: Meaning
    notes: tuple[str, ...]
    run_id: int | None = None


def current(connection: Connection, shop: Shop) -> str:
    """The shop's document: the last that was accepted, unless its settings were changed in another way since."""
    mapped = document.of_settings(shop.settings)
    newest = next(iter(history(connection, shop.id, 1)), None)
    if newest is not None and document.read(newest.document) == mapped:
        return newest.document
    return document.written(mapped)


def history(connection: Connection, shop_id: int, limit: int = 20) -> list[Edit]:
    """What was accepted, newest first."""
    query = (
        select(mapping_edits).where(mapping_edits.c.shop_id == shop_id).order_by(mapping_edits.c.id.desc()).limit(limit)
    )
    return [Edit(row.id, row.document, row.made_by, row.made_at) for row in connection.execute(query)]


def meaning(connection: Connection, shop: Shop, text: str) -> Meaning:
    """What taking this document would mean. Raises WrongMapping."""
    return _meaning(connection, shop, document.read(text))


def _meaning(connection: Connection, shop: Shop, mapped: Mapped) -> Meaning:
    before = document.of_settings(shop.settings)
    old = {one.name: one for one in mapping.attributes(before.attributes)}
    new = {one.name: one for one in mapping.attributes(mapped.attributes)}
    events = [name for name in {**before.events, **mapped.events} if before.events.get(name) != mapped.events.get(name)
              or (name in before.events) != (name in mapped.events)]  # fmt: skip
    known, wanted = (mapping.stored_sources(tuple(one.values())) for one in (old, new))
    # An attribute that is mapped no more stays at Brevo as it is: nobody is told for that.
    told = any(old.get(name) != one for name, one in new.items())
    return Meaning(
        tuple(name for name in {**old, **new} if old.get(name) != new.get(name)),
        tuple(events),
        profile_pass.count(connection, shop) if told else 0,
        tuple(one for one in wanted if one not in known),
    )


def accept(deps: Deps, shop: Shop, text: str, *, by: str, seen: str | None = None) -> Accepted:
    """Take this document: create what is missing at Brevo, keep the edit, tell who looks different by it again.

    ``by``: an actor of the audit log; ``seen``: the digest (``digest_of``) of the document that the edit began with.
    Raises WrongMapping, Outdated when another edit came between, and the ProviderError of Brevo, in which case
    nothing is changed.
    """
    mapped = document.read(text)
    changed = _with(shop, mapped)
    notes: list[str] = []
    # Before anything changes at Brevo, and once more when nobody can come between.
    with reading(deps.engine) as connection:
        _check(connection, shop, seen)
    if shop.active and shop.has_brevo:
        done = attributes.ensure(deps.brevo(shop), mapping.of_shop(changed))
        notes += [f"Created at Brevo: {', '.join(done.created)}."] if done.created else []
        notes += [f"Brevo: {problem}." for problem in done.problems]
    with deps.open(changed) as scope:
        held = shops.hold(scope.connection, shop.id)
        _check(scope.connection, held, seen)
        meant = _meaning(scope.connection, held, mapped)
        _keep(scope, text, mapped, meant, by)
    run_id = None
    if meant.unread:
        run_id, said = _read_again(deps, changed, by)
        notes.append(said)
    return Accepted(meant, tuple(notes), run_id)


def _check(connection: Connection, shop: Shop, seen: str | None) -> None:
    if seen is not None and digest_of(current(connection, shop)) != seen:
        raise Outdated("Somebody else has changed the mapping meanwhile: load the page anew.")


def reset(deps: Deps, shop: Shop, *, by: str) -> Accepted:
    """Go back to the shipped mapping, by an edit of its own. Raises like ``accept``."""
    return accept(deps, shop, document.EMPTY, by=by)


def with_document(shop: Shop, text: str) -> Shop:
    """The shop as this document makes it, which nobody but the caller sees. Raises WrongMapping."""
    return _with(shop, document.read(text))


def _with(shop: Shop, mapped: Mapped) -> Shop:
    return replace(shop, raw_settings={**shop.raw_settings, **mapped.settings})


def digest_of(text: str) -> str:
    """What stands for a document, to tell whether it is still the same."""
    return audit.digest(text)


def _keep(scope: Scope, text: str, mapped: Mapped, meant: Meaning, by: str) -> None:
    """``scope``: with the shop as the edit makes it."""
    shops.change_settings(scope.connection, scope.shop_id, mapped.settings)
    row = {"shop_id": scope.shop_id, "document": text, "made_by": by, "made_at": scope.now}
    edit_id = scope.connection.scalar(insert(mapping_edits).values(row).returning(mapping_edits.c.id))
    audit.note(
        scope,
        actor=by,
        act="mapping.change",
        object_kind="mapping",
        object_id=edit_id,
        detail={
            "attributes": len(meant.attributes),
            "events": len(meant.events),
            "contacts": meant.contacts,
            "after": digest_of(text),
        },
    )
    profile_fields.forget(scope)
    if meant.contacts or meant.unread:
        profile_pass.ask(scope)


# A sync that staff ask for is of a range of time; the store has no customer from before.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


def _read_again(deps: Deps, shop: Shop, by: str) -> tuple[int | None, str]:
    """Have all customers read from the store for what was never read of them."""
    try:
        with deps.open(shop) as scope:
            run_id = reruns.start(scope, reruns.What("contact", since=_EVER), by=by)
    except InvalidInput as error:
        return None, f"What is new in the mapping was never read from the store, and cannot be now. {error}"
    return run_id, f"What is new in the mapping is read from the store: run {run_id}."
