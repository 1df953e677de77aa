"""Outgoing HTTP: webhooks with their retries, and the visits of simulated recipients.

As documented: 2xx is done; 429 and no answer are tried again on a schedule (the provider waits 10 min, 1 h,
2 h, 8 h; here the account's setting `webhook_retry_seconds`, real time); any other answer discards the
delivery. Deliveries of one recipient leave in order unless one is tried again; nothing else about order is
promised.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson
import urllib3

from sandbox.clock import Clock
from sandbox.provider.record import Record

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

LANES = 8
CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Parcel:
    """`about` is what the log says of it; `pauses` are the real seconds before each further attempt."""

    kind: str
    lane: str
    url: str
    headers: dict[str, str]
    body: bytes
    about: dict[str, Any]
    pauses: tuple[float, ...] = ()
    attempts: int = field(default=0, init=False)


class Deliveries:
    def __init__(self, clock: Clock, record: Record) -> None:
        self._clock, self._record = clock, record
        self._pool = urllib3.PoolManager(maxsize=LANES, block=False, retries=False)
        self._lanes: list[queue.SimpleQueue[Parcel]] = [queue.SimpleQueue() for _ in range(LANES)]
        self._state = threading.Condition()
        self._open = 0
        self._unanswered = 0
        self._later: list[tuple[float, int, Parcel]] = []
        self._tie = itertools.count()
        for number, lane in enumerate(self._lanes):
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{number}", daemon=True).start()
        threading.Thread(target=self._bring_back, name="retries", daemon=True).start()

    def webhook(self, account: Account, hook_id: int, url: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        about = {
            "account": account.key,
            "webhook_id": hook_id,
            "event": body["event"],
            "email": body["email"],
            "message_id": body.get("message-id"),
        }
        pauses = tuple(account.settings.webhook_retry_seconds)
        self._put(Parcel("webhook", body["email"], url, headers, orjson.dumps(body), about, pauses))

    def visit(self, account: Account, email: str, url: str) -> None:
        """One-click unsubscription: what a mail program posts to the sender's page."""
        about = {"account": account.key, "email": email}
        self._put(Parcel("visit", email, url, FORM, b"List-Unsubscribe=One-Click", about))

    def pending(self) -> int:
        """Deliveries that are neither done nor given up, waiting retries included."""
        with self._state:
            return self._open

    def wait_first_answers(self, seconds: float) -> int:
        """Wait (real seconds at most) until every delivery was tried once; answers how many were not."""
        with self._state:
            self._state.wait_for(lambda: self._unanswered == 0, seconds)
            return self._unanswered

    def _put(self, parcel: Parcel) -> None:
        with self._state:
            self._open += 1
            self._unanswered += 1
        self._queue(parcel)

    def _queue(self, parcel: Parcel) -> None:
        self._lanes[zlib.crc32(parcel.lane.encode()) % LANES].put(parcel)

    def _work(self, lane: queue.SimpleQueue[Parcel]) -> None:
        while True:
            parcel = lane.get()
            parcel.attempts += 1
            started = self._clock.real()
            status, error = self._post(parcel)
            again = (status is None or status == 429) and parcel.attempts <= len(parcel.pauses)
            self._log(parcel, started, status, error, _outcome(parcel, status, again))
            with self._state:
                if parcel.attempts == 1:
                    self._unanswered -= 1
                if again:
                    due = self._clock.real() + parcel.pauses[parcel.attempts - 1]
                    heapq.heappush(self._later, (due, next(self._tie), parcel))
                else:
                    self._open -= 1
                self._state.notify_all()

    def _post(self, parcel: Parcel) -> tuple[int | None, str | None]:
        headers = dict(parcel.headers)
        try:
            target = urllib3.util.parse_url(parcel.url)
            if target.auth:
                headers |= urllib3.make_headers(basic_auth=unquote(target.auth))
            timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
            answer = self._pool.request(
                "POST",
                target._replace(auth=None).url,
                body=parcel.body,
                headers=headers,
                timeout=timeout,
                redirect=False,
            )
            return answer.status, None
        except (urllib3.exceptions.HTTPError, ValueError) as problem:
            return None, f"{type(problem).__name__}: {problem}"

    def _log(self, parcel: Parcel, started: float, status: int | None, error: str | None, outcome: str) -> None:
        self._record.add(
            parcel.kind,
            **parcel.about,
            url=parcel.url,
            attempt=parcel.attempts,
            status=status,
            error=error,
            outcome=outcome,
            started_at=started,
            answered_at=self._clock.real(),
            at=self._clock.now(),
        )

    def _bring_back(self) -> None:
        while True:
            with self._state:
                wait = self._later[0][0] - self._clock.real() if self._later else None
                if wait is None or wait > 0:
                    self._state.wait(wait)
                    continue
                parcel = heapq.heappop(self._later)[2]
            self._queue(parcel)


def _outcome(parcel: Parcel, status: int | None, again: bool) -> str:
    if again:
        return "retry"
    if status is not None and 200 <= status < 300:
        return "ok"
    return "dropped" if status in (None, 429) else "discarded"
