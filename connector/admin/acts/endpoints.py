"""What owners do with the merchant's endpoints: adding one, its name, its secret, trying it, switching it on and off.

Secrets are in the answer of the act that makes them and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector import shops
from connector.admin import revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.merchant_urls import Rules, visiting
from connector.scope import Scope
from connector.shops import Shop
from sync.outgoing import endpoints, sending

LONGEST_URL, LONGEST_DESCRIPTION = 2000, 200
_EVENT = fields.String(validate=validate.Length(1, 200))
_NAME = validate.Length(1, 60)


class _Add(Schema):
    url = fields.String(required=True, validate=validate.Length(1, LONGEST_URL))
    # The names of what it is told of, as docs/mapping.md lists them; custom:NAME is one of the merchant's own.
    events = fields.List(_EVENT, load_default=list, validate=validate.Length(max=200))
    # Whether it is told whose they are: address and customer id.
    include_person = fields.Boolean(load_default=False)
    description = fields.String(load_default="", validate=validate.Length(max=LONGEST_DESCRIPTION))
    # What flows call it; without it flows cannot tell it anything.
    name = fields.String(load_default=None, allow_none=True, validate=_NAME)


class _Name(Schema):
    # What stands for the name as it was when the endpoint was read.
    seen = fields.String(required=True, validate=validate.Length(max=64))
    name = fields.String(required=True, validate=_NAME)


ADD_FIELDS, NAME_FIELDS = _Add(), _Name()


def _add(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    events = sorted(set(given["events"]))
    with deps.open(shop) as scope:
        # Whoever adds one at the same time waits: a shop has only so many.
        shops.hold(scope.connection, shop.id)
        endpoint_id, secret = endpoints.add(
            scope.connection,
            deps.secrets,
            Rules.of(deps.settings),
            shop.id,
            url=given["url"],
            events=events,
            include_person=given["include_person"],
            description=given["description"],
            now=scope.now,
            name=given["name"],
        )
        told = {"events": events, "include_person": given["include_person"]}
        endpoints.note(scope, visitor.actor, "webhook.add", endpoint_id, told)
    return {"endpoint": endpoint_id, "secret": secret}


def _rename(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        shops.hold(scope.connection, shop.id)
        revision.check([_known(scope, given).name], given["seen"])
        endpoints.rename(scope.connection, shop.id, given["endpoint_id"], given["name"])
        endpoints.note(scope, visitor.actor, "webhook.name", given["endpoint_id"])
    return {"name": given["name"]}


def _renew_secret(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        _known(scope, given)
        secret = endpoints.rotate(scope.connection, deps.secrets, shop.id, given["endpoint_id"], scope.machine)
        endpoints.note(scope, visitor.actor, "webhook.rotate", given["endpoint_id"])
    return {"endpoint": given["endpoint_id"], "secret": secret}


def _remove(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        _known(scope, given)
        endpoints.remove(scope.connection, shop.id, given["endpoint_id"])
        endpoints.note(scope, visitor.actor, "webhook.remove", given["endpoint_id"])
    return {"endpoint": given["endpoint_id"]}


def _enable(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        changed = _known(scope, given).state == "disabled"
        if changed:
            endpoints.enable(scope.connection, shop.id, given["endpoint_id"])
            endpoints.note(scope, visitor.actor, "webhook.enable", given["endpoint_id"])
    return {"changed": changed}


def _disable(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        _known(scope, given)
        changed = endpoints.disable(scope.connection, shop.id, given["endpoint_id"], "by_staff")
        if changed:
            endpoints.note(scope, visitor.actor, "webhook.disable", given["endpoint_id"])
    return {"changed": changed}


def _try_out(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """What came back; no transaction is open while it is called."""
    with autocommitted(deps.engine) as connection:
        try:
            row = endpoints.row(connection, shop.id, given["endpoint_id"])
        except endpoints.NoEndpoint as error:
            raise _missing(given) from error
    with visiting(Rules.of(deps.settings)) as caller:
        outcome = sending.try_out(deps, shop, caller, row)
    with deps.open(shop) as scope:
        endpoints.note(scope, visitor.actor, "webhook.test", given["endpoint_id"], {"arrived": outcome.arrived})
    return {
        "arrived": outcome.arrived,
        "status": outcome.status,
        "error": outcome.error,
        "answer": outcome.answer,
        "seconds": round(outcome.seconds, 1),
    }


def _known(scope: Scope, given: Given) -> endpoints.Endpoint:
    """Raises LookupError for one that is not this shop's."""
    try:
        return endpoints.one(scope.connection, scope.shop_id, given["endpoint_id"])
    except endpoints.NoEndpoint as error:
        raise _missing(given) from error


def _missing(given: Given) -> LookupError:
    return LookupError(f"There is no endpoint {given['endpoint_id']} here.")


_ONE = "webhooks/<int:endpoint_id>"
ADD = Act(
    "add_webhook",
    "webhooks",
    "Have an address told what happens. Its secret is in the answer, this once.",
    _add,
    ADD_FIELDS,
)
NAME = Act("name_webhook", f"{_ONE}/name", "Say what flows call an endpoint.", _rename, NAME_FIELDS)
RENEW_SECRET = Act(
    "renew_webhook_secret",
    f"{_ONE}/secret",
    "Give an endpoint a new secret, in the answer this once; for a day the one before signs too.",
    _renew_secret,
)
TEST = Act("test_webhook", f"{_ONE}/test", "Send an endpoint one event of type test, now.", _try_out)
ENABLE = Act("enable_webhook", f"{_ONE}/enable", "Tell an endpoint again what happens from now on.", _enable)
DISABLE = Act(
    "disable_webhook",
    f"{_ONE}/disable",
    "Tell an endpoint nothing more, and give up what it was to be told.",
    _disable,
)
REMOVE = Act("remove_webhook", f"{_ONE}/remove", "Forget an endpoint and what it was to be told.", _remove)
ACTS = (ADD, NAME, RENEW_SECRET, TEST, ENABLE, DISABLE, REMOVE)
