"""What staff should look at, saying that one looks after it, and letting a paused channel go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from connector import audit, paging, pauses
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.shops import Shop
from sync import alerts
from sync.alerts import Alert
from sync.reports import brake


class Resume(Schema):
    """``why``: what was changed, asked for where nothing but staff ends the pause."""

    why = fields.String(load_default=None, validate=brake.WHY)


def listed(deps: Deps, shop: Shop, given: Given) -> Page[Alert]:
    """A page of all alerts, newest first."""
    after = paging.after(given["after"], int)
    with transaction(deps.engine) as connection:
        found = alerts.history(connection, shop.id, after[0] if after else None, SIZE + 1)
    return paging.page(found, lambda one: (one.id,))


def _see(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        return {"alert": given["alert_id"], "noted": alerts.see(scope, given["alert_id"], by=visitor.actor)}


def _resume(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    channel, why = given["channel"], given["why"]
    if channel == brake.CHANNEL and why is None:
        raise InvalidInput("Say what was changed, so that fewer people complain.")
    with deps.open(shop) as scope:
        if channel == brake.CHANNEL:
            lifted = brake.release(scope.connection, shop.id, scope.now)
        else:
            lifted = bool(pauses.lift(scope.connection, shop.id, (channel,)))
        if not lifted:
            raise LookupError("Nothing of that name is paused.")
        detail = {"why": why} if why else None
        audit.note(
            scope, actor=visitor.actor, act="channel.resume", object_kind="channel", object_id=channel, detail=detail
        )
    return {"channel": channel}


def _told(one: Alert) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "title": one.title,
        "subject": one.subject,
        "sentence": one.sentence,
        "detail": dict(one.detail),
        "tone": one.tone,
        "raised_at": one.raised_at,
        "seen_at": one.seen_at,
        "seen_by": one.seen_by,
        "cleared_at": one.cleared_at,
    }


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = listed(deps, shop, given)
    return {"rows": [_told(one) for one in found.rows], "next": found.next}


SEE = Act("see_alert", "alerts/<int:alert_id>/see", "Say that you look after an alert.", _see)
RESUME_CHANNEL = Act("resume_channel", "channels/<channel>/resume", "Let a paused channel go on.", _resume, Resume())
ACTS = (SEE, RESUME_CHANNEL)
VIEWS = (View("alerts", "alerts", "All alerts, newest first; those that stand have no cleared_at.", _read, Paged()),)
