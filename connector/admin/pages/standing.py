"""What stands still: paused channels, and work that has stopped until somebody looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields
from sqlalchemy import Connection, Row, text
from werkzeug.wrappers import Response

from connector import audit, pauses
from connector.admin import forms
from connector.admin.frame import asking
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from sync.reports import brake

_RECENT = timedelta(days=7)
_EXAMPLES = 20

# Heading -> (what is shown of the newest, what to do). Each names the person where there is one.
_KINDS: Mapping[str, tuple[str, str]] = {
    "Messages that Brevo refused in the last week": (
        "SELECT 'message ' || id AS what, reason, person_id FROM outbox WHERE shop_id = :shop AND state = 'failed'"
        " AND created_at > :since ORDER BY id DESC",
        "The person's page tells the message's story. A refused message is not sent again.",
    ),
    "Contacts, orders and products that Brevo refuses": (
        "SELECT entity || ' ' || entity_id AS what, reason, CASE WHEN entity IN ('contact', 'events') THEN entity_id"
        " END AS person_id FROM sync_state WHERE shop_id = :shop AND state = 'failed' ORDER BY entity_id DESC",
        "After a fix re-run the sync; the next change of the record is sent by itself.",
    ),
    "Events that Brevo refused": (
        "SELECT name AS what, reason, person_id FROM feed WHERE shop_id = :shop AND state = 'refused' ORDER BY id DESC",
        "They are not sent again.",
    ),
    "Objects that could not be read from the store": (
        "SELECT kind || ' ' || remote_id AS what, reason, CAST(NULL AS BIGINT) AS person_id FROM fetches"
        " WHERE shop_id = :shop AND state = 'failed' ORDER BY remote_id DESC",
        "The next delivery about them asks again; a re-run of the sync asks now.",
    ),
}


class _Resume(Schema):
    """``why``: what was changed, asked for where nothing but staff ends the pause."""

    why = fields.String(load_default=None, validate=brake.WHY)


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/standing")
    def standing(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            paused = pauses.pauses(connection, shop_id)
            stuck = {
                heading: (_newest(connection, deps, shop_id, query), advice)
                for heading, (query, advice) in _KINDS.items()
            }
        return render_template("admin/standing.html", paused=paused, stuck=stuck, most=_EXAMPLES)

    @routes.post("/shops/<int:shop_id>/channels/<channel>/resume")
    def resume_channel(shop_id: int, channel: str) -> Response:
        why = forms.posted(_Resume())["why"]
        if channel == brake.CHANNEL and why is None:
            raise InvalidInput("Say what was changed, so that fewer people complain.")
        with transaction(deps.engine) as connection:
            if channel == brake.CHANNEL:
                lifted = brake.release(connection, shop_id, deps.clock.now())
            else:
                lifted = bool(pauses.lift(connection, shop_id, (channel,)))
            if not lifted:
                abort(404)
            audit.record(
                connection,
                shop_id=shop_id,
                actor=asking().visitor.actor,
                act="channel.resume",
                object_kind="channel",
                object_id=channel,
                detail={"why": why} if why else None,
                now=deps.clock.now(),
            )
        return redirect(url_for("admin.standing", shop_id=shop_id, note="resumed"), 303)


def _newest(connection: Connection, deps: Deps, shop_id: int, query: str) -> Sequence[Row[tuple[str, str, int]]]:
    asked = {"shop": shop_id, "since": deps.clock.now() - _RECENT, "most": _EXAMPLES}
    return connection.execute(text(f"{query} LIMIT :most"), asked).all()
