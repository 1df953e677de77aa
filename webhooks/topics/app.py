"""app/uninstalled and app/scopes_update: what the merchant did with the app itself.

When app/uninstalled arrives the tokens are dead already. Its body is the shop, with most fields null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import or_, select, update

from connector import tokens
from connector.models.shop import shops
from connector.scope import Scope
from webhooks.topics.payload import Payload, moment, text
from webhooks.topics.topic import Delivery, Topic


class UninstalledPayload(Payload):
    myshopify_domain = text(255)


class ScopesPayload(Payload):
    current = fields.List(
        fields.String(validate=validate.Length(max=100)), required=True, validate=validate.Length(max=300)
    )
    updated_at = moment()


def remove(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    """Everything stops with this commit: whoever claims work asks for the shop's state. Told late, of an installation
    that was followed by another, it changes nothing."""
    ours = shops.c.id == scope.shop_id
    row = scope.connection.execute(select(shops.c.state, shops.c.installed_at).where(ours).with_for_update()).one()
    if row.state == "uninstalled" or (row.installed_at is not None and delivery.happened_at < row.installed_at):
        return
    tokens.forget(scope.connection, scope.shop_id)
    scope.connection.execute(
        update(shops).where(ours).values(state="uninstalled", uninstalled_at=scope.now, granted_scopes=None)
    )
    scope.bells.add("closing")


def grant(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    at = payload["updated_at"] or delivery.happened_at
    newer = or_(shops.c.scopes_heard_at.is_(None), shops.c.scopes_heard_at <= at)
    scope.connection.execute(
        update(shops)
        .where(shops.c.id == scope.shop_id, newer)
        .values(granted_scopes=sorted(set(payload["current"])), scopes_heard_at=at)
    )


TOPICS = (
    Topic("shopify", "app/uninstalled", "commerce", UninstalledPayload, remove, after_removal=True),
    Topic("shopify", "app/scopes_update", "other", ScopesPayload, grant),
)
