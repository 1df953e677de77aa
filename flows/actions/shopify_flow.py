"""Starts a workflow of Shopify Flow. Shopify starts one for each call, so what nobody heard the answer to is not asked
for a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from connector.deps import Deps
from connector.errors import Refused
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import Action, NotDone, Prepared, Result, Task
from flows.actions.store import ask, customer_of
from flows.core.steps.shopify_flow import ACTION

CUSTOMER = "customer_id"
"""The key of the reference to a customer, which every trigger of ours has."""
_LARGEST = 50_000
"""Bytes of a payload (Shopify's reference of triggers)."""


def prepare(scope: Scope, task: Task) -> Prepared:
    """The trigger's handle and its payload, with the customer if the store has one."""
    data, customer = task.row["data"], customer_of(scope, task.row["person_id"])
    payload = {**({} if customer is None else {CUSTOMER: customer}), **data["payload"]}
    if len(orjson.dumps(payload)) > _LARGEST:
        raise NotDone("payload_too_large")
    return {"handle": data["handle"], "payload": payload}


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """Raises what ``Store.query`` raises."""
    asked = {"handle": prepared["handle"], "payload": prepared["payload"]}
    if problems := ask(deps, shop, "flow_trigger", asked, "flowTriggerReceive"):
        raise Refused("shopify", "; ".join(problems))
    return {}


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    return {"handle": prepared["handle"]}


SHOPIFY_FLOW = Action(ACTION, prepare, act, record, repeats=False)
