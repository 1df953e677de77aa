"""The shop's setting ``shopify_users``: what those may do in the admin who open the app inside Shopify's admin.

Shopify says which of the store's users that is, by number, and nothing of what they may do there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

# Those of connector.admin.access, from the least to the most.
ROLES = ("read-only", "support", "editor", "owner")
_ROLE = validate.OneOf(ROLES)
_NUMBER = validate.Regexp(r"[1-9]\d{0,19}\Z", error="A user of the store is a number, such as 8472613.")


class ShopifyUsersSchema(Schema):
    """``role``: of everybody whom ``people``, {number of the store's user: role}, does not name."""

    role = fields.String(load_default="owner", validate=_ROLE)
    people = fields.Dict(
        keys=fields.String(validate=_NUMBER),
        values=fields.String(validate=_ROLE),
        load_default=dict,
        validate=validate.Length(max=200),
    )


def role_of(settings: Mapping[str, Any], user_id: str) -> str:
    """The role of this user of the store. ``settings``: the shop's."""
    chosen = settings["shopify_users"]
    role: str = chosen["people"].get(user_id, chosen["role"])
    return role
