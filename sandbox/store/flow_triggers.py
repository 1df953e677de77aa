"""Starting workflows of the store's own automation: each call that is taken starts one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from graphql import GraphQLResolveInfo

from sandbox.store.journal import Journal
from sandbox.store.shop import Shop

LARGEST = 50_000
_REFERENCE = "customer_id"


def flow_trigger_mutations(journal: Journal) -> dict[str, dict[str, Callable[..., Any]]]:
    """The resolver. What is started stands in the journal."""

    def receive(
        source: Any,
        info: GraphQLResolveInfo[Any],
        body: str | None = None,
        handle: str | None = None,
        payload: Any = None,
    ) -> dict[str, Any]:
        shop: Shop = info.context.shop
        problem = _problem(shop, handle, payload)
        if problem is not None:
            return {"user_errors": [problem]}
        journal.append("flow_trigger", shop=shop.domain, handle=handle, payload=payload)
        return {"user_errors": []}

    return {"Mutation": {"flowTriggerReceive": receive}}


def _problem(shop: Shop, handle: str | None, payload: Any) -> dict[str, Any] | None:
    if handle not in shop.installation.app.flow_triggers:
        return {"field": ["handle"], "message": "Errors validating schema: No trigger with this handle was found."}
    if not isinstance(payload, dict) or len(orjson.dumps(payload)) > LARGEST:
        return {"field": ["payload"], "message": "Errors validating schema: Payload is invalid or too large."}
    customer = payload.get(_REFERENCE)
    if customer is not None and customer not in shop.customers:
        return {"field": ["payload"], "message": "Errors validating schema: customer_id is no customer."}
    return None
