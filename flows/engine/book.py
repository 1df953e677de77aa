"""A shop's flows, compiled: the active ones for enrolment, any published version for the runs inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from connector.event_mapping import told_events
from connector.models.flow import flow_versions, flows
from flows.content.source import MessageSource, parse
from flows.core.loyalty import Programme
from flows.core.model import FlowVersion
from flows.core.signals import SignalSettings
from flows.core.validate import from_data


@dataclass(frozen=True)
class Published:
    """One published version: the flow as the core reads it and its messages as the content pipeline does."""

    flow: FlowVersion
    sources: Mapping[str, MessageSource]


# Versions never change, so each is compiled once per process: (flow, version, digest of its content) -> compiled.
_COMPILED: dict[tuple[str, int, str], Published] = {}
_MOST_COMPILED = 512

_STANDING = (
    select(
        flow_versions.c.flow,
        flow_versions.c.version,
        flow_versions.c.digest,
        flows.c.status,
        flows.c.mode,
        (flows.c.version == flow_versions.c.version).label("current"),
    )
    .join(flows, (flows.c.shop_id == flow_versions.c.shop_id) & (flows.c.flow == flow_versions.c.flow))
    .where(flow_versions.c.shop_id == bindparam("shop_id"))
)
_CONTENT = select(flow_versions.c.definition, flow_versions.c.messages).where(
    flow_versions.c.shop_id == bindparam("shop_id"),
    flow_versions.c.flow == bindparam("flow"),
    flow_versions.c.version == bindparam("version"),
)


class Book:
    """The flows of one shop as of one transaction."""

    def __init__(self, connection: Connection, shop_id: int) -> None:
        self._connection = connection
        self._shop_id = shop_id
        rows = connection.execute(_STANDING, {"shop_id": shop_id}).all()
        self._digests = {(row.flow, row.version): row.digest for row in rows}
        self._status = {row.flow: row.status for row in rows}
        self._mode = {row.flow: row.mode for row in rows}
        # Of those that the provider's automations run, too: their signals are derived all the same. In one order, so
        # that a batch decides the same on every machine: the higher priority first.
        self.active: tuple[FlowVersion, ...] = tuple(
            sorted(
                (self.published(row.flow, row.version).flow for row in rows if row.current and row.status == "active"),
                key=lambda flow: (-flow.priority, flow.flow),
            )
        )

    def published(self, flow: str, version: int) -> Published:
        """This version of this flow; raises LookupError when it was never published."""
        digest = self._digests.get((flow, version))
        if digest is None:
            raise LookupError(f"{flow} version {version} was never published")
        found = _COMPILED.get((flow, version, digest))
        if found is None:
            found = self._compile(flow, version)
            if len(_COMPILED) >= _MOST_COMPILED:
                _COMPILED.clear()
            _COMPILED[flow, version, digest] = found
        return found

    def _compile(self, flow: str, version: int) -> Published:
        given = {"shop_id": self._shop_id, "flow": flow, "version": version}
        row = self._connection.execute(_CONTENT, given).one()
        sources = {name: parse(f"{flow}/{name}", text) for name, text in row.messages.items()}
        return Published(from_data(row.definition, version), sources)

    def listens(self) -> frozenset[str]:
        """The names of the events that can matter to any version that somebody may still be inside."""
        return frozenset[str]().union(*(self.published(*known).flow.listens for known in self._digests))

    def needs(self) -> frozenset[str]:
        """The families of facts that any version reads that somebody may still be inside."""
        return frozenset[str]().union(*(self.published(*known).flow.needs for known in self._digests))

    def paused(self, flow: str) -> bool:
        """Whether messages of this flow are held back."""
        return self._status.get(flow) == "paused"

    def sends(self, flow: str) -> bool:
        """Whether messages of this flow leave from here now."""
        return not self.paused(flow) and not self.left_to_brevo(flow)

    def left_to_brevo(self, flow: str) -> bool:
        """Whether an automation at the provider runs this flow: it is told who enters and leaves, and nothing is sent
        here."""
        return self._mode.get(flow) == "brevo"

    def signal_settings(self, shop_settings: Mapping[str, Any]) -> SignalSettings:
        """What the active flows and the shop's settings ask of the signals."""
        return SignalSettings.of(
            self.active,
            told=told_events(shop_settings["event_mapping"]),
            test_orders=shop_settings["include_test_orders"],
            pos_orders=shop_settings["include_pos_orders"],
            draft_orders=shop_settings["include_draft_orders"],
            loyalty=Programme.of(shop_settings["loyalty"]),
            values=shop_settings["signals"],
        )


def current(connection: Connection, shop_id: int) -> list[Published]:
    """The current version of each of a shop's flows, whatever their status, by name."""
    book = Book(connection, shop_id)
    return [book.published(row.flow, row.version) for row in connection.execute(_CURRENT, {"shop_id": shop_id})]


_CURRENT = select(flows.c.flow, flows.c.version).where(flows.c.shop_id == bindparam("shop_id")).order_by(flows.c.flow)
