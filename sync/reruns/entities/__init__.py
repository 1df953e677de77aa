"""What can be synced again: one module and one line here each."""

from __future__ import annotations

from collections.abc import Mapping

from connector.errors import InvalidInput
from sync.reruns.entities.collections import COLLECTIONS
from sync.reruns.entities.contacts import CONTACTS
from sync.reruns.entities.entity import Entity
from sync.reruns.entities.orders import ORDERS
from sync.reruns.entities.products import PRODUCTS

ENTITIES: Mapping[str, Entity] = {one.name: one for one in (CONTACTS, ORDERS, PRODUCTS, COLLECTIONS)}


def entity_of(name: str) -> Entity:
    """The entity of this name. Raises InvalidInput."""
    if name not in ENTITIES:
        raise InvalidInput(f"{name!r} cannot be synced again; these can: {', '.join(ENTITIES)}.")
    return ENTITIES[name]
