"""A shop's flows, compiled: the active ones for enrolment, any published version for the runs inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Connection, select

from connector.models.flow import flow_versions, flows
from flows.content.source import MessageSource, parse
from flows.core.model import FlowVersion
from flows.core.signals import SignalSettings
from flows.core.validate import from_data


@dataclass(frozen=True)
class Published:
    """One published version: the flow as the core reads it and its messages as the content pipeline does."""

    flow: FlowVersion
    sources: Mapping[str, MessageSource]


@lru_cache(maxsize=512)
def _compiled(flow: str, version: int, definition: bytes, messages: bytes) -> Published:
    texts: dict[str, str] = orjson.loads(messages)
    return Published(
        from_data(orjson.loads(definition), version),
        {name: parse(f"{flow}/{name}", text) for name, text in texts.items()},
    )


class Book:
    """The flows of one shop as of one transaction. Versions never change, so they are compiled once per process."""

    def __init__(self, connection: Connection, shop_id: int) -> None:
        self._connection = connection
        self._shop_id = shop_id
        rows = connection.execute(
            select(flows.c.flow, flows.c.status, flows.c.mode, flows.c.version).where(flows.c.shop_id == shop_id)
        ).all()
        self._status = {row.flow: (row.status, row.mode) for row in rows}
        self._open: dict[tuple[str, int], Published] = {}
        # In one order, so that a batch decides the same on every machine: the higher priority first.
        self.active: tuple[FlowVersion, ...] = tuple(
            sorted(
                (
                    self.published(row.flow, row.version).flow
                    for row in rows
                    if row.status == "active" and row.mode == "native"
                ),
                key=lambda flow: (-flow.priority, flow.flow),
            )
        )

    def published(self, flow: str, version: int) -> Published:
        """This version of this flow; raises LookupError when it was never published."""
        found = self._open.get((flow, version))
        if found is None:
            row = self._connection.execute(
                select(flow_versions.c.definition, flow_versions.c.messages).where(
                    flow_versions.c.shop_id == self._shop_id,
                    flow_versions.c.flow == flow,
                    flow_versions.c.version == version,
                )
            ).first()
            if row is None:
                raise LookupError(f"{flow} version {version} was never published")
            found = _compiled(flow, version, orjson.dumps(row.definition), orjson.dumps(row.messages))
            self._open[(flow, version)] = found
        return found

    def listens(self) -> frozenset[str]:
        """The names of the events that can matter to any version that somebody may still be inside."""
        rows = self._connection.execute(
            select(flow_versions.c.flow, flow_versions.c.version).where(flow_versions.c.shop_id == self._shop_id)
        )
        return frozenset[str]().union(*(self.published(row.flow, row.version).flow.listens for row in rows))

    def paused(self, flow: str) -> bool:
        """Whether messages of this flow are held back."""
        return self._status.get(flow, ("draft", "native"))[0] == "paused"

    def signal_settings(self, shop_settings: Mapping[str, Any]) -> SignalSettings:
        """What the active flows and the shop's settings ask of the signals."""
        return SignalSettings.of(
            self.active,
            test_orders=shop_settings["include_test_orders"],
            pos_orders=shop_settings["include_pos_orders"],
            draft_orders=shop_settings["include_draft_orders"],
        )
