"""The flows of the library as a merchant chooses among them: what each is for, what it needs, and what the shop has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection

from connector import capabilities
from connector.admin import flow_words
from connector.capabilities import Capability
from connector.shops import Shop
from flows import starters
from flows.core.model import FlowVersion
from flows.core.requirements import Requirement, requirements
from flows.definition_files import read_folder
from flows.engine import lifecycle
from flows.engine.publish import library
from flows.starters import Starter


@dataclass(frozen=True)
class Need:
    """Something that a flow needs, and how the shop stands with it."""

    requirement: Requirement
    capability: Capability


@dataclass(frozen=True)
class Template:
    """``starter``: set when it is one to begin with. ``status``: of the shop's own flow of this name, None: there is
    none. ``available``: whether all is there without which it would let nobody in or send nothing."""

    flow: FlowVersion
    starter: Starter | None
    needs: Sequence[Need]
    status: str | None

    @property
    def purpose(self) -> str:
        return str(self.flow.definition.get("about", {}).get("purpose", ""))

    @property
    def starts(self) -> str:
        return flow_words.trigger(self.flow)

    @property
    def messages(self) -> Mapping[str, int]:
        """{channel: how many messages}."""
        found: dict[str, int] = {}
        for message in self.flow.messages.values():
            found[message.channel] = found.get(message.channel, 0) + 1
        return found

    @property
    def lacking(self) -> list[Need]:
        return [need for need in self.needs if not need.capability.there]

    @property
    def available(self) -> bool:
        return not any(need.requirement.vital for need in self.lacking)


def shelf(connection: Connection, shop: Shop) -> list[Template]:
    """All of them: those to begin with in the recommended order, then the others by name."""
    known = {one.name: one for one in capabilities.of(connection, shop)}
    status = {one.flow: one.status for one in lifecycle.flows_of(connection, shop.id, counted=False)}
    found = [
        Template(
            flow,
            starters.BY_FLOW.get(name),
            [Need(one, known[one.capability]) for one in requirements(flow)],
            status.get(name),
        )
        for name, flow in _shipped().items()
    ]
    order = list(starters.BY_FLOW)
    last = len(order)
    return sorted(found, key=lambda one: (order.index(one.flow.flow) if one.starter else last, one.flow.name))


def missing(templates: Sequence[Template]) -> list[Capability]:
    """What the shop has not and some of these need, each once."""
    lacking = (need.capability for one in templates for need in one.lacking)
    return list({one.name: one for one in lacking}.values())


@cache
def _shipped() -> Mapping[str, FlowVersion]:
    return {name: read_folder(starters.folder(name)).flow for name in library()}
