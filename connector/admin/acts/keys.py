"""Keys by which other systems of the merchant come in: making one and ending one. For owners in person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin.access import ROLES, Visitor
from connector.admin.acts.act import Act, Given
from connector.api import keys
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop

EVENTS = "events"
"""Instead of a role: the key tells of events, and reads nothing."""


class _Create(Schema):
    name = fields.String(required=True, validate=validate.Length(1, keys.LONGEST_NAME))
    kind = fields.String(load_default=EVENTS, validate=validate.OneOf([EVENTS, *ROLES]))


CREATE_FIELDS = _Create()


def _create(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    role = None if given["kind"] == EVENTS else given["kind"]
    with transaction(deps.engine) as connection:
        key, text = keys.create(
            connection, shop.id, given["name"], role=role, actor=visitor.actor, now=deps.clock.now()
        )
    return {"key": key.id, "text": text}


def _revoke(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        key = keys.revoke(connection, shop.id, given["key_id"], actor=visitor.actor, now=deps.clock.now())
    if key is None:
        raise LookupError("There is no such key, or it lets nobody in already.")
    return {"key": key.id}


ACTS = (
    Act("create_key", "keys", "Make a key.", _create, CREATE_FIELDS),
    Act("revoke_key", "keys/<int:key_id>/revoke", "Let nobody in by a key any more.", _revoke),
)
CREATE, REVOKE = ACTS
