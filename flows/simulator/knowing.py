"""What is known of a person at a moment, as flows and signals ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from flows.core import activity, behaviour_facts, rfm
from flows.core.permission import may_track_opens
from flows.core.segments import FAMILY, Membership
from flows.simulator.cast import Cast
from flows.simulator.shopper import Shopper


def person(shopper: Shopper, cast: Cast) -> dict[str, Any]:
    """The ``person`` family."""
    row, around = shopper.row, cast.around
    return {
        "id": shopper.id,
        "seed": shopper.seed,
        "was": [],
        "email": row["email"],
        "phone": row["phone"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "locale": row["locale"],
        "country": row["country"],
        "city": row["city"],
        "timezone": around.home(row),
        "tags": list(row["tags"]),
        "orders_count": row["orders_count"],
        "total_spent": f"{row['total_spent']:.2f}",
        "first_order_at": _iso(row["first_order_at"]),
        "last_order_at": _iso(row["last_order_at"]),
        "answers": dict(shopper.answers),
        "store_segments": dict(shopper.store_segments),
        "loyalty": dict(shopper.loyalty),
        "consent": shopper.shown_consents(around.country_of(row), around.policy),
    }


class Family(Mapping[str, Any]):
    """A family of facts that is found out when it is first asked for: most decisions ask for none of most families."""

    __slots__ = ("_found", "_find")

    def __init__(self, find: Callable[[], Mapping[str, Any]]) -> None:
        self._find = find
        self._found: Mapping[str, Any] | None = None

    def _all(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def behaviour(shopper: Shopper, cast: Cast, known: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """How they behave, and in which of the shop's segments they are; ``known``: the other families."""
    around, row = cast.around, shopper.row
    own = shopper.activity if shopper.profiled else activity.signs_of_life(shopper.activity)
    last = row["last_order_at"]

    def opens() -> Mapping[str, Any]:
        tracked = may_track_opens(shopper.consents, around.country_of(row), around.policy)
        # Without an entry each of them cannot be told.
        return behaviour_facts.opens(own, tracked=tracked) or {}

    found: dict[str, Any] = {
        "activity": Family(lambda: behaviour_facts.activity(own, now, known_since=shopper.since, last_order_at=last)),
        "looks": Family(
            lambda: {
                "products": own.products.to_json(),
                "categories": own.categories.to_json(),
                "search": own.search,
            }
        ),
        "opens": Family(opens),
    }
    if shopper.profiled:
        found["score"] = Family(lambda: behaviour_facts.score(own, around.scoring, now))
        found["rfm"] = Family(lambda: rfm.facts(row, around.borders))
    found[FAMILY] = Membership(around.segments, {**known, **found}, now)
    return found


def looked_up(signal: str, key: str, shopper: Shopper) -> dict[str, Any]:
    """What a clock looks at beside the person, when it is about one of these."""
    return {
        "order": shopper.orders.get(key),
        "cart": shopper.carts.get(key),
        "purchase": _purchase(shopper, key) if signal == "replenishment_due" else None,
        "birthday": {"on": shopper.birthday},
        "subscription": shopper.subscriptions.get(key.rpartition(":")[0]),
    }


def _purchase(shopper: Shopper, product: str) -> dict[str, Any] | None:
    """The newest order that has this product."""
    for order in reversed(shopper.orders.values()):
        if order["cancelled_at"] or order["deleted_at"] or order["test"]:
            continue
        for line in order["items"]:
            if str(line.get("product_id")) == product:
                return {**line, "order_id": order["order_id"], "bought_at": order["placed_at"], "sold": True}
    return None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
