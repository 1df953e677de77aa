"""``product`` and ``products``: the one that a run is about, and those that could interest somebody.

Until there are recommendations, ``similar`` are the best sellers of the same category: that of the product that the
run is about, else that of what lies in the cart or was bought, else the one that the person looked at last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import text

from connector.scope import Scope
from flows.engine.behaviour import LOOKS, Behaviour
from flows.engine.sources import goods, shelves
from flows.engine.sources.goods import Product
from flows.engine.sources.source import MOST, Source, Wanted

# Of one person the newest orders that are looked through.
_ORDERS = 20


def _of_run(scope: Scope, wanted: Sequence[Wanted]) -> Mapping[int, Any]:
    asked = {one.id: about for one in wanted if (about := number(one.run.trigger.get("product_id")))}
    known = goods.read(scope, asked.values())
    found = {}
    for one in wanted:
        product = known.get(asked.get(one.id, 0))
        if product is not None:
            found[one.id] = goods.shown(scope, product, number(one.run.trigger.get("variant_id")))
        elif one.id in asked:
            found[one.id] = _told(scope, one.run.trigger)
    return found


def _told(scope: Scope, trigger: Mapping[str, Any]) -> dict[str, Any]:
    """Of a product that we do not know what the event said."""
    names = ("product_id", "variant_id", "title", "variant_title", "url", "image_url", "price")
    told = {name: trigger.get(name) for name in names}
    currency = trigger.get("currency") or scope.shop.currency
    return {**told, "compare_at_price": None, "currency": currency, "available": True, "buy_url": told["url"]}


def number(value: Any) -> int:
    """An id of the store, as events tell it; 0 for none."""
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0


Ids = Mapping[int, Sequence[int]]
"""{id of a message: the products that it may show, the first first}."""


def _list(
    ids_of: Callable[[Scope, Sequence[Wanted]], Ids], scope: Scope, wanted: Sequence[Wanted]
) -> Mapping[int, Any]:
    ids = ids_of(scope, wanted)
    known = goods.read(scope, (one for several in ids.values() for one in several))
    return {message_id: _offered(scope, several, known) for message_id, several in ids.items()}


def _offered(scope: Scope, ids: Sequence[int], known: Mapping[int, Product]) -> list[dict[str, Any]]:
    """Those that somebody could buy now."""
    there = (known[one] for one in dict.fromkeys(ids) if one in known)
    return [goods.shown(scope, one) for one in there if one.url and not one.sold_out][:MOST]


def _bestsellers(scope: Scope, wanted: Sequence[Wanted]) -> Ids:
    drawn = shelves.read(scope).get(shelves.WHOLE_SHOP, ())
    return {one.id: drawn for one in wanted}


def _similar(scope: Scope, wanted: Sequence[Wanted]) -> Ids:
    drawn = shelves.read(scope)
    looked = _looks(scope, wanted)
    about = {one.id: _about(one) for one in wanted}
    seen = {one.id: [*about[one.id], *looked[one.id][:1]] for one in wanted}
    known = goods.read(scope, (each for several in seen.values() for each in several))
    found = {}
    for one in wanted:
        types = [known[each].category for each in seen[one.id] if each in known]
        categories = [one.run.trigger.get("category"), *types]
        shelf = next((drawn[each] for each in categories if each and each in drawn), None)
        # Not what they have already.
        found[one.id] = [
            each for each in [*(shelf or ()), *drawn.get(shelves.WHOLE_SHOP, ())] if each not in about[one.id]
        ]
    return found


def _about(one: Wanted) -> list[int]:
    """The products that the run is about: its own, those of its cart, of its order."""
    trigger = one.run.trigger
    checkout = one.person.checkouts.get(one.run.key) or {}
    lines = [*(trigger.get("items") or ()), *(checkout.get("items") or ())]
    ids = [number(trigger.get("product_id")), *(number(line.get("product_id")) for line in lines)]
    return [each for each in dict.fromkeys(ids) if each]


def _new(scope: Scope, wanted: Sequence[Wanted]) -> Ids:
    newest = scope.connection.scalars(_NEWEST, {"shop_id": scope.shop_id, "most": 2 * MOST}).all()
    return {one.id: newest for one in wanted}


_NEWEST = text(
    """
SELECT id FROM products
WHERE shop_id = :shop_id AND published_at IS NOT NULL AND deleted_at IS NULL
ORDER BY published_at DESC, id DESC LIMIT :most
"""
)


def _looks(scope: Scope, wanted: Iterable[Wanted]) -> dict[int, list[int]]:
    """{id of a message: the products that its person looked at, the last first}; none of those who objected to being
    profiled."""
    behaviour = Behaviour.of(scope, {"activity"}, (), {})
    found = {}
    for one in wanted:
        looks = behaviour.facts(one.person, {}).get(LOOKS, {}).get("products", {})
        ids = [each for _, each in sorted((-looked["at"][-1], each) for each, looked in looks.items())]
        found[one.id] = [number(each) for each in ids if number(each)]
    return found


def _viewed(scope: Scope, wanted: Sequence[Wanted]) -> Ids:
    return _looks(scope, wanted)


def _bought(scope: Scope, wanted: Sequence[Wanted]) -> Ids:
    people = sorted({one.person_id for one in wanted})
    rows = scope.connection.execute(_BOUGHT, {"shop_id": scope.shop_id, "people": people, "most": _ORDERS})
    theirs: dict[int, list[int]] = {}
    for row in rows:
        theirs.setdefault(row.person_id, []).append(row.product_id)
    return {one.id: theirs.get(one.person_id, []) for one in wanted}


_BOUGHT = text(
    """
SELECT asked.id AS person_id, line.product_id
FROM unnest(CAST(:people AS bigint[])) AS asked (id)
CROSS JOIN LATERAL (
    SELECT id, created_at, items FROM orders
    WHERE shop_id = :shop_id AND person_id = asked.id AND NOT test AND cancelled_at IS NULL AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT :most
) AS bought
CROSS JOIN LATERAL jsonb_to_recordset(bought.items) AS line (product_id bigint, quantity integer,
    current_quantity integer)
WHERE line.product_id IS NOT NULL AND coalesce(line.current_quantity, line.quantity, 1) > 0
ORDER BY asked.id, bought.created_at DESC, bought.id DESC
"""
)

PRODUCT = Source(("product",), _of_run)
LISTS = tuple(
    Source(("products", name), partial(_list, ids_of))
    for name, ids_of in (
        ("bestsellers", _bestsellers),
        ("similar", _similar),
        ("new", _new),
        ("viewed", _viewed),
        ("bought", _bought),
    )
)
