"""Deleting many records of a kind at once, with or without telling anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from sandbox.store.actions import Actions
from sandbox.store.deed import Deed
from sandbox.store.deeds import DEEDS
from sandbox.store.shop import Shop, Unknown


@dataclass(frozen=True)
class _Kind:
    """The deed that deletes one, the name of its argument, what to give it by id, and which may be deleted."""

    deed: str
    argument: str
    candidates: Callable[[Shop], Mapping[int, Any]]


_KINDS = {
    "customers": _Kind(
        "delete_customer", "customer", lambda shop: {n: n for n, one in shop.customers.items() if not one.orders}
    ),
    "orders": _Kind("delete_order", "order", lambda shop: {n: n for n in shop.orders}),
    "products": _Kind("delete_product", "product", lambda shop: {n: n for n in shop.products}),
    "collections": _Kind("delete_collection", "collection", lambda shop: {n: n for n in shop.collections}),
    "checkouts": _Kind(
        "delete_checkout",
        "checkout",
        lambda shop: {one.id: one.token for one in shop.checkouts.values() if one.completed_at is None},
    ),
}


def delete(
    actions: Actions,
    shop: Shop,
    kind: str,
    ids: Iterable[int] | None = None,
    count: int = 0,
    seed: int = 1,
    told: bool = False,
) -> list[int]:
    """Delete these, or so many chosen by the seed; customers with orders stay. `told`: with their webhooks.

    Returns the ids. Raises ValueError, and Unknown for an id that is not there or may not go.
    """
    if kind not in _KINDS:
        raise ValueError(f"unknown kind {kind!r}, one of {', '.join(_KINDS)}")
    with shop.lock:
        chosen = _KINDS[kind]
        candidates = chosen.candidates(shop)
        if ids is None:
            ids = Random(f"{seed}:{shop.domain}:{kind}").sample(sorted(candidates), min(count, len(candidates)))
        ids = [int(number) for number in ids]
        missing = [number for number in ids if number not in candidates]
        if missing:
            raise Unknown(f"no {kind} that may be deleted: {missing}")
        for number in ids:
            arguments = {chosen.argument: candidates[number]}
            if told:
                actions.perform(chosen.deed, arguments | {"shop": shop.domain})
            else:
                DEEDS[chosen.deed](Deed(shop, actions.now()), **arguments)
    return ids
