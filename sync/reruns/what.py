"""What staff ask to be synced again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.errors import InvalidInput


@dataclass(frozen=True)
class What:
    """One entity (a name of ``sync.reruns.ENTITIES``), and exactly one of:

    * ``person``: our id of a person: the contact, or all their orders;
    * ``object``: one record by the store's id, an order also by its name ("#1001");
    * ``since`` (and ``until``): what the store has changed in that time;
    * ``ids``: these records of the store, for another try of what has failed. An id below zero is a person of ours
      who is no customer of the store.

    None of these is kept of a run whose person was erased. ``only_brevo``: the store is not asked; Brevo is told again
    of what we hold, and a range is of the store's own times as we know them.
    """

    entity: str
    person: int | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[int, ...] = ()
    only_brevo: bool = False

    def check(self) -> None:
        """Raises InvalidInput, with a sentence for staff, when it does not say one thing."""
        chosen = [self.person is not None, bool(self.object), self.since is not None, bool(self.ids)]
        if sum(chosen) != 1:
            raise InvalidInput("Say what to sync: one person, one record, or a range of time.")
        if self.until is not None and self.since is None:
            raise InvalidInput("A range of time needs its beginning.")
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise InvalidInput("A time needs its zone, for example 2026-11-22T10:00+01:00.")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidInput("The range of time ends before it begins.")

    @property
    def about(self) -> str:
        """What it is about, in a few words and without personal data."""
        return f"{self._records}, only told to Brevo" if self.only_brevo else self._records

    @property
    def _records(self) -> str:
        if self.person is not None:
            return f"{self.entity} of person {self.person}"
        if self.object:
            return f"{self.entity} {self.object}"
        if self.since is not None:
            until = f" to {_said(self.until)}" if self.until else ""
            return f"{self.entity.removesuffix('s')}s changed from {_said(self.since)}{until}"
        if self.ids:
            return f"{len(self.ids)} {self.entity.removesuffix('s')}{'s' if len(self.ids) > 1 else ''} again"
        return f"{self.entity} of somebody who was erased"

    @property
    def manner(self) -> str:
        """In one word how it was said: person | object | range | ids."""
        if self.person is not None:
            return "person"
        return "object" if self.object else "ids" if self.ids else "range"

    def to_json(self) -> dict[str, Any]:
        """As ``sync_runs.what`` keeps it; the entity has a column of its own."""
        kept = {
            "person": self.person,
            "object": self.object,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "ids": list(self.ids) or None,
            "only_brevo": self.only_brevo or None,
        }
        return {name: value for name, value in kept.items() if value is not None}

    @classmethod
    def from_json(cls, entity: str, kept: Mapping[str, Any]) -> What:
        """What ``to_json`` made."""
        moments = {name: datetime.fromisoformat(kept[name]) for name in ("since", "until") if name in kept}
        ids, only_brevo = tuple(kept.get("ids") or ()), bool(kept.get("only_brevo"))
        return cls(entity, kept.get("person"), kept.get("object"), **moments, ids=ids, only_brevo=only_brevo)


def _said(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
