"""What a flow asks of named segments and of RFM, seen to when it is published."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from connector import shops
from connector.models.mapping import profile_passes
from flows.core import segments
from flows.core.model import FlowVersion
from flows.core.problems import DefinitionError, Problem

FILE = "flow.yaml"


def see_to(connection: Connection, shop_id: int, flow: FlowVersion, now: datetime, read: Collection[str] = ()) -> None:
    """Have the fifths of RFM drawn if the flow may ask for them. ``read``: the segments that its messages have variants
    for. Raises DefinitionError for a segment without a condition in this shop."""
    if segments.FAMILY in flow.needs or read:
        known = segments.of_shop(shops.load(connection, shop_id).settings["segments"])
        unknown = sorted({*_asked(flow.definition), *read} - set(known))
        if unknown:
            said = f"the shop has no segment “{unknown[0]}”; it has {', '.join(sorted(known))}"
            raise DefinitionError([Problem(FILE, 0, said)])
    if read or flow.needs & {"rfm", segments.FAMILY}:
        wanted = {"shop_id": shop_id, "due_at": now, "everybody": False}
        # One that has a night draws them then.
        statement = insert(profile_passes).values(**wanted)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["shop_id"], set_={"due_at": now}, where=profile_passes.c.due_at.is_(None)
            )
        )


def _asked(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        for name, inner in data.items():
            if isinstance(name, str) and name.startswith(f"{segments.FAMILY}."):
                yield name.removeprefix(f"{segments.FAMILY}.")
            yield from _asked(inner)
    elif isinstance(data, list | tuple):
        for inner in data:
            yield from _asked(inner)
