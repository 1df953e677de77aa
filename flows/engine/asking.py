"""Asking the gate: the one verdict on a message, from the facts at hand. Asked when a message is wanted and again
right before it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from connector import quiet_hours, whereabouts
from connector.consent_policy import country_of, in_force
from connector.scope import Scope
from flows.core.gate import Defer, GateFacts, GateMessage, Limit, Rival, Sent, Skip, Verdict, gate
from flows.core.model import FlowVersion
from flows.core.permission import CART, OWN, Permission, Yes, permission
from flows.engine.book import Book
from flows.engine.people import Person

CART_TRIGGERS = frozenset(
    {
        *("cart_created", "cart_updated", "cart_cleared"),
        *("checkout_started", "checkout_updated", "checkout_abandoned", "checkout_deleted"),
    }
)
"""A flow that starts on one of these writes about what somebody looked at or left behind, which is a purpose apart."""


def ask(
    scope: Scope,
    book: Book,
    flow: FlowVersion,
    person: Person,
    message: Mapping[str, Any],
    *,
    exit_mark: str | None = None,
    goal_reached: bool = False,
    channel_objects: Defer | Skip | None = None,
    render_problem: str | None = None,
    daily_quota_until: datetime | None = None,
) -> Verdict:
    """The gate's verdict on ``message`` (an outbox row, or one in the making)."""
    if book.left_to_brevo(flow.flow):
        # Somebody who was inside when the flow was left to the provider's automation.
        return Skip("mode_brevo")
    question = GateMessage(
        flow=flow.flow,
        run_id=message["run_id"],
        channel=message["channel"],
        purpose=message["purpose"],
        cap=flow.cap,
        priority=message["priority"],
        due_at=message["due_at"],
        deadline=message["deadline"],
        deferrals=message["deferrals"],
        exits=flow.exits,
        not_while_in=flow.not_while_in,
        hold_after_purchase=flow.hold_after_purchase,
    )
    settings = scope.shop.settings
    cap = settings["marketing_cap"]
    facts = GateFacts(
        erased=person.row["erased_at"] is not None,
        goal_reached=goal_reached,
        exit_mark=exit_mark,
        permission=_permission(scope, flow, person, message["channel"]),
        consent_pending=person.consent_pending,
        suppressed=person.suppressed.get(message["channel"]),
        held=_hold(book, flow, person),
        live_tags=live_tags(book, person, but=message["run_id"]),
        last_purchase_at=person.row["last_order_at"],
        rivals=[
            Rival(row.priority, row.due_at, row.run_id, row.flow)
            for row in person.due
            if row.purpose == "marketing" and row.id != message.get("id")
        ],
        ledger=[
            Sent(row.flow, row.run_id, row.channel, row.purpose, row.cap, row.counted_at)
            for row in person.ledger
            if row.outbox_id != message.get("id")
        ],
        shop_cap=Limit(cap["count"], cap["days"]),
        quiet=quiet_hours.of_person(person.row, message["channel"], settings, scope.shop.timezone, scope.now),
        timezone=whereabouts.home(person.row, scope.shop.timezone),
        channel_objects=channel_objects,
        render_problem=render_problem,
        daily_quota_until=daily_quota_until,
    )
    return gate(question, facts, scope.now)


def _hold(book: Book, flow: FlowVersion, person: Person) -> str | None:
    if book.paused(flow.flow):
        return "flow_paused"
    return "support_ticket" if person.awaits_help else None


def _permission(scope: Scope, flow: FlowVersion, person: Person, channel: str) -> Permission | None:
    """Whether this person may be sent marketing of this flow now; None when nothing is on record."""
    settings = scope.shop.settings
    purpose = CART if flow.trigger.on in CART_TRIGGERS else OWN[channel]
    return permission(
        person.consents,
        country_of(person.row, settings),
        channel,
        purpose,
        person.row["orders_count"],
        scope.now,
        in_force(settings),
    )


def may_be_written_to(scope: Scope, flow: FlowVersion, person: Person) -> bool:
    """Whether some message of this flow may be sent to this person now, as far as that hangs on them alone."""
    if person.row["erased_at"] is not None:
        return False
    return any(
        person.suppressed.get(one.channel) is None
        and (one.purpose == "transactional" or isinstance(_permission(scope, flow, person, one.channel), Yes))
        for one in flow.messages.values()
    )


def live_tags(book: Book, person: Person, *, but: UUID | None = None) -> list[str]:
    """The tags of the flows that this person is in, besides the run ``but``."""
    found: Iterable[str] = (
        tag for run in person.live.values() if run.id != but for tag in book.published(run.flow, run.version).flow.tags
    )
    return sorted(set(found))
