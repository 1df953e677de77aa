"""The person for whom a sync is asked for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from connector.errors import InvalidInput

_PERSON = text(
    "SELECT customer_id, email, merged_into FROM persons"
    " WHERE shop_id = :shop_id AND id = :person_id AND erased_at IS NULL"
)


def living(connection: Connection, shop_id: int, person_id: int) -> Row[Any]:
    """What the store knows the person by: customer_id and email, either may be None.

    Raises InvalidInput when the shop has no such person, or they were merged into another.
    """
    row = connection.execute(_PERSON, {"shop_id": shop_id, "person_id": person_id}).first()
    if row is None:
        raise InvalidInput(f"There is no person {person_id} at this shop.")
    if row.merged_into is not None:
        raise InvalidInput(f"Person {person_id} was merged into person {row.merged_into}: sync that one.")
    return row
