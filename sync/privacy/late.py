"""What arrives about somebody who was erased before: it is not applied, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connector.scope import Scope
from sync import consent, people
from sync.privacy import names, tombstones
from sync.privacy.names import Name
from sync.reports import messages

# They are about an erasure themselves.
EXEMPT = frozenset({"customers/data_request", "customers/redact", "shop/redact"})
_NOT_FOR_GOOD = frozenset({"email", "phone"})


@dataclass(frozen=True)
class Arrived:
    """A delivery, or an object that the store told (``topic`` ""). ``at``: when it arrived."""

    id: Any
    source: str
    topic: str
    body: Any
    at: datetime


@dataclass(frozen=True)
class Left:
    """What is left of something that arrived: bytes, empty when nothing is."""

    id: Any
    raw: bytes


def sorted_out(scope: Scope, arrived: Sequence[Arrived]) -> list[Left]:
    """What of these is about somebody erased, and what is left of it. The rest is not mentioned.

    The caller holds the shop's NORMALISE lock, as an erasure does. One statement for all, one more for each delivery of
    Brevo about an erased address. An opt-out that Brevo reports late still counts.
    """
    parts = [(one, entry) for one in arrived if one.topic not in EXEMPT for entry in _entries(one)]
    named = [names.in_body(one.topic, entry) for one, entry in parts]
    erased = tombstones.among_names(scope, frozenset().union(*named)) if named else {}
    if not erased:
        return []
    gone: dict[Any, set[int]] = {}
    for place, ((one, entry), told) in enumerate(zip(parts, named, strict=True)):
        if _is_gone(scope, one, entry, told, erased):
            gone.setdefault(one.id, set()).add(place)
    kept: dict[Any, list[Any]] = {one_id: [] for one_id in gone}
    for place, (one, entry) in enumerate(parts):
        if one.id in gone and place not in gone[one.id]:
            kept[one.id].append(entry)
    return [Left(one_id, orjson.dumps(rest) if rest else b"") for one_id, rest in kept.items()]


def _entries(one: Arrived) -> list[Any]:
    """Brevo may tell of several people in one delivery."""
    return one.body if isinstance(one.body, list) else [one.body]


def _is_gone(scope: Scope, one: Arrived, entry: Any, told: frozenset[Name], erased: Mapping[Name, datetime]) -> bool:
    lasting = frozenset(name for name in erased if name[0] not in _NOT_FOR_GOOD)
    if names.of_person(told, lasting):
        return True
    if any(kind == "customer" for kind, _ in told):
        # Of a customer who was not erased, whatever address stands in it too.
        return False
    since = [erased[name] for name in told if name in erased]
    if not since:
        return False
    if one.source == "brevo":
        return _of_nobody_left(scope, entry, told)
    return (names.told_at(entry) or one.at) <= max(since)


def _of_nobody_left(scope: Scope, entry: Any, told: frozenset[Name]) -> bool:
    """Of messages to an address that nobody has any more; to whom has come back they are applied as usual."""
    emails = sorted(value for kind, value in told if kind == "email")
    if any(people.person_of(scope, "email", email) is not None for email in emails):
        return False
    reason = messages.lasting(entry.get("event")) if isinstance(entry, Mapping) else None
    if reason:
        for email in emails:
            consent.suppress(scope, "email", email, reason)
    return True


def of_the_living(scope: Scope, nodes: Sequence[Mapping[str, Any] | None]) -> list[Mapping[str, Any]]:
    """Those of these objects of the store that are there and about nobody erased. Ids as the GraphQL writes them.

    One statement for all. The caller holds the shop's NORMALISE lock.
    """
    there = [node for node in nodes if node and node.get("id")]
    arrived = [Arrived(place, "shopify", "", node, scope.now) for place, node in enumerate(there)]
    gone = {one.id for one in sorted_out(scope, arrived)}
    return [node for place, node in enumerate(there) if place not in gone]
