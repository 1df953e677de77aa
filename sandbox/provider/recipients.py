"""What the simulated recipients do with a message, on the business clock.

Every choice is a hash of (seed, message id, recipient, question), so a world that is played again behaves
the same. By default a message is requested and delivered, nothing more; the rates in the account's settings
turn on opens, clicks, unsubscriptions, bounces and complaints. Addresses that begin with `bounce`, `soft`,
`defer` or `complain` do so always.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.provider.agenda import Agenda
from sandbox.provider.faults import chance
from sandbox.provider.links import OWN_WAY_OUT, SENDERS_WAY_OUT, offers, ways_out
from sandbox.provider.mailbox import Message
from sandbox.provider.record import Record
from sandbox.provider.webhooks.deliveries import Deliveries
from sandbox.provider.webhooks.routing import Webhooks

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

# Reading happens on a grid, so that a stepped clock has few stops.
GRID = 600
HOUR = 3600
# Answers a question about a recipient with a number in [0, 1).
Draw = Callable[[str], float]
FOLLOW_UNSUBSCRIBE = "follow_unsubscribe"
REASONS = {
    "hard_bounce": "550 5.1.1 The email account that you tried to reach does not exist",
    "soft_bounce": "452 4.2.2 The mailbox is full",
    "deferred": "421 4.7.0 Try again later",
    "error": "Sending has been rejected because the sender you used is not valid",
}
# Reason of the block -> what the `blocked` event says of it, as captures of it read.
BLOCKED_BECAUSE = {
    "unsubscribedViaMA": "blocked : due to unsubscribed user",
    "unsubscribedViaEmail": "blocked : due to unsubscribed user",
    "unsubscribedViaApi": "blocked : due to unsubscribed user",
    "adminBlocked": "blocked : due to blacklist user",
    "hardBounce": "blocked : due to blacklist user",
    "contactFlaggedAsSpam": "blocked : due to blacklist user",
}


def _grid(at: float) -> float:
    return math.ceil(at / GRID) * float(GRID)


class Recipients:
    def __init__(
        self, clock: Clock, agenda: Agenda, record: Record, webhooks: Webhooks, deliveries: Deliveries
    ) -> None:
        self._clock, self._agenda, self._record = clock, agenda, record
        self._webhooks, self._deliveries = webhooks, deliveries

    def receive(self, account: Account, message: Message) -> None:
        """Take over an accepted message; a scheduled one begins at its time."""
        if message.due_at > message.accepted_at:
            self._plan(account, message, message.due_at, "request")
        else:
            self.act(account, message, {"event": "request", "at": message.accepted_at})

    def act(self, account: Account, message: Message, action: dict[str, Any]) -> None:
        """Let the recipient do one thing now: {"event", "at", "link"?, "reason"?}."""
        event, at = action["event"], action["at"]
        self._record.add(
            "recipient",
            account=account.key,
            message_id=message.message_id,
            email=message.to,
            event=event,
            at=at,
            link=action.get("link"),
            real_at=self._clock.real(),
        )
        if event == FOLLOW_UNSUBSCRIBE:
            self._deliveries.visit(account, message.to, action["link"])
            return
        if event in REASONS:
            action.setdefault("reason", REASONS[event])
        with account.lock:
            message.events.append(action)
            self._block(account, message, event, at)
        self._webhooks.message_event(account, message, action)
        if event == "request":
            self._foresee(account, message, at)

    def _block(self, account: Account, message: Message, event: str, at: float) -> None:
        if event == "hard_bounce":
            account.mailbox.block(message.to, "hardBounce", at)
        elif event == "complaint":
            account.mailbox.block(message.to, "contactFlaggedAsSpam", at)
        elif event == "unsubscribed":
            account.mailbox.block(message.to, "unsubscribedViaEmail", at, message.sender)

    def _plan(self, account: Account, message: Message, at: float, event: str, **more: Any) -> None:
        action = {"event": event, "at": at, **more}
        self._agenda.plan(at, lambda: self.act(account, message, action))

    def _foresee(self, account: Account, message: Message, at: float) -> None:
        """Plan the life of a message that was requested at `at`."""
        rates, local = account.settings, message.to.partition("@")[0]

        def draw(question: str) -> float:
            return chance(rates.seed, message.message_id, message.to, question)

        with account.lock:
            blocked = account.mailbox.is_blocked(message.to, message.sender)
            known_sender = account.senders.may_send(message.sender)
        if not known_sender:
            return self._plan_now(account, message, at, "error")
        if blocked:
            return self._plan_now(account, message, at, "blocked", reason=BLOCKED_BECAUSE[blocked.reason])
        arrival = at + draw("delay") * rates.delivery_seconds
        if local.startswith("bounce") or draw("hard") < rates.hard_bounces:
            return self._plan(account, message, arrival, "hard_bounce")
        if local.startswith("soft") or draw("soft") < rates.soft_bounces:
            return self._plan(account, message, arrival, "soft_bounce")
        if local.startswith("defer") or draw("defer") < rates.deferrals:
            self._plan(account, message, arrival, "deferred")
            arrival += 2 * HOUR
        self._plan(account, message, arrival, "delivered")
        if draw("proxy") < rates.proxy_opens:
            self._plan(account, message, _grid(arrival), "unique_proxy_open")
        if local.startswith("complain") or draw("complain") < rates.complaints:
            return self._plan(account, message, _grid(arrival + HOUR), "complaint")
        if draw("open") < rates.opens:
            self._read(account, message, arrival, draw)

    def _plan_now(self, account: Account, message: Message, at: float, event: str, **more: Any) -> None:
        self.act(account, message, {"event": event, "at": at, **more})

    def _read(self, account: Account, message: Message, arrival: float, draw: Draw) -> None:
        rates = account.settings
        opened = _grid(arrival + GRID + draw("when") ** 2 * 12 * HOUR)
        # The first open is reported as unique, only later ones as opened.
        self._plan(account, message, opened, "unique_opened")
        if draw("again") < rates.reopens:
            self._plan(account, message, _grid(opened + HOUR + draw("later") * 24 * HOUR), "opened")
        out = ways_out(message.html, SENDERS_WAY_OUT)
        if out and draw("leave") < rates.unsubscribes:
            return self._plan(account, message, opened + GRID, FOLLOW_UNSUBSCRIBE, link=out[0])
        if ways_out(message.html, OWN_WAY_OUT) and draw("leave by own") < rates.own_unsubscribes:
            return self._plan(account, message, opened + GRID, "unsubscribed", is_returnpath=False)
        if draw("leave by header") < rates.list_unsubscribes:
            return self._plan(account, message, opened + GRID, "unsubscribed")
        found = offers(message.html)
        if found and draw("click") < rates.clicks:
            link = found[int(draw("which") * len(found))]
            self._plan(account, message, _grid(opened + draw("soon") * HOUR), "click", link=link)
