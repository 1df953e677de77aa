"""Tags of a customer of the store. Giving a tag that is there, and taking one that is not, changes nothing, so whatever
was not heard is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.deps import Deps
from connector.errors import Refused
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import Action, NotDone, Prepared, Result, Task
from flows.actions.store import allowed, ask, customer_of
from flows.core.steps.tag import ACTION

SCOPE = "write_customers"
# In this order, so that whoever goes by one tag in place of another finds at least one.
_ASKED = (("add", "tags_add", "tagsAdd"), ("remove", "tags_remove", "tagsRemove"))
_GONE = "does not exist"


def prepare(scope: Scope, task: Task) -> Prepared:
    """The customer, and which tags."""
    allowed(scope, SCOPE)
    customer = customer_of(scope, task.row["person_id"])
    if customer is None:
        raise NotDone("no_customer")
    wanted = {name: task.row["data"][name] for name, _, _ in _ASKED}
    return {"records": task.records, "customer": f"gid://shopify/Customer/{customer}", **wanted}


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """Raises what ``Store.query`` raises."""
    for name, document, mutation in _ASKED:
        if prepared[name]:
            problems = ask(deps, shop, document, {"id": prepared["customer"], "tags": prepared[name]}, mutation)
            if any(_GONE in one for one in problems):
                raise NotDone("no_customer")
            if problems:
                raise Refused("shopify", "; ".join(problems))
    return {}


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    """Known at once, for what the flow asks next; the event is told by the store."""
    prepared["records"].retag(scope, prepared["person_id"], prepared["add"], prepared["remove"])
    return {name: prepared[name] for name, _, _ in _ASKED if prepared[name]}


TAG = Action(ACTION, prepare, act, record)
