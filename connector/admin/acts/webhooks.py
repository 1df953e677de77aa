"""The merchant's endpoints, what became of telling them, and telling them once more what has failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop
from sync.outgoing import deliveries, endpoints

LISTED = 50
STATES = ("due", "delivered", "failed")


class Choosing(Schema):
    state = fields.String(load_default="", validate=validate.OneOf(["", *STATES]))


class Resending(Schema):
    # Without one all that have failed.
    delivery = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))


def read(deps: Deps, shop: Shop, endpoint_id: int, state: str) -> tuple[endpoints.Endpoint, list[deliveries.Delivery]]:
    """An endpoint with its newest deliveries. Raises LookupError."""
    with transaction(deps.engine) as connection:
        endpoint = next((one for one in endpoints.listed(connection, shop.id) if one.id == endpoint_id), None)
        if endpoint is None:
            raise LookupError(f"There is no endpoint {endpoint_id} here.")
        return endpoint, deliveries.listed(connection, shop.id, endpoint_id, state=state, most=LISTED)


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        return {"rows": [_endpoint(one) for one in endpoints.listed(connection, shop.id)]}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    endpoint, found = read(deps, shop, given["endpoint_id"], given["state"])
    rows = [
        {"id": one.id, "event": one.name, "occurred_at": one.occurred_at, "state": one.state,
         "attempts": one.attempts, "status": one.status, "error": one.error, "answer": one.answer}
        for one in found
    ]  # fmt: skip
    return {**_endpoint(endpoint), "deliveries": rows}


def _endpoint(one: endpoints.Endpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "description": one.description,
        "events": list(one.events),
        "include_person": one.include_person,
        "state": one.state,
        "due": one.due,
    }


def _resend(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    endpoint_id, delivery = given["endpoint_id"], given["delivery"]
    with deps.open(shop) as scope:
        again = deliveries.resend(scope, endpoint_id, None if delivery is None else (delivery,))
        if again:
            audit.note(
                scope,
                actor=visitor.actor,
                act="webhook.resend",
                object_kind="webhook endpoint",
                object_id=endpoint_id,
                detail={"deliveries": again},
            )
        elif all(one.id != endpoint_id for one in endpoints.listed(scope.connection, shop.id)):
            raise LookupError(f"There is no endpoint {endpoint_id} here.")
    return {"resent": again}


RESEND = Act(
    "resend_webhook",
    "webhooks/<int:endpoint_id>/resend",
    "Tell an endpoint once more what has failed: one delivery, or all.",
    _resend,
    Resending(),
)
ACTS = (RESEND,)
VIEWS = (
    View("webhooks", "webhooks", "The merchant's endpoints.", _list),
    View("webhook", "webhooks/<int:endpoint_id>", "An endpoint with its newest deliveries.", _read, Choosing()),
)
