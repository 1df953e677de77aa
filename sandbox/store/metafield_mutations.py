"""The calls that write metafields of customers: all of a call or nothing, and only over the value that was read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo

from sandbox.store.actions import Actions
from sandbox.store.customer_mutations import need_scope
from sandbox.store.deed import Deed
from sandbox.store.records import Customer, Metafield
from sandbox.store.resolvers import number_of

MOST = 25
_VALUES = {
    "number_integer": re.compile(r"-?\d{1,19}\Z"),
    "number_decimal": re.compile(r"-?\d{1,13}(\.\d{1,9})?\Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
    "date_time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?\Z"),
    "boolean": re.compile(r"(true|false)\Z"),
}


def digest(one: Metafield) -> str:
    """What stands for the value that a metafield has."""
    return hashlib.sha256(f"{one.type}\0{one.value}".encode()).hexdigest()


def metafield_mutations(actions: Actions) -> dict[str, dict[str, Callable[..., Any]]]:
    """The resolvers; what they change is announced through `actions`."""

    def put(source: Any, info: GraphQLResolveInfo[Any], metafields: list[dict[str, Any]]) -> dict[str, Any]:
        need_scope(info, "write_customers")
        errors = [problem for n, given in enumerate(metafields) if (problem := _problem(info, n, given))]
        if len(metafields) > MOST:
            errors = [
                _error(None, ["metafields"], f"Exceeded the maximum of {MOST} metafields.", "LESS_THAN_OR_EQUAL_TO")
            ]
        if errors:
            return {"metafields": None, "user_errors": errors}
        deed = Deed(info.context.shop, info.context.now)
        made = []
        for given in metafields:
            person, held = _found(info, given)
            assert person is not None
            number = held.id if held else info.context.shop.next_id("metafield", 30_000_000_000_000)
            kind = given.get("type") or (held.type if held else "")
            one = Metafield(number, given["namespace"], given["key"], kind, given["value"])
            person.metafields = [other for other in person.metafields if other is not held] + [one]
            _changed(deed, person)
            made.append(one)
        actions.announce(deed, "metafields_by_api")
        return {"metafields": made, "user_errors": []}

    def drop(source: Any, info: GraphQLResolveInfo[Any], metafields: list[dict[str, Any]]) -> dict[str, Any]:
        need_scope(info, "write_customers")
        deed = Deed(info.context.shop, info.context.now)
        gone: list[dict[str, Any] | None] = []
        for given in metafields:
            person, held = _found(info, given)
            if person is None or held is None:
                gone.append(None)
                continue
            person.metafields = [other for other in person.metafields if other is not held]
            _changed(deed, person)
            gone.append({"owner_id": given["ownerId"], "namespace": given["namespace"], "key": given["key"]})
        actions.announce(deed, "metafields_by_api")
        return {"deleted_metafields": gone, "user_errors": []}

    return {
        "Mutation": {"metafieldsSet": put, "metafieldsDelete": drop},
        "Metafield": {"compareDigest": lambda one, info: digest(one)},
    }


def _changed(deed: Deed, person: Customer) -> None:
    person.updated_at = deed.now
    deed.customer("customers/update", person)


def _found(info: GraphQLResolveInfo[Any], given: dict[str, Any]) -> tuple[Customer | None, Metafield | None]:
    person = info.context.shop.customers.get(number_of(given["ownerId"], "Customer") or 0)
    where = (given.get("namespace"), given["key"])
    held = next((one for one in person.metafields if (one.namespace, one.key) == where), None) if person else None
    return person, held


def _problem(info: GraphQLResolveInfo[Any], n: int, given: dict[str, Any]) -> dict[str, Any] | None:
    person, held = _found(info, given)
    kind = given.get("type") or (held.type if held else None)
    if person is None:
        return _error(n, ["metafields", str(n), "ownerId"], "Owner does not exist.", "INVALID")
    if not given.get("namespace"):
        return _error(n, ["metafields", str(n), "namespace"], "The simulated store keeps no app namespace.", "BLANK")
    if "compareDigest" in given and given["compareDigest"] != (digest(held) if held else None):
        return _error(
            n,
            ["metafields", str(n), "compareDigest"],
            "The resource has been updated since it was loaded.",
            "STALE_OBJECT",
        )
    if kind is None:
        return _error(n, ["metafields", str(n), "type"], "Type can't be blank", "BLANK")
    if given["value"] == "":
        return _error(n, ["metafields", str(n), "value"], "Value can't be blank.", "BLANK")
    if kind in _VALUES and not _VALUES[kind].match(given["value"]):
        return _error(n, ["metafields", str(n), "value"], f"Value must be of type {kind}.", "INVALID_VALUE")
    return None


def _error(n: int | None, field: list[str], message: str, code: str) -> dict[str, Any]:
    return {"element_index": n, "field": field, "message": message, "code": code}
