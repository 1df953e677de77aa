"""Lists of a contact at Brevo. Being put on a list twice, or taken off one twice, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import Action, NotDone, Prepared, Result, Task
from flows.actions.contact import address_of, write
from flows.actions.records import Records
from flows.core.steps.list import ACTION

_CHANGES = {"add": "listIds", "remove": "unlinkListIds"}


def prepare(scope: Scope, task: Task) -> Prepared:
    data = task.row["data"]
    address = address_of(scope, task.row["person_id"])
    return {"records": task.records, "address": address, "add": data["add"], "remove": data["remove"]}


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """Raises ProviderError; NotDone (``list_of_consent``) for a list that follows from what people agreed to."""
    records: Records = prepared["records"]
    account, own, change = deps.brevo(shop), records.own_lists(shop), {}
    for name, field in _CHANGES.items():
        if prepared[name] is None:
            continue
        number = records.list_id(deps, shop, account, prepared[name], name == "add")
        if number in own:
            raise NotDone("list_of_consent")
        # Off a list that is not there is where everybody is.
        if number is not None:
            change[field] = [number]
    if change:
        write(account, prepared["address"], change)
    return {name: prepared[name] for name in _CHANGES if prepared[name] is not None}


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    return done


LIST = Action(ACTION, prepare, act, record)
