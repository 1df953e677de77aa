"""Values of a profile that are computed when a contact is sent: one module each, and one line here.

They are not kept, so they are as true as what they are made from. What they need of orders is read for a whole batch at
once (``known``). That a change of it has the contact sent again: ``sync.orders``, and ``sync.profile_pass`` for what
changes by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from connector.attribute_values import Dropped
from connector.shops import Shop
from sync.profile_values import (
    average_order_value,
    days_between_orders,
    favourite_category,
    favourite_collection,
    favourite_product_type,
    favourite_vendor,
    known,
    last_coupon,
    last_order_amount,
    last_order_id,
    last_order_items,
    last_order_name,
    lifetime_days,
    rfm_frequency,
    rfm_monetary,
    rfm_recency,
    rfm_score,
)
from sync.profile_values.value import Value

VALUES: Mapping[str, Value] = {
    one.name: one
    for one in (
        average_order_value.VALUE,
        days_between_orders.VALUE,
        lifetime_days.VALUE,
        last_order_id.VALUE,
        last_order_name.VALUE,
        last_order_amount.VALUE,
        last_order_items.VALUE,
        last_coupon.VALUE,
        favourite_category.VALUE,
        favourite_product_type.VALUE,
        favourite_collection.VALUE,
        favourite_vendor.VALUE,
        rfm_recency.VALUE,
        rfm_frequency.VALUE,
        rfm_monetary.VALUE,
        rfm_score.VALUE,
    )
}

_OBJECTED = Dropped("they objected to profiling")


def read(
    connection: Connection, shop: Shop, people: Mapping[int, Mapping[str, Any]], names: Collection[str]
) -> dict[int, dict[str, Any]]:
    """{person id: {name: value, None or Dropped}} of ``people`` ({id: row of ``persons``}).

    In at most four statements, however many people and values.
    """
    values = [VALUES[name] for name in names]
    if not values or not people:
        return {}
    objectors = known.objectors(connection, shop, people) if any(one.profiling for one in values) else frozenset()
    return {
        person_id: {one.name: _OBJECTED if one.profiling and person_id in objectors else one.of(of) for one in values}
        for person_id, of in known.read(connection, shop, people, {one.needs for one in values}).items()
    }
