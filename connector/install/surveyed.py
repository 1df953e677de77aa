"""How far the survey of a shop's Brevo account is (``connector.install.survey``), and what it has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from connector.models.survey import address_opt_outs, brevo_surveys

SOURCE = "brevo"
"""Whose word the opt-outs are."""

_SPOKEN: Mapping[str, str] = {
    "contacts": "contacts",
    "blocked": "blocked addresses",
    "account": "plan",
    "lists": "lists",
    "senders": "senders",
    "webhooks": "webhooks",
    "templates": "templates",
}


@dataclass(frozen=True)
class Survey:
    """A row of ``brevo_surveys``. ``first``: the account is held until its opt-outs are known."""

    account: str
    state: str
    stage: str
    place: int
    since: datetime | None
    counts: Mapping[str, Any]
    found: Mapping[str, Any]
    idempotency: Mapping[str, Any] | None
    attempts: int
    reason: str | None
    began_at: datetime
    done_at: datetime | None
    lease_real: datetime | None

    @property
    def first(self) -> bool:
        return self.since is None

    @property
    def knows_opt_outs(self) -> bool:
        return self.state == "done" or self.stage not in ("contacts", "blocked")

    @property
    def sentence(self) -> str:
        """How far it is, for staff."""
        if self.state == "done":
            return f"Brevo's account was last read on {self.began_at:%Y-%m-%d %H:%M} UTC."
        read, of = self.counts.get(self.stage, (0, 0))
        spoken = _SPOKEN[self.stage]
        far = f"{read} of {of} {spoken} read" if of else f"its {spoken} come next"
        waits = (
            "" if self.knows_opt_outs or not self.first else " Until the opt-outs are known nothing is told or sent."
        )
        trouble = f" It could not go on: {self.reason}." if self.reason else ""
        return f"Brevo is being asked what it holds: {far}.{waits}{trouble}"


def of_shop(connection: Connection, shop_id: int) -> Survey | None:
    """The shop's survey; None when it was connected by a release that made none."""
    names = Survey.__annotations__
    row = connection.execute(
        select(*(brevo_surveys.c[name] for name in names)).where(brevo_surveys.c.shop_id == shop_id)
    ).first()
    return None if row is None else Survey(*row)


def opted_out(connection: Connection, shop_id: int) -> dict[str, int]:
    """{channel: addresses that are known to have opted out at Brevo}"""
    query = (
        select(address_opt_outs.c.channel, func.count())
        .where(address_opt_outs.c.shop_id == shop_id, address_opt_outs.c.source == SOURCE)
        .group_by(address_opt_outs.c.channel)
    )
    return {channel: count for channel, count in connection.execute(query)}
