"""What waits to leave, and what has left: all that the gate is asked about a message besides the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from flows.core.caps import MOST_DAYS
from flows.core.caps import Sent as Counted
from flows.core.gate import GateFacts, GateMessage, Rival, Send, Skip, Verdict, gate, may_act
from flows.core.model import Effect, FlowVersion
from flows.core.permission import permission, purpose_of
from flows.simulator.cast import Cast
from flows.simulator.shopper import Shopper

_KEPT = timedelta(days=MOST_DAYS + 1)
ADDRESSES = {"email": "email", "sms": "phone", "whatsapp": "phone"}
"""By channel, which column of the person is written to."""


def because(verdict: Verdict) -> str | None:
    """What stops a message: what would put it off past its deadline, else the reason; None when nothing does."""
    return None if isinstance(verdict, Send) else str(verdict.detail.get("because", verdict.reason))


@dataclass
class Letter:
    """A message or an action on its way out. ``visit``: in which visit it was wanted."""

    flow: FlowVersion
    run_id: UUID
    effect: Effect
    due_at: datetime
    visit: int
    deferrals: int = 0

    def put_off(self, until: datetime) -> None:
        self.due_at, self.deferrals = until, self.deferrals + 1


@dataclass
class Post:
    """One person's. ``waiting``: by key, in the order in which they were wanted. ``ledger``: what caps count."""

    shopper: Shopper
    cast: Cast
    waiting: dict[str, Letter] = field(default_factory=dict)
    ledger: list[Counted] = field(default_factory=list)

    def keep(self, letter: Letter) -> None:
        self.waiting[letter.effect.key] = letter

    def drop(self, run_id: UUID) -> None:
        """The run is over: what has not left will not leave."""
        for key in [key for key, letter in self.waiting.items() if letter.run_id == run_id]:
            del self.waiting[key]

    def due(self, now: datetime) -> list[Letter]:
        return [letter for letter in self.waiting.values() if letter.due_at <= now]

    def left(self, letter: Letter, now: datetime) -> None:
        """Count it. What is too old for any cap is forgotten."""
        effect = letter.effect
        self.ledger = [one for one in self.ledger if now - one.counted_at < _KEPT]
        self.ledger.append(
            Counted(letter.flow.flow, letter.run_id, effect.channel, effect.purpose, letter.flow.cap, now)
        )

    def ask(
        self,
        letter: Letter,
        live_tags: Sequence[str],
        now: datetime,
        *,
        rivals: Sequence[Letter],
        problem: str | None = None,
    ) -> Verdict:
        """The gate's verdict. ``rivals``: what else waits; ``problem``: why the message cannot be written."""
        message, facts = self._question(letter, live_tags, now, rivals, problem)
        return gate(message, facts, now)

    def counterfactual(
        self, letter: Letter, live_tags: Sequence[str], now: datetime, *, rivals: Sequence[Letter]
    ) -> str | None:
        """Why a message of a flow with a plan of its own would have been held if the shop's caps limited it."""
        message, facts = self._question(letter, live_tags, now, rivals, None)
        return because(gate(replace(message, cap="count"), facts, now))

    def may_act(self, letter: Letter, now: datetime) -> Skip | None:
        """What speaks against an action."""
        message = self._message(letter)
        verdict = may_act(message, GateFacts(erased=self.shopper.row["erased_at"] is not None), now)
        return verdict if isinstance(verdict, Skip) else None

    def _message(self, letter: Letter) -> GateMessage:
        flow, effect = letter.flow, letter.effect
        return GateMessage(
            flow=flow.flow,
            run_id=letter.run_id,
            channel=effect.channel,
            purpose=effect.purpose,
            cap=flow.cap,
            priority=effect.priority,
            due_at=letter.due_at,
            deadline=effect.deadline,
            deferrals=letter.deferrals,
            not_while_in=flow.not_while_in,
            hold_after_purchase=flow.hold_after_purchase,
            on_cap=getattr(flow.steps[effect.step].config, "on_cap", "defer"),
        )

    def _question(
        self,
        letter: Letter,
        live_tags: Sequence[str],
        now: datetime,
        rivals: Sequence[Letter],
        problem: str | None,
    ) -> tuple[GateMessage, GateFacts]:
        flow, channel, who, around = letter.flow, letter.effect.channel, self.shopper, self.cast.around
        row, country = who.row, around.country_of(who.row)
        facts = GateFacts(
            erased=row["erased_at"] is not None,
            permission=permission(
                who.consents,
                country,
                channel,
                purpose_of(flow.trigger.on, channel),
                row["orders_count"],
                now,
                around.policy,
            ),
            suppressed=who.suppressed.get(channel),
            held="support_ticket" if who.tickets and who.awaits_help(now, around.held_days) else None,
            live_tags=live_tags,
            last_purchase_at=row["last_order_at"],
            rivals=[
                Rival(one.effect.priority, one.due_at, one.run_id, one.flow.flow)
                for one in rivals
                if one is not letter and one.effect.message and one.effect.purpose == "marketing"
            ],
            ledger=self.ledger,
            flow_caps=flow.caps,
            shop_caps=around.caps(channel),
            quiet=around.quiet(row, channel, now),
            timezone=around.home(row) or around.timezone,
            render_problem=problem,
        )
        return self._message(letter), facts

    def unreachable(self, letter: Letter) -> str | None:
        """Why the channel cannot reach the person; None when it can."""
        column = ADDRESSES.get(letter.effect.channel)
        return "no_address" if column and not self.shopper.row[column] else None
