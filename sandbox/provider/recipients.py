"""What the simulated recipients do with a message, on the business clock.

Every choice is a hash of (seed, message id, recipient, question), so a world that is played again behaves
the same. By default a message is requested and delivered, nothing more; the rates in the account's settings
turn on opens, clicks, unsubscriptions, bounces and complaints. Addresses that begin with `bounce`, `soft`,
`defer` or `complain` do so always.
"""

from __future__ import annotations

import heapq
import html
import itertools
import math
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.provider.deliveries import Deliveries
from sandbox.provider.faults import chance
from sandbox.provider.mailbox import Message
from sandbox.provider.record import Record
from sandbox.provider.webhooks import Webhooks

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

# Reading happens on a grid, so that a stepped clock has few stops.
GRID = 600
HOUR = 3600
# Answers a question about a recipient with a number in [0, 1).
Draw = Callable[[str], float]
FOLLOW_UNSUBSCRIBE = "follow_unsubscribe"
# Where an unsubscribe page lives, by convention of the senders under test.
UNSUBSCRIBE_PATH = "/u/"
_LINK = re.compile(r"""href\s*=\s*["'](https?://[^"']+)["']""", re.IGNORECASE)
REASONS = {
    "hard_bounce": "550 5.1.1 The email account that you tried to reach does not exist",
    "soft_bounce": "452 4.2.2 The mailbox is full",
    "deferred": "421 4.7.0 Try again later",
    "blocked": "blocked : due to unsubscribed user",
    "error": "Sending has been rejected because the sender you used is not valid",
}


def links(body: str) -> list[str]:
    return [html.unescape(link) for link in _LINK.findall(body)]


def _grid(at: float) -> float:
    return math.ceil(at / GRID) * float(GRID)


class Recipients:
    def __init__(self, clock: Clock, record: Record, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._clock, self._record = clock, record
        self._webhooks, self._deliveries = webhooks, deliveries
        self._lock = threading.Lock()
        # One runs what is due at a time: `advance` must not return while the ticker is in the middle of an
        # action.
        self._turn = threading.Lock()
        self._due: list[tuple[float, int, Account, Message, dict[str, Any]]] = []
        self._tie = itertools.count()

    def receive(self, account: Account, message: Message) -> None:
        """Take over an accepted message; a scheduled one begins at its time."""
        if message.due_at > message.accepted_at:
            self._plan(account, message, message.due_at, "request")
        else:
            self.act(account, message, {"event": "request", "at": message.accepted_at})

    def next_at(self) -> float | None:
        """Business time of the next action, None if nothing is planned."""
        with self._lock:
            return self._due[0][0] if self._due else None

    def run_due(self, now: float) -> int:
        """Do every action due at `now`, in order of time; answers how many."""
        done = 0
        with self._turn:
            while True:
                with self._lock:
                    if not self._due or self._due[0][0] > now:
                        return done
                    _, _, account, message, action = heapq.heappop(self._due)
                self.act(account, message, action)
                done += 1

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
        with self._lock:
            heapq.heappush(self._due, (at, next(self._tie), account, message, action))

    def _foresee(self, account: Account, message: Message, at: float) -> None:
        """Plan the life of a message that was requested at `at`."""
        rates, local = account.settings, message.to.partition("@")[0]

        def draw(question: str) -> float:
            return chance(rates.seed, message.message_id, message.to, question)

        with account.lock:
            blocked = account.mailbox.is_blocked(message.to, message.sender)
            known_sender = any(s["email"] == message.sender and s["active"] for s in account.senders)
        if not known_sender:
            return self._plan_now(account, message, at, "error")
        if blocked:
            return self._plan_now(account, message, at, "blocked")
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

    def _plan_now(self, account: Account, message: Message, at: float, event: str) -> None:
        self.act(account, message, {"event": event, "at": at})

    def _read(self, account: Account, message: Message, arrival: float, draw: Draw) -> None:
        rates = account.settings
        opened = _grid(arrival + GRID + draw("when") ** 2 * 12 * HOUR)
        # The first open is reported as unique, only later ones as opened.
        self._plan(account, message, opened, "unique_opened")
        if draw("again") < rates.reopens:
            self._plan(account, message, _grid(opened + HOUR + draw("later") * 24 * HOUR), "opened")
        found = links(message.html)
        ways_out = [link for link in found if UNSUBSCRIBE_PATH in link]
        offers = [link for link in found if UNSUBSCRIBE_PATH not in link]
        if ways_out and draw("leave") < rates.unsubscribes:
            return self._plan(account, message, opened + GRID, FOLLOW_UNSUBSCRIBE, link=ways_out[0])
        if draw("leave by header") < rates.list_unsubscribes:
            return self._plan(account, message, opened + GRID, "unsubscribed")
        if offers and draw("click") < rates.clicks:
            link = offers[int(draw("which") * len(offers))]
            self._plan(account, message, _grid(opened + draw("soon") * HOUR), "click", link=link)
