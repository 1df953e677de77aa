"""Publishing: a flow file becomes an immutable version, and the version new people enter."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import orjson
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.models.flow import flow_versions, flows
from flows.channels import CHANNELS
from flows.content.check import Finding, problems
from flows.content.context import example
from flows.content.source import MessageSource, parse
from flows.core.problems import DefinitionError, Problem
from flows.core.validate import to_data
from flows.definition_files import MESSAGE_SUFFIX, MESSAGES, FlowFolder, read_folder


def library() -> list[str]:
    """The flows that the product ships, by name."""
    return sorted(entry.name for entry in files("flows.library").iterdir() if (entry / "flow.yaml").is_file())


def checked(source: MessageSource) -> list[Finding]:
    """What is wrong with a message, tried with and without an offer; blocking findings stop a publication."""
    found = [finding for offers in (True, False) for finding in problems(source, example(offers=offers))]
    return list(dict.fromkeys(found))


def publish_library(connection: Connection, shop_id: int, now: datetime, *, status: str = "active") -> list[str]:
    """Publish and activate the shipped flows; returns their names. Publishing unchanged files changes nothing."""
    names = library()
    for name in names:
        publish(connection, shop_id, read_folder(Path(str(files("flows.library") / name)), checked), now, status=status)
    return names


def publish(connection: Connection, shop_id: int, source: FlowFolder, now: datetime, *, status: str) -> int:
    """Make these files the flow's newest version and give the flow this status; returns the version's number.

    People inside the flow keep the version that they entered with. Files equal to the newest version make none. Raises
    DefinitionError for a message that its channel could send to nobody of this shop.
    """
    _refuse_unsuited(connection, shop_id, source)
    definition, messages = to_data(source.flow), dict(source.texts)
    digest = sha256(orjson.dumps([definition, messages], option=orjson.OPT_SORT_KEYS)).hexdigest()
    name = source.flow.flow
    statement = insert(flows).values(shop_id=shop_id, flow=name, status=status, mode="native", version=0)
    connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "flow"], set_={"status": status}))
    # The row is the lock: two who publish at once make two versions, one after the other.
    mine = (flows.c.shop_id == shop_id) & (flows.c.flow == name)
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


def _refuse_unsuited(connection: Connection, shop_id: int, folder: FlowFolder) -> None:
    found = []
    for name, text in folder.texts.items():
        source = parse(f"{MESSAGES}/{name}{MESSAGE_SUFFIX}", text)
        for sentence in CHANNELS[source.channel].suits(connection, shop_id, source):
            found.append(Problem(source.name, 0, sentence.rstrip(".")))
    if found:
        raise DefinitionError(found)
