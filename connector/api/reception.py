"""The events of a request: counted, checked, stored, and held against what their ids stood for before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import orjson
from marshmallow import Schema, ValidationError
from sqlalchemy import Engine, bindparam, literal_column, select

from connector.api.allowance import Allowance
from connector.api.keys import Key
from connector.api.problem import Problem, pointed, too_many
from connector.clock import monotonic
from connector.db.rows import among
from connector.metrics import Metrics
from connector.models.inbox import inbox
from connector.settings import Settings
from webhooks.topics import TOPICS
from webhooks.topics.api_events import SOURCE, topic_of
from webhooks.topics.api_payload import SCHEMAS
from webhooks.writer import InboxRow

MOST_AT_ONCE = 100
AHEAD = timedelta(minutes=5)
"""The sender's clock may be that much ahead of ours."""

Store = Callable[[Sequence[InboxRow], float], Sequence[bool]]
"""``Writer.store_all``: stores the rows until a moment (monotonic seconds), and says of each whether it was new."""


@dataclass(frozen=True)
class Told:
    """One event of a request: the sender's id and type, and its bytes in one form, whoever wrote them down."""

    id: str
    type: str
    raw: bytes


@dataclass(frozen=True)
class Reception:
    """``ring(kind, shop_id)`` is called after the commit."""

    settings: Settings
    engine: Engine
    allowance: Allowance
    metrics: Metrics
    store: Store
    ring: Callable[[str, int], None]

    def take(self, bodies: Sequence[Any], key: Key, at: str) -> list[Told]:
        """Store these events of the key's shop. ``at``: where in the body they are, a JSON pointer, {} for the number.

        Raises Problem, or NotStored when one of them is not known to be stored.
        """
        if wait := self.allowance.take(f"{key.shop_id}:{key.id}", len(bodies)):
            raise too_many(wait)
        told = self._checked(bodies, at)
        now, machine = self.settings.clock.now(), self.settings.clock.machine()
        rows = [
            InboxRow(
                shop_id=key.shop_id,
                source=SOURCE,
                external_id=one.id,
                topic=topic_of(one.type),
                lane=TOPICS[SOURCE, topic_of(one.type)].lane,
                raw=one.raw,
                headers={},
                received_at=now,
                received_real=machine,
            )
            for one in told
        ]
        new = self.store(rows, monotonic() + self.settings.intake_timeout_seconds)
        for is_new in new:
            self.metrics.webhook(SOURCE, "stored" if is_new else "duplicate")
        if any(new):
            self.ring("intake", key.shop_id)
        again = {one.id: one.raw for one, is_new in zip(told, new, strict=True) if not is_new}
        if others := _told_otherwise(self.engine, key.shop_id, again):
            named = ", ".join(others)
            raise Problem(
                409,
                "told-otherwise",
                "An id that stands for something else",
                f"Each event needs an id of its own; these were told before with another content: {named}."
                " What else was in the request is stored.",
            )
        return told

    def _checked(self, bodies: Sequence[Any], at: str) -> list[Told]:
        latest = self.settings.clock.now() + AHEAD
        told: list[Told] = []
        errors: list[tuple[str, str]] = []
        for number, body in enumerate(bodies):
            place = at.format(number)
            try:
                kind = _kind(body)
                loaded = _schema(kind).load(body)
                if loaded["occurred_at"] is not None and loaded["occurred_at"] > latest:
                    raise ValidationError({"occurred_at": "Lies in the future: look at the clock and its zone."})
                if any(one.id == loaded["id"] for one in told):
                    raise ValidationError({"id": "Twice in one request: each event needs an id of its own."})
            except ValidationError as error:
                errors += pointed(error.messages, place)
            else:
                told.append(Told(loaded["id"], kind, orjson.dumps(body, option=orjson.OPT_SORT_KEYS)))
        if errors:
            raise Problem(
                422,
                "invalid",
                "Not an event that can be taken",
                "Nothing was stored. Mend what `errors` names; /api/openapi.json describes each type.",
                errors=errors,
            )
        return told


def _kind(body: Any) -> str:
    """The type of an event. Raises ValidationError."""
    if not isinstance(body, dict):
        raise ValidationError("Not an object.")
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in SCHEMAS:
        raise ValidationError({"type": f"Say which it is: one of {', '.join(SCHEMAS)}."})
    return kind


@cache
def _schema(kind: str) -> Schema:
    return SCHEMAS[kind]()


def _told_otherwise(engine: Engine, shop_id: int, again: dict[str, bytes]) -> list[str]:
    """Which of these, by id, were told before with another content. Of what was erased meanwhile nobody knows."""
    if not again:
        return []
    with engine.connect() as connection:
        rows = connection.execute(_BEFORE, {"shop_id": shop_id, "ids": sorted(again)}).all()
    return sorted(row.external_id for row in rows if row.raw and bytes(row.raw) != again[row.external_id])


_BEFORE = select(inbox.c.external_id, inbox.c.raw).where(
    inbox.c.shop_id == bindparam("shop_id"),
    # As a literal, by which the planner sees that the index of these rows will do.
    inbox.c.source == literal_column(f"'{SOURCE}'"),
    among(inbox.c.external_id, "ids"),
)
