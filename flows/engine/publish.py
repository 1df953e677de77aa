"""Publishing: a flow file becomes an immutable version, and the version new people enter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import orjson
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.models.flow import flow_versions, flows
from flows.channels import CHANNELS
from flows.content import variants
from flows.content.check import Finding, blocking
from flows.content.context import example
from flows.content.source import MessageSource, parse
from flows.core.model import FlowVersion
from flows.core.problems import DefinitionError, Problem
from flows.core.validate import from_data, to_data
from flows.definition_files import MESSAGE_SUFFIX, MESSAGES, FlowFolder, read_folder
from flows.engine import named_segments
from flows.engine.schedules import arrange

FROM_THE_START = ("cart-recovery", "welcome")
"""The flows of the library that run as soon as a shop is connected: whoever comes to the shop is met, whoever leaves
something behind is reminded. The others are templates, of which several are for the same people."""


def library() -> list[str]:
    """The flows that the product ships, by name."""
    return sorted(entry.name for entry in files("flows.library").iterdir() if (entry / "flow.yaml").is_file())


def checked(source: MessageSource) -> list[Finding]:
    """What stops a publication of a message, tried with and without an offer."""
    found = [finding for offers in (True, False) for finding in blocking(source, example(offers=offers))]
    return list(dict.fromkeys(found))


def publish_library(connection: Connection, shop_id: int, now: datetime, *, status: str = "active") -> list[str]:
    """Publish and activate the flows that a shop begins with; returns their names. Publishing unchanged files changes
    nothing. Every other flow of the library is the merchant's to choose."""
    for name in FROM_THE_START:
        publish(connection, shop_id, read_folder(Path(str(files("flows.library") / name)), checked), now, status=status)
    return list(FROM_THE_START)


def publish(connection: Connection, shop_id: int, source: FlowFolder, now: datetime, *, status: str) -> int:
    """Make these files the flow's newest version and give the flow this status; returns the version's number.

    People inside the flow keep the version that they entered with. Files equal to the newest version make none. Raises
    DefinitionError for a message that its channel could send to nobody of this shop.
    """
    return _put(connection, shop_id, source.flow, source.texts, now, status)


def publish_again(connection: Connection, shop_id: int, flow: str, version: int, now: datetime, *, status: str) -> int:
    """Make what this version was the flow's newest one; returns its number. Raises LookupError when there is no such
    version, DefinitionError as ``publish`` does."""
    found = connection.execute(
        select(flow_versions.c.definition, flow_versions.c.messages).where(
            flow_versions.c.shop_id == shop_id, flow_versions.c.flow == flow, flow_versions.c.version == version
        )
    ).one_or_none()
    if found is None:
        raise LookupError(f"{flow} has no version {version}")
    return _put(connection, shop_id, from_data(found.definition), found.messages, now, status)


def _put(
    connection: Connection, shop_id: int, flow: FlowVersion, texts: Mapping[str, str], now: datetime, status: str
) -> int:
    if problems := unsuited(connection, shop_id, texts):
        raise DefinitionError(problems)
    read = {segment for name in flow.messages for segment in variants.segments(texts, name)}
    named_segments.see_to(connection, shop_id, flow, now, read)
    definition, messages = to_data(flow), dict(texts)
    digest = sha256(orjson.dumps([definition, messages], option=orjson.OPT_SORT_KEYS)).hexdigest()
    name = flow.flow
    statement = insert(flows).values(shop_id=shop_id, flow=name, status=status, mode="native", version=0)
    connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "flow"], set_={"status": status}))
    # The row is the lock: two who publish at once make two versions, one after the other.
    mine = (flows.c.shop_id == shop_id) & (flows.c.flow == name)
    arrange(connection, shop_id, flow, now)
    newest = connection.execute(select(flows.c.version).where(mine).with_for_update()).scalar_one()
    held = connection.scalar(
        select(flow_versions.c.digest).where(
            flow_versions.c.shop_id == shop_id,
            flow_versions.c.flow == name,
            flow_versions.c.version == newest,
        )
    )
    if held == digest:
        return int(newest)
    connection.execute(
        insert(flow_versions).values(
            shop_id=shop_id,
            flow=name,
            version=newest + 1,
            definition=definition,
            messages=messages,
            digest=digest,
            published_at=now,
        )
    )
    connection.execute(update(flows).where(mine).values(version=newest + 1))
    return int(newest) + 1


def unsuited(connection: Connection, shop_id: int, texts: Mapping[str, str]) -> list[Problem]:
    """Why messages with these texts could be sent to nobody of this shop."""
    found = []
    for name, text in texts.items():
        source = parse(f"{MESSAGES}/{name}{MESSAGE_SUFFIX}", text)
        for sentence in CHANNELS[source.channel].suits(connection, shop_id, source):
            found.append(Problem(source.name, 0, sentence.rstrip(".")))
    return found
