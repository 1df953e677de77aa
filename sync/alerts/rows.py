"""Alerts as rows: raised once, kept up to date while their cause is there, taken back by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from connector import audit
from connector.models.alert import alerts
from connector.scope import Scope
from sync.alerts.kinds import KINDS
from sync.alerts.kinds.kind import Finding, Kind

_QUIET = timedelta(days=1)
"""Business time in which what comes back is not told by email again."""
_KEPT = timedelta(days=400)
SIZE = 50


@dataclass(frozen=True)
class Alert:
    """``sentence``: what is wrong and what to do. ``tone``: warning | critical. It stands until
    ``cleared_at``; ``seen_at``: when somebody (``seen_by``, as in the audit log) said that they look after it.
    """

    id: int
    kind: str
    subject: str
    sentence: str
    detail: Mapping[str, Any]
    tone: str
    raised_at: datetime
    seen_at: datetime | None
    seen_by: str | None
    cleared_at: datetime | None

    @property
    def title(self) -> str:
        """What it is, in few words."""
        return KINDS[self.kind].title if self.kind in KINDS else self.kind.replace("_", " ")


def open_alerts(connection: Connection, shop_id: int) -> list[Alert]:
    """What stands at this shop: in the order of the kinds, what nobody has seen yet first."""
    rows = connection.execute(_STANDING, {"shop": shop_id}).all()
    order = {name: place for place, name in enumerate(KINDS)}
    found = [_alert(row) for row in rows]
    return sorted(found, key=lambda one: (one.seen_at is not None, order.get(one.kind, len(order)), one.id))


def history(connection: Connection, shop_id: int, before: int | None = None, size: int = SIZE) -> list[Alert]:
    """The newest ``size`` alerts of this shop that were raised before alert ``before``; newest first."""
    query = select(alerts).where(alerts.c.shop_id == shop_id).order_by(alerts.c.id.desc()).limit(size)
    if before is not None:
        query = query.where(alerts.c.id < before)
    return [_alert(row) for row in connection.execute(query)]


def see(scope: Scope, alert_id: int, *, by: str) -> bool:
    """Note that somebody looks after it; False when somebody did already, or it was taken back. Raises LookupError when
    the shop has no such alert. ``by``: the actor, for the audit log."""
    this = (alerts.c.shop_id == scope.shop_id) & (alerts.c.id == alert_id)
    row = scope.connection.execute(select(alerts).where(this).with_for_update()).first()
    if row is None:
        raise LookupError(f"There is no alert {alert_id}.")
    if row.seen_at is not None or row.cleared_at is not None:
        return False
    scope.connection.execute(update(alerts).where(this).values(seen_at=scope.now, seen_by=by))
    audit.note(scope, actor=by, act="alert.see", object_kind="alert", object_id=alert_id, detail={"kind": row.kind})
    return True


def keep(scope: Scope, kind: Kind, findings: Sequence[Finding]) -> int:
    """Hold the alerts of this kind to what was found now; returns how many were raised."""
    standing = {
        row.subject: row for row in scope.connection.execute(_OF_KIND, {"shop": scope.shop_id, "of": kind.name})
    }
    raised = 0
    for one in findings:
        row = standing.pop(one.subject, None)
        if row is not None:
            _renew(scope, row, one)
        elif not one.faint:
            _raise(scope, kind, one)
            raised += 1
    for row in standing.values():
        if scope.now - row.found_at >= kind.settles:
            _change(scope, row.id, {"cleared_at": scope.now})
    return raised


def forget(scope: Scope) -> None:
    """Take back what is of no kind any more, and forget what was over long ago."""
    gone = (alerts.c.shop_id == scope.shop_id) & alerts.c.cleared_at.is_(None) & alerts.c.kind.not_in(list(KINDS))
    scope.connection.execute(update(alerts).where(gone).values(cleared_at=scope.now))
    old = (alerts.c.shop_id == scope.shop_id) & (alerts.c.cleared_at < scope.now - _KEPT)
    scope.connection.execute(delete(alerts).where(old))


def _raise(scope: Scope, kind: Kind, one: Finding) -> None:
    asked = {"shop": scope.shop_id, "of": kind.name, "about": one.subject, "since": scope.now - _QUIET}
    told = kind.mails and bool(scope.shop.settings["notify"]) and not scope.connection.scalar(_TOLD_LATELY, asked)
    values = {
        "shop_id": scope.shop_id,
        "kind": kind.name,
        "subject": one.subject,
        "sentence": one.sentence,
        "detail": dict(one.detail),
        "tone": one.tone,
        "raised_at": scope.now,
        "found_at": scope.now,
        "mail": "due" if told else None,
        "mail_due_real": scope.machine if told else None,
        "mail_tries": 0,
    }
    scope.connection.execute(insert(alerts).values(values))


def _renew(scope: Scope, row: Row[Any], one: Finding) -> None:
    """What is faint says less than what raised it: its words stay."""
    said = {} if one.faint else {"sentence": one.sentence, "detail": dict(one.detail), "tone": one.tone}
    _change(scope, row.id, {"found_at": scope.now, **said})


def _change(scope: Scope, alert_id: int, values: Mapping[str, Any]) -> None:
    this = (alerts.c.shop_id == scope.shop_id) & (alerts.c.id == alert_id)
    scope.connection.execute(update(alerts).where(this).values(**values))


_STANDING = select(alerts).where(alerts.c.shop_id == bindparam("shop"), alerts.c.cleared_at.is_(None))
_OF_KIND = _STANDING.where(alerts.c.kind == bindparam("of")).with_for_update()
_TOLD_LATELY = select(func.count()).where(
    alerts.c.shop_id == bindparam("shop"),
    alerts.c.kind == bindparam("of"),
    alerts.c.subject == bindparam("about"),
    alerts.c.raised_at > bindparam("since"),
    alerts.c.mail.is_not(None),
)


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.id, row.kind, row.subject, row.sentence, row.detail, row.tone, row.raised_at, row.seen_at, row.seen_by,
        row.cleared_at,
    )  # fmt: skip
