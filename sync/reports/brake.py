"""The complaint brake: when too many people report the marketing emails of a shop as spam, its marketing emails stand
still until staff let them go on. Transactional emails go on.

Mailbox providers stop delivering *all* mail of a sender at 0.3 % complaints (Gmail's sender guidelines), order
confirmations too. What is counted are the messages that the flows sent, as Brevo reports them; the settings
``complaint_brake`` of the shop say when it is too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from marshmallow import validate
from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector import pauses
from connector.logging import get
from connector.models.report import complaint_brakes
from connector.scope import Scope
from connector.shops import Shop

log = get(__name__)

CHANNEL = "email:marketing"
"""What is paused."""

WHY = validate.And(
    validate.Length(min=5, max=200),
    validate.Regexp(r"[^@]*\Z", error="Name nobody: the audit log keeps this for good."),
)
"""What staff may write when they let it go on."""


@dataclass(frozen=True)
class Rate:
    """``delivered``: marketing emails that reached a mailbox since ``since``; ``complaints``: of which so many."""

    complaints: int
    delivered: int
    since: datetime

    @property
    def percent(self) -> float:
        return 100 * self.complaints / max(1, self.delivered)


def rate(connection: Connection, shop: Shop, now: datetime) -> Rate:
    """The complaints of the days that the shop's settings name, or since staff last released the brake."""
    rule = shop.settings["complaint_brake"]
    released = connection.scalar(_RELEASED, {"shop_id": shop.id})
    since = max(one for one in (released, now - timedelta(days=rule["days"])) if one is not None)
    row = connection.execute(_COUNT, {"shop_id": shop.id, "since": since}).one()
    return Rate(row.complaints, row.delivered, since)


_RELEASED = (
    select(complaint_brakes.c.released_at)
    .where(complaint_brakes.c.shop_id == bindparam("shop_id"), complaint_brakes.c.released_at.is_not(None))
    .order_by(complaint_brakes.c.released_at.desc())
    .limit(1)
)
# A complaint says by itself that the message was delivered.
_COUNT = text(
    """
SELECT
    (SELECT count(*) FROM outbox WHERE shop_id = :shop_id AND complained_at > :since
        AND channel = 'email' AND purpose = 'marketing') AS complaints,
    (SELECT count(*) FROM outbox WHERE shop_id = :shop_id AND delivered_at > :since
        AND channel = 'email' AND purpose = 'marketing') AS delivered
"""
)


def is_too_much(shop: Shop, found: Rate) -> bool:
    """Whether this is past what the settings allow. Few mails make a rate by chance: there have to be enough of either
    mails or complaints."""
    rule = shop.settings["complaint_brake"]
    enough = found.delivered >= rule["least_delivered"] or found.complaints >= rule["least_complaints"]
    return bool(enough and found.percent > rule["percent"])


def consider(scope: Scope) -> bool:
    """After a complaint: engage the brake if there are too many by now; returns whether it did."""
    if not scope.shop.settings["complaint_brake"]["on"]:
        return False
    found = rate(scope.connection, scope.shop, scope.now)
    if not is_too_much(scope.shop, found):
        return False
    detail = (
        f"{found.complaints} of {found.delivered} delivered marketing emails were reported as spam"
        f" ({found.percent:.2f} %) since {found.since:%Y-%m-%d %H:%M} UTC"
    )
    begun = scope.connection.execute(
        insert(complaint_brakes)
        .values(shop_id=scope.shop_id, engaged_at=scope.now, complaints=found.complaints, delivered=found.delivered)
        .on_conflict_do_nothing()
    )
    if not begun.rowcount:
        return False
    pauses.hold(scope.connection, scope.shop_id, CHANNEL, "complaints", detail, scope.now)
    log.error("complaint_brake", shop_id=scope.shop_id, complaints=found.complaints, delivered=found.delivered)
    return True


def release(connection: Connection, shop_id: int, now: datetime) -> bool:
    """Staff let the marketing emails go on: what was counted until now counts no more. False when nothing held them."""
    if not pauses.lift(connection, shop_id, (CHANNEL,)):
        return False
    connection.execute(
        update(complaint_brakes)
        .where(complaint_brakes.c.shop_id == shop_id, complaint_brakes.c.released_at.is_(None))
        .values(released_at=now)
    )
    return True
