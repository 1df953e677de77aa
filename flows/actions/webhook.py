"""Telling an endpoint of the merchant's: an event of its own, and its delivery (sync/outgoing), which is tried until it
arrives. Both are written in the transaction that ends the effect, so that it is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.deps import Deps
from connector.eventlog import Fact
from connector.models.outbox import outbox
from connector.models.outgoing import webhook_deliveries, webhook_endpoints
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import Action, NotDone, Prepared, Result, Task
from flows.core.steps.webhook import ACTION, Webhook

EVENT = "flow_webhook"
"""The type that the endpoint sees."""


def prepare(scope: Scope, task: Task) -> Prepared:
    step: Webhook = task.flow.steps[task.row["step"]].config
    endpoint = scope.connection.execute(_NAMED, {"shop": scope.shop_id, "its_name": step.endpoint}).first()
    if endpoint is None:
        raise NotDone("no_endpoint", f"There is no endpoint called {step.endpoint}.")
    if endpoint.state != "active":
        raise NotDone("endpoint_off", f"The endpoint {step.endpoint} is disabled.")
    row = task.row
    told = {"endpoint": step.endpoint, "flow": row["flow"], "step": row["step"], "data": row["data"]["data"]}
    return {"endpoint_id": endpoint.id, "outbox_id": row["id"], "key": row["key"], "props": told}


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """The endpoint is called by whoever tells endpoints; nobody waits for it here."""
    return {}


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    """The event's id, which is the webhook-id that the endpoint sees."""
    # Of now: people who turn out to be one are merged.
    person_id = scope.connection.scalar(_WHOSE, {"shop": scope.shop_id, "its_id": prepared["outbox_id"]})
    key = prepared["key"]
    fact = Fact(EVENT, key, scope.now, f"effect:{key}", person_id, props=prepared["props"], source="flow")
    eventlog.append(scope, [fact])
    event_id = fact.id(scope.shop_id)
    delivery = {
        "shop_id": scope.shop_id,
        "endpoint_id": prepared["endpoint_id"],
        "event_id": event_id,
        "occurred_at": scope.now,
        "person_id": person_id,
        "state": "due",
        "made_real": scope.machine,
        "due_real": scope.machine,
        "attempts": 0,
        "tries": 0,
    }
    # Who is also told of all such events is told once.
    scope.connection.execute(_DELIVERY, delivery)
    scope.bells.add("outgoing")
    return {"event_id": str(event_id)}


_NAMED = select(webhook_endpoints.c.id, webhook_endpoints.c.state).where(
    webhook_endpoints.c.shop_id == bindparam("shop"), webhook_endpoints.c.name == bindparam("its_name")
)
_WHOSE = select(outbox.c.person_id).where(outbox.c.shop_id == bindparam("shop"), outbox.c.id == bindparam("its_id"))
_DELIVERY = insert(webhook_deliveries).on_conflict_do_nothing(index_elements=["shop_id", "endpoint_id", "event_id"])

WEBHOOK = Action(ACTION, prepare, act, record)
