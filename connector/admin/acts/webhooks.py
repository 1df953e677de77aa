"""The merchant's endpoints: which there are, what became of telling them, and telling them once more what has failed.

What owners do with an endpoint itself is in ``connector.admin.acts.endpoints``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector import paging
from connector.admin import revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.paging import SIZE, Page
from connector.shops import Shop
from sync.outgoing import deliveries, endpoints
from sync.outgoing.deliveries import Delivery

STATES = ("due", "delivered", "failed")


class Choosing(Paged):
    state = fields.String(load_default="", validate=validate.OneOf(["", *STATES]))


class Resending(Schema):
    # Without one all that have failed.
    delivery = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))


def read(deps: Deps, shop: Shop, endpoint_id: int, given: Given) -> tuple[endpoints.Endpoint, Page[Delivery]]:
    """An endpoint with a page of its deliveries, the newest first. Raises LookupError."""
    after = paging.after(given["after"], int)
    with transaction(deps.engine) as connection:
        endpoint = next((one for one in endpoints.listed(connection, shop.id) if one.id == endpoint_id), None)
        if endpoint is None:
            raise LookupError(f"There is no endpoint {endpoint_id} here.")
        before = after[0] if after else None
        found = deliveries.listed(connection, shop.id, endpoint_id, state=given["state"], most=SIZE + 1, before=before)
    return endpoint, paging.page(found, lambda one: (one.id,))


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        # There are at most ``endpoints.MOST``.
        return {"rows": [told(one) for one in endpoints.listed(connection, shop.id)], "next": None}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    endpoint, found = read(deps, shop, given["endpoint_id"], given)
    rows = [
        {"id": one.id, "event": one.name, "occurred_at": one.occurred_at, "state": one.state,
         "attempts": one.attempts, "status": one.status, "error": one.error, "answer": one.answer}
        for one in found.rows
    ]  # fmt: skip
    return {**told(endpoint), "seen": seen(endpoint), "deliveries": {"rows": rows, "next": found.next}}


def seen(one: endpoints.Endpoint) -> str:
    """What two who name an endpoint are held against one another by."""
    return revision.of([one.name])


def told(one: endpoints.Endpoint) -> dict[str, Any]:
    """An endpoint without its secret. ``why``: it is disabled, as a sentence without its beginning."""
    return {
        "id": one.id,
        "name": one.name,
        "url": one.url,
        "description": one.description,
        "events": list(one.events),
        "include_person": one.include_person,
        "state": one.state,
        "why": one.why or None,
        "failing_since": one.failing_since_real,
        "due": one.due,
    }


def _resend(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    endpoint_id, delivery = given["endpoint_id"], given["delivery"]
    with deps.open(shop) as scope:
        again = deliveries.resend(scope, endpoint_id, None if delivery is None else (delivery,))
        if again:
            endpoints.note(scope, visitor.actor, "webhook.resend", endpoint_id, {"deliveries": again})
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
    View(
        "webhook",
        "webhooks/<int:endpoint_id>",
        "An endpoint with what it was told, the newest first.",
        _read,
        Choosing(),
    ),
)
