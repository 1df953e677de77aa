"""A shop's active flows, looked at anew: by the lints, steps, blocks and fields of today.

A version is checked when it is published, and the product goes on: a field that is gone, a block that was renamed or a
page that was deleted breaks what was right then. Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, and_, select

from connector.frequency_caps import shop_caps
from connector.models.flow import flow_versions, flows
from connector.models.store import collections, products
from connector.scope import Scope
from flows.content.context import example
from flows.core.model import Limit
from flows.core.permission import OWN
from flows.core.problems import DefinitionError, Problem
from flows.core.validate import from_data
from flows.definition_files import FLOW_FILE, FlowFolder
from flows.engine.people import shop_facts
from flows.linting import Said


def active(connection: Connection, shop_id: int) -> tuple[list[FlowFolder], list[Said]]:
    """The active flows as files would be read, by name; and what keeps some of them from being read today."""
    same = and_(
        flow_versions.c.shop_id == flows.c.shop_id,
        flow_versions.c.flow == flows.c.flow,
        flow_versions.c.version == flows.c.version,
    )
    query = (
        select(flows.c.flow, flow_versions.c.definition, flow_versions.c.messages)
        .join(flow_versions, same)
        .where(flows.c.shop_id == shop_id, flows.c.status == "active")
        .order_by(flows.c.flow)
    )
    found: list[FlowFolder] = []
    said: list[Said] = []
    for row in connection.execute(query):
        file = f"{row.flow}/{FLOW_FILE}"
        try:
            found.append(FlowFolder(from_data(row.definition), row.messages, file))
        except DefinitionError as error:
            problems = (Problem(file, 0, one.sentence, one.todo) for one in error.problems)
            said += [Said("error", "definition", row.flow, problem) for problem in problems]
    return found, said


def caps_of(settings: Mapping[str, Any]) -> Mapping[str, Sequence[Limit]]:
    """The shop's frequency caps, by channel."""
    return {channel: shop_caps(settings, channel) for channel in OWN}


def context_of(scope: Scope) -> dict[str, Any]:
    """What messages are tried with: invented people, and the shop as it is."""
    shop = shop_facts(scope)
    # Not the sender's address, which stands in for the postal one: that this is missing is to be seen.
    return {**example(), "shop": {**shop, "address": scope.shop.settings["address"]}}


def missing_pages(scope: Scope, addresses: Sequence[str]) -> dict[str, str]:
    """{address: why nothing is there}, of those that lead to a product or a collection of the shop."""
    hosts = {scope.shop.domain, urlsplit(str(scope.shop.settings["url"] or "")).hostname or scope.shop.domain}
    wanted: dict[str, tuple[str, str]] = {}
    for address in addresses:
        parts = urlsplit(address)
        kind, _, handle = parts.path.strip("/").partition("/")
        if parts.hostname in hosts and kind in ("products", "collections") and handle and handle != "all":
            wanted[address] = (kind, unquote(handle).rsplit("/", 1)[-1])
    if not wanted:
        return {}
    there = {kind: _handles(scope, kind, {handle for _, handle in wanted.values()}) for kind, _ in wanted.values()}
    return {
        address: f"the shop has no {'product' if kind == 'products' else 'collection'} {handle}"
        for address, (kind, handle) in wanted.items()
        if handle not in there[kind]
    }


def _handles(scope: Scope, kind: str, handles: set[str]) -> set[str]:
    table = products if kind == "products" else collections
    query = select(table.c.handle).where(
        table.c.shop_id == scope.shop_id, table.c.handle.in_(sorted(handles)), table.c.deleted_at.is_(None)
    )
    if kind == "products":
        query = query.where(table.c.status == "active")
    return set(scope.connection.scalars(query))
