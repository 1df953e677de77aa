"""Outgoing HTTP: webhooks with their retries, and the visits of simulated recipients.

As documented: 2xx is done; 429 and no answer are tried again on a schedule (the provider waits 10 min, 1 h, 2 h, 8 h;
here the account's setting `webhook_retry_seconds`, real time); any other answer discards the delivery. After no answer
nothing goes to that server for a while (the provider waits 10 min; here `webhook_pause_seconds`, real time); what waits
for that is not counted as an attempt. Deliveries of one recipient leave in order unless one is tried again; nothing
else about order is promised.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import orjson
import urllib3

from sandbox.clock import Clock
from sandbox.provider.record import Record
from sandbox.provider.webhooks import payloads

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

Body = dict[str, Any]
LANES = 8
CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Parcel:
    """`about` is what the log says of it; `pauses` are the real seconds before each further attempt.

    `server_rests` are the real seconds that its server is left alone after it gave no answer.
    """

    kind: str
    lane: str
    url: str
    headers: dict[str, str]
    body: bytes
    about: dict[str, Any]
    pauses: tuple[float, ...] = ()
    server_rests: float = 0.0
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
        self._resting: dict[str, float] = {}
        for number, lane in enumerate(self._lanes):
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{number}", daemon=True).start()
        threading.Thread(target=self._bring_back, name="retries", daemon=True).start()

    def webhook(
        self, account: Account, hook_id: int, url: str, headers: dict[str, str], body: Body | list[Body]
    ) -> None:
        """One event, or the list of a batch."""
        if isinstance(body, list):
            about: Body = {
                "event": "batch",
                "email": None,
                "message_id": None,
                "batch": [payloads.about(b) for b in body],
            }
            lane = f"batch {hook_id}"
        else:
            about = payloads.about(body)
            lane = str(about["email"])
        about |= {"account": account.key, "webhook_id": hook_id}
        settings = account.settings
        parcel = Parcel("webhook", lane, url, headers, orjson.dumps(body), about)
        parcel.pauses = tuple(settings.webhook_retry_seconds)
        parcel.server_rests = settings.webhook_pause_seconds
        self._put(parcel)

    def notify(self, account: Account, url: str, body: dict[str, Any]) -> None:
        """The call of a `notifyUrl`, once."""
        about = {"account": account.key, "process_id": body["id"]}
        self._put(Parcel("notification", url, url, {"Content-Type": "application/json"}, orjson.dumps(body), about))

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
            if self._waits_for_server(parcel):
                continue
            parcel.attempts += 1
            started = self._clock.real()
            status, error = self._post(parcel)
            if status is None and parcel.server_rests:
                with self._state:
                    self._resting[_server(parcel.url)] = self._clock.real() + parcel.server_rests
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

    def _waits_for_server(self, parcel: Parcel) -> bool:
        """Put the parcel aside while its server rests."""
        if parcel.kind != "webhook":
            return False
        with self._state:
            until = self._resting.get(_server(parcel.url), 0.0)
            if until <= self._clock.real():
                return False
            heapq.heappush(self._later, (until, next(self._tie), parcel))
            self._state.notify_all()
        return True

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


def _server(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _outcome(parcel: Parcel, status: int | None, again: bool) -> str:
    if again:
        return "retry"
    if status is not None and 200 <= status < 300:
        return "ok"
    return "dropped" if status in (None, 429) else "discarded"
