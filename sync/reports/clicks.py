"""Somebody has followed a short link of ours: what Brevo would tell of an email, and of texts nobody else can tell.

Each click is kept with its time; the first of a message is the event that flows hear of.
"""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.models.outbox import outbox
from connector.models.short_link import short_link_clicks
from connector.outbox import hold
from connector.scope import Scope
from sync.reports import messages, states

CLICKED = "message_clicked"
MOST_CLICKS = 100
"""Of one link that are kept: more are no person's."""


def clicked(scope: Scope, outbox_id: int, link_id: str, target: str) -> None:
    """Note a click on this link in our message; nothing when the message is gone."""
    named = scope.connection.execute(_WHOSE, {"shop_id": scope.shop_id, "id": outbox_id}).mappings().first()
    row = hold(scope, named) if named else None
    if row is None:
        return
    # Under the person's lock, so that two clicks do not get one number.
    link = {"shop_id": scope.shop_id, "link_id": link_id}
    n = int(scope.connection.scalar(_LAST, link) or 0) + 1
    if n > MOST_CLICKS:
        return
    noted = {**link, "n": n, "outbox_id": outbox_id, "clicked_at": scope.now}
    scope.connection.execute(insert(short_link_clicks), noted)
    if row["clicked_at"] is not None:
        return
    values = {"clicked_at": scope.now, "reported": states.after(row["reported"], CLICKED)}
    scope.connection.execute(
        update(outbox).where(outbox.c.shop_id == scope.shop_id, outbox.c.id == outbox_id).values(**values)
    )
    props = {**messages.about(row), "channel": row["channel"], "event": CLICKED, "link": target}
    subject = f"message:{outbox_id}"
    fact = eventlog.Fact(
        CLICKED, f"click:{outbox_id}", scope.now, subject, row["person_id"], props=props, source="connector"
    )
    eventlog.append(scope, [fact])


_WHOSE = select(outbox.c.id, outbox.c.person_id).where(
    outbox.c.shop_id == bindparam("shop_id"), outbox.c.id == bindparam("id")
)
_LAST = select(func.max(short_link_clicks.c.n)).where(
    short_link_clicks.c.shop_id == bindparam("shop_id"), short_link_clicks.c.link_id == bindparam("link_id")
)
