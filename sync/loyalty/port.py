"""The port of loyalty data: what a source has to answer, and who is believed.

A shop names one source in its settings (``loyalty.source``). What the store says of a customer is read with the
customer; the events API and files are told from outside. A programme of our own writes through
``sync.loyalty.keeping.assign``, whatever the source; one that ``writes`` is then told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.shops import Shop
from sync.loyalty import metafields, tags
from sync.loyalty.standing import FIELDS

Settings = Mapping[str, Any]
"""The shop's ``loyalty`` setting."""

METAFIELDS, TAGS, API, FILE, PROGRAMME = "metafields", "tags", "api", "file", "programme"


def _nothing(settings: Settings, node: Mapping[str, Any]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Source:
    """``keys``: the metafields (NAMESPACE.KEY) that a customer has to be read with; ``told``: {field: value or None} of
    what a Customer of queries/customers.graphql says, and nothing of what it does not speak of. ``writes``: whether the
    store can be told (``sync.copies.loyalty``)."""

    name: str
    keys: Callable[[Settings], Sequence[str]] = lambda settings: ()
    told: Callable[[Settings, Mapping[str, Any]], dict[str, Any]] = _nothing
    writes: bool = False


SOURCES: Mapping[str, Source] = {
    METAFIELDS: Source(METAFIELDS, metafields.keys, metafields.told, writes=True),
    TAGS: Source(TAGS, told=tags.told),
    API: Source(API),
    FILE: Source(FILE),
}
_OUTSIDE = frozenset({API, FILE})


def chosen(shop: Shop) -> Source | None:
    """The source that this shop has chosen; None: no loyalty data are kept."""
    settings = shop.settings["loyalty"]
    return None if settings is None else SOURCES[settings["source"]]


def tells(shop: Shop) -> frozenset[str]:
    """The fields of which the store says where somebody stands; nobody knows them of whom it has not said."""
    source, settings = chosen(shop), shop.settings["loyalty"]
    if source is None:
        return frozenset()
    if source.name == METAFIELDS:
        return frozenset(field for field in FIELDS if settings[field] is not None)
    return frozenset({"tier"}) if source.name == TAGS else frozenset()


def believed(shop: Shop) -> frozenset[str]:
    """The sources whose word counts for this shop. Who is told from outside may be told by both ways."""
    source = chosen(shop)
    if source is None:
        return frozenset()
    return frozenset({source.name, PROGRAMME}) | (_OUTSIDE if source.name in _OUTSIDE else frozenset())


def metafield_keys(shop: Shop) -> list[str]:
    """The metafields that customers of this shop have to be read with."""
    source = chosen(shop)
    return [] if source is None else list(source.keys(shop.settings["loyalty"]))
