"""An email to the addresses of the setting ``notify`` about each alert that was raised: once.

It takes the way of the emails that flows write to staff: what an earlier try may have sent is looked for at Brevo
before it is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import RowMapping, bindparam, select, update

from connector import staff_addresses
from connector.backoff import backoff
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConfigurationError, ProviderError
from connector.logging import get
from connector.models.alert import alerts
from connector.outbox import idempotency_key
from connector.shops import Shop
from sync.alerts.kinds import KINDS

log = get(__name__)

_AT_ONCE = 5
_TRIES = 8
# Machine time for one call and its look-up.
_LEASE = timedelta(minutes=2)
_AREA = "alerts"


class Mail(Protocol):
    """Emails to staff through Brevo: ``flows.actions.notify``, which nothing of ``sync`` may import."""

    def letter(
        self, shop: Shop, to: tuple[str, ...], subject: str, text: str, *, key: str, about: str
    ) -> dict[str, Any]: ...

    def act(self, deps: Deps, shop: Shop, prepared: Mapping[str, Any]) -> Mapping[str, Any]: ...


def send_due(deps: Deps, shop: Shop, mail: Mail) -> int:
    """Send what is due; returns how many were tried."""
    to = staff_addresses.told_by_default(shop)
    done = 0
    for _ in range(_AT_ONCE):
        row = _claim(deps, shop)
        if row is None:
            break
        done += 1
        _write(deps, row, _send(deps, shop, mail, row, to) if to else {"mail": "failed"})
    return done


def _send(deps: Deps, shop: Shop, mail: Mail, row: RowMapping, to: tuple[str, ...]) -> dict[str, Any]:
    key = f"alert:{shop.id}:{row['id']}"
    kind = KINDS.get(row["kind"])
    page = f"{deps.settings.public_url}/admin/shops/{shop.id}/alerts"
    prepared = {
        "to": to,
        # An earlier try may have sent it.
        "doubted": row["mail_tries"] > 1,
        "since": row["raised_at"],
        "until": deps.clock.now(),
        "settle": deps.settings.unknown_settle_seconds,
        "tag": str(idempotency_key(key)),
        "body": mail.letter(
            shop,
            to,
            f"{shop.name}: {kind.title if kind else row['kind']}",
            f"{row['sentence']}\n\n{page}",
            key=key,
            about=_AREA,
        ),
    }
    try:
        mail.act(deps, shop, prepared)
    except ConfigurationError:
        return {"mail": "failed"}
    except ProviderError as error:
        log.warning("alert_not_mailed", shop_id=shop.id, error=type(error).__name__)
        if row["mail_tries"] >= _TRIES:
            return {"mail": "failed"}
        wait = backoff(deps.settings.retry_seconds, row["mail_tries"] - 1, error)
        return {"mail_due_real": deps.clock.machine() + timedelta(seconds=wait)}
    return {"mail": "sent"}


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    """One alert of which staff are to be told, with this try counted; nobody else tries until the lease has ended."""
    machine: datetime = deps.clock.machine()
    with transaction(deps.engine) as connection:
        row = connection.execute(_DUE, {"shop": shop.id, "machine": machine}).mappings().first()
        if row is None:
            return None
        taken = update(alerts).where(alerts.c.shop_id == shop.id, alerts.c.id == row["id"])
        changed = {"mail_tries": row["mail_tries"] + 1, "mail_due_real": machine + _LEASE}
        return connection.execute(taken.values(changed).returning(alerts)).mappings().one()


_DUE = (
    select(alerts)
    .where(
        alerts.c.shop_id == bindparam("shop"), alerts.c.mail == "due", alerts.c.mail_due_real <= bindparam("machine")
    )
    .order_by(alerts.c.mail_due_real)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def _write(deps: Deps, row: RowMapping, values: Mapping[str, Any]) -> None:
    mine = (
        (alerts.c.shop_id == row["shop_id"]) & (alerts.c.id == row["id"]) & (alerts.c.mail_tries == row["mail_tries"])
    )
    with transaction(deps.engine) as connection:
        connection.execute(update(alerts).where(mine).values(**values))
