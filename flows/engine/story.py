"""A person's story: what came in, what was decided and why, what was sent. A reading of the trail, no second
implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from connector.models.event import events
from connector.models.flow import trail
from connector.models.outbox import outbox
from flows.core import reasons
from flows.core.conditions import Leaf
from flows.core.wants import in_words, shown

DELIVERY: Mapping[str, str] = {
    "gate_defer": "The message was put off.",
    "gate_skip": "The message will not be sent.",
    "provider_accepted": "The provider took the message.",
    "provider_refused": "The provider refused the message for good.",
    "provider_silent": "The provider's answer was not heard: it is looked into.",
    "provider_absent": "The provider never had the message: it is sent again.",
    "action_done": "It is done.",
    "action_skipped": "It will not be done.",
    "action_deferred": "It is put off.",
    "no_scope": "The app may not make discount codes: the merchant has not granted write_discounts.",
    "not_shown": "Nobody would see the code: this person may not be sent the message that shows it.",
    "no_percent": "The shop's settings do not say how much it takes off.",
    "no_pool": "There is no pool of this name for flows.",
    "pool_empty": "The pool has no code left; it is being filled.",
    "codes_taken": "Every code that was tried is somebody else's.",
    "coupon_ended": "The codes of the pool are no longer good.",
    "mode_brevo": "An automation at Brevo runs this flow; the connector only feeds it.",
}
"""What the engine adds to the codes of the core."""

_MEANING = {**reasons.MOVES, **reasons.REFUSALS, **DELIVERY}
_OBJECTIONS = {**DELIVERY, **reasons.OBJECTIONS, **reasons.WITHHELD}
# The run says the same again when it goes on.
_REPEATED = frozenset({"message_accepted", "message_failed"})

# Facts that only carry a decision on; the trail tells them better.
_UNTOLD = frozenset({"message_settled", "message_requested", "checkout_updated"})
_TOLD = frozenset("reason until event outcome arm message action code wait zones told_by rules".split())
"""What of a decision's detail is told."""


@dataclass(frozen=True)
class Line:
    """One line: ``kind`` is "came in", "decided" or "sent"."""

    at: datetime
    kind: str
    text: str


def tell(connection: Connection, shop_id: int, person_id: int) -> list[Line]:
    """The lines of this person's story, in the order in which they happened."""
    lines: list[tuple[datetime, int, Line]] = []
    for row in connection.execute(select(events).where(events.c.shop_id == shop_id, events.c.person_id == person_id)):
        if row.name not in _UNTOLD:
            text = f"{row.name} ({row.subject}{_about(row.props)})"
            lines.append((row.occurred_at, 0, Line(row.occurred_at, "came in", text)))
    for row in connection.execute(
        select(trail).where(trail.c.shop_id == shop_id, trail.c.person_id == person_id).order_by(trail.c.id)
    ):
        if (line := decided(row)) is not None:
            lines.append((row.at, 1, line))
    sent = select(outbox).where(outbox.c.shop_id == shop_id, outbox.c.person_id == person_id, outbox.c.state == "sent")
    # Of an action the trail tells all there is.
    for row in connection.execute(sent.where(outbox.c.message != "")):
        text = f"{row.channel} {row.flow}/{row.message}: {row.subject!r}"
        lines.append((row.sent_at, 2, Line(row.sent_at, "sent", text)))
    return [line for _, _, line in sorted(lines, key=lambda entry: entry[:2])]


def decided(row: Any) -> Line | None:
    """The line of this row of ``trail``; None for what the run says once more."""
    return None if row.code in _REPEATED else Line(row.at, "decided", _decision(row))


def because(detail: Mapping[str, Any]) -> str:
    """The leaf of a condition that decided, with its fact as it was; nothing when it was no condition."""
    found = detail.get("because")
    if not isinstance(found, Mapping):
        return ""
    leaf = in_words(Leaf(found["field"], found["op"], found["value"]))
    return f"{leaf}: {found.get('why') or 'it was ' + shown(found['fact'])}"


def _about(props: Mapping[str, Any]) -> str:
    told = []
    if "total" in props:
        told.append(f"{props['total']} {props.get('currency') or ''}".strip())
    if "new" in props:
        told.append(f"{props.get('old') or 'nothing known'} -> {props['new']}")
    if props.get("link"):
        told.append(str(props["link"])[:60])
    return "".join(f", {part}" for part in told)


def _decision(row: Any) -> str:
    where = "/".join(part for part in (row.flow, row.step) if part)
    told = [f"{key} {value}" for key, value in row.detail.items() if key in _TOLD and value]
    why = ", ".join([*told, *filter(None, [because(row.detail)])])
    meaning = _MEANING.get(row.code, row.code)
    objection = _OBJECTIONS.get(row.detail.get("reason", ""), "")
    parts = (f"{where}:" if where else "", meaning, objection, f"({why})" if why else "")
    return " ".join(part for part in parts if part)
