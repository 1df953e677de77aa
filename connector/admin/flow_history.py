"""The versions of a flow: when each was published, and who did it, as the audit log has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from connector.models.flow import flow_versions
from connector.models.staff import audit_log


@dataclass(frozen=True)
class Version:
    """One published version. ``by``: the actor who published it, None where nobody has noted it."""

    version: int
    published_at: datetime
    by: str | None
    taken_from: int | None = None


def versions(connection: Connection, shop_id: int, flow: str, before: int | None, most: int) -> list[Version]:
    """The newest ``most`` versions of this flow, older than ``before``; the newest first."""
    mine = (flow_versions.c.shop_id == shop_id) & (flow_versions.c.flow == flow)
    query = select(flow_versions.c.version, flow_versions.c.published_at).where(mine)
    if before is not None:
        query = query.where(flow_versions.c.version < before)
    rows = connection.execute(query.order_by(flow_versions.c.version.desc()).limit(most)).all()
    if not rows:
        return []
    noted = _noted(connection, shop_id, flow, rows[-1].published_at, rows[0].published_at)
    return [Version(row.version, row.published_at, *noted.get(row.version, (None, None))) for row in rows]


def _noted(
    connection: Connection, shop_id: int, flow: str, since: datetime, until: datetime
) -> dict[int, tuple[str | None, int | None]]:
    """{version: (who, the version that it was taken from)}, from the audit log: the first who published it."""
    lines = connection.execute(
        select(audit_log.c.actor, audit_log.c.detail)
        .where(
            audit_log.c.shop_id == shop_id,
            audit_log.c.object_kind == "flow",
            audit_log.c.object_id == flow,
            audit_log.c.act.in_(["flow.publish", "flow.rollback"]),
            audit_log.c.at.between(since, until),
        )
        .order_by(audit_log.c.id)
    )
    found: dict[int, tuple[str | None, int | None]] = {}
    for line in lines:
        if isinstance(version := line.detail.get("version"), int):
            found.setdefault(version, (line.actor, line.detail.get("to")))
    return found
