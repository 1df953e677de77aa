"""Asking the gate: the one verdict on a message, from the facts at hand. Asked when a message is wanted and again
right before it leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connector import quiet_hours
from connector.consent_policy import country_of, in_force
from connector.db.any_row import AnyRow
from connector.frequency_caps import shop_caps
from connector.scope import Scope
from flows.core.caps import Sent
from flows.core.gate import Defer, GateFacts, GateMessage, Rival, Skip, Verdict, gate
from flows.core.model import FlowVersion
from flows.core.permission import Permission, Yes, permission, purpose_of
from flows.engine.book import Book
from flows.engine.people import Person


@dataclass(frozen=True)
class Known:
    """What whoever asks has found out already. ``exit_mark``: an event that ends the run and has happened;
    ``channel_objects``, ``render_problem``, ``daily_quota_until``: as the gate's facts."""

    exit_mark: str | None = None
    goal_reached: bool = False
    channel_objects: Defer | Skip | None = None
    render_problem: str | None = None
    daily_quota_until: datetime | None = None


NOTHING_YET = Known()


def ask(
    scope: Scope,
    book: Book,
    flow: FlowVersion,
    person: Person,
    message: AnyRow,
    known: Known = NOTHING_YET,
) -> Verdict:
    """The gate's verdict on ``message`` (an outbox row, or one in the making)."""
    return gate(*question(scope, book, flow, person, message, known), scope.now)


def question(
    scope: Scope,
    book: Book,
    flow: FlowVersion,
    person: Person,
    message: AnyRow,
    known: Known = NOTHING_YET,
) -> tuple[GateMessage, GateFacts]:
    """What the gate is asked about ``message``, as ``ask`` asks it: the message and the facts of now."""
    settings = scope.shop.settings
    return (
        GateMessage(
            flow=flow.flow,
            run_id=message["run_id"],
            channel=message["channel"],
            purpose=message["purpose"],
            cap=flow.cap,
            priority=message["priority"],
            due_at=message["due_at"],
            deadline=message["deadline"],
            deferrals=message["deferrals"],
            not_while_in=flow.not_while_in,
            hold_after_purchase=flow.hold_after_purchase,
            on_cap=flow.steps[message["step"]].config.on_cap,
        ),
        GateFacts(
            erased=person.row["erased_at"] is not None,
            # Somebody may be inside since before the flow was left to the provider's automation.
            left_to_brevo=book.left_to_brevo(flow.flow),
            goal_reached=known.goal_reached,
            exit_mark=known.exit_mark,
            permission=_permission(scope, flow, person, message["channel"]),
            consent_pending=person.consent_pending,
            suppressed=person.suppressed.get(message["channel"]),
            held=_hold(book, flow, person),
            live_tags=live_tags(book, person, but=message["run_id"]),
            last_purchase_at=person.row["last_order_at"],
            rivals=[
                Rival(row.priority, row.due_at, row.run_id, row.flow)
                for row in person.due
                if row.purpose == "marketing" and row.id != message.get("id") and book.sends(row.flow)
            ],
            ledger=[
                Sent(row.flow, row.run_id, row.channel, row.purpose, row.cap, row.counted_at)
                for row in person.ledger
                if row.outbox_id != message.get("id")
            ],
            flow_caps=flow.caps,
            shop_caps=shop_caps(settings, message["channel"]),
            quiet=quiet_hours.of_person(person.row, message["channel"], settings, scope.shop.timezone, scope.now),
            timezone=person.home or scope.shop.timezone,
            channel_objects=known.channel_objects,
            render_problem=known.render_problem,
            daily_quota_until=known.daily_quota_until,
        ),
    )


def _hold(book: Book, flow: FlowVersion, person: Person) -> str | None:
    if book.paused(flow.flow):
        return "flow_paused"
    return "support_ticket" if person.awaits_help else None


def _permission(scope: Scope, flow: FlowVersion, person: Person, channel: str) -> Permission | None:
    """Whether this person may be sent marketing of this flow now; None when nothing is on record."""
    settings = scope.shop.settings
    purpose = purpose_of(flow.trigger.on, channel)
    return permission(
        person.consents,
        country_of(person.row, settings),
        channel,
        purpose,
        person.row["orders_count"],
        scope.now,
        in_force(settings),
    )


def may_be_written_to(scope: Scope, flow: FlowVersion, person: Person, messages: Collection[str] | None = None) -> bool:
    """Whether some message of this flow, or one of these, may be sent to this person now, as far as that hangs on them
    alone."""
    if person.row["erased_at"] is not None:
        return False
    return any(
        person.suppressed.get(one.channel) is None
        and (one.purpose == "transactional" or isinstance(_permission(scope, flow, person, one.channel), Yes))
        for name, one in flow.messages.items()
        if messages is None or name in messages
    )


def live_tags(book: Book, person: Person, *, but: UUID | None = None) -> list[str]:
    """The tags of the flows that this person is in, besides the run ``but``."""
    found: Iterable[str] = (
        tag for run in person.live.values() if run.id != but for tag in book.published(run.flow, run.version).flow.tags
    )
    return sorted(set(found))
