"""Attributes of a contact at Brevo. Writing the same value again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import Action, NotDone, Prepared, Result, Task
from flows.actions.contact import address_of, write
from flows.core.steps.attribute import ACTION


def prepare(scope: Scope, task: Task) -> Prepared:
    address, values = address_of(scope, task.row["person_id"]), task.row["data"]["values"]
    return {"records": task.records, "address": address, "values": values}


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """Raises ProviderError; NotDone (``unfit``) when none of the values can be written, with each reason."""
    account = deps.brevo(shop)
    written, left_out = prepared["records"].fill(deps, shop, account, prepared["values"])
    if not written:
        raise NotDone("unfit", "; ".join(f"{name}: {why}" for name, why in left_out.items()))
    write(account, prepared["address"], {"attributes": dict(written)})
    return {"written": sorted(written), **({"left_out": dict(left_out)} if left_out else {})}


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    return done


ATTRIBUTE = Action(ACTION, prepare, act, record)
