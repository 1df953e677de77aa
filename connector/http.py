"""The one door for outgoing HTTP: time-outs, size caps, no redirects, no proxies from the environment.

Two stacks, because the provider's SDK brings its own: ``requests`` for the store, ``httpx`` for the SDK. Both
say the same thing when a call does not end in an answer:

* ``NotSent``: it cannot have arrived as a whole (refused, DNS, TLS, connect time-out, full pool, too late);
* ``NoAnswer``: it may have left, and no whole answer was read (time-out, reset, half an answer, too large).

The adapters turn that into a verdict of ``connector.errors``.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import requests
import urllib3

from connector.clock import monotonic
from connector.crashpoints import reach

# Seconds of machine time to reach the other side. A server that does not accept by then is as good as down,
# and nothing has left yet, so trying again is free.
CONNECT_SECONDS = 2.0
# No answer that we ask for is near this; a larger one is a fault and must not fill the memory.
LARGEST_ANSWER = 8 * 1024 * 1024
_POOL = 32
_CHUNK = 65536
# Of a body that leaves by a moment, between two looks at the clock: what the system takes at once.
_PIECE = 16384


class CallFailed(Exception):
    """A call that brought no whole answer."""


class NotSent(CallFailed):
    """The request did not leave this machine, or not as a whole."""


class Late(NotSent):
    """The permission to send had run out before all of the request left: nobody can have taken it."""


class NoAnswer(CallFailed):
    """The request may have arrived; no whole answer was read."""


class NoFile(NoAnswer):
    """The other side does not give the file: it answered with another ``status`` than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True)
class Answer:
    """``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


_leave_by: ContextVar[float | None] = ContextVar("leave_by", default=None)
_heard: ContextVar[list[httpx.Response] | None] = ContextVar("heard", default=None)


@contextmanager
def leaving_by(moment: float | None) -> Iterator[None]:
    """Inside the block a request does not leave after ``moment`` (monotonic seconds): NotSent is raised.

    Waiting for a pooled connection, for DNS or for TLS can take longer than the permission to send was good
    for. The check sits right before the first byte is written, and before each piece of the body.
    """
    token = _leave_by.set(moment)
    try:
        yield
    finally:
        _leave_by.reset(token)


@contextmanager
def hearing() -> Iterator[list[httpx.Response]]:
    """Collects the answers that come through a guarded client inside the block, whatever the caller makes of
    them: an SDK may hide or spoil one.
    """
    heard: list[httpx.Response] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


class Http:
    """One per process, made after the fork: connection pools must not be shared between processes."""

    def __init__(
        self,
        *,
        provider_timeout: float = 10.0,
        store_timeout: float = 5.0,
        provider: httpx.Client | None = None,
    ) -> None:
        """Time-outs are for a whole call. ``provider`` replaces the provider's client in tests."""
        self._provider_timeout = provider_timeout
        self._store_timeout = store_timeout
        self._provider = provider
        self._guard = threading.Lock()
        # requests does not promise that a session may be used by two threads at once.
        self._local = threading.local()

    @property
    def provider(self) -> httpx.Client:
        """The client that the provider's SDK sends through; shared by all accounts and threads of this process."""
        with self._guard:
            # Made on first use: its TLS context takes 20 ms that a web process need not spend.
            if self._provider is None:
                self._provider = guarded_client(self._provider_timeout)
            return self._provider

    def post_to_store(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST ``body``. Raises NotSent or NoAnswer; every HTTP status is an answer."""
        return self._ask("POST", url, headers, body, self._store_timeout)

    def post_to_provider(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST ``body`` where the provider's SDK has no call for it. Raises and answers as ``post_to_store``."""
        return self._ask("POST", url, headers, body, self._provider_timeout)

    def get(self, url: str, timeout: float) -> Answer:
        """GET, within ``timeout`` seconds. Raises NotSent or NoAnswer; every HTTP status is an answer."""
        return self._ask("GET", url, {}, b"", timeout)

    def pieces(self, url: str, timeout: float, *, start: int = 0) -> Iterator[bytes]:
        """GET, whose answer is handed on as it comes and may be of any size, within ``timeout`` seconds.

        ``start``: leave out so many bytes; a server that sends them all the same has them skipped. Raises NotSent, or
        NoAnswer; NoFile when the status is not that of an answer, NoAnswer when it comes packed.
        """
        deadline = monotonic() + timeout
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            response = self._session.get(
                url,
                headers=headers,
                timeout=(min(CONNECT_SECONDS, timeout), timeout),
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise _from_requests(error) from error
        with response:
            skip = _to_skip(response, start)
            try:
                for piece in _as_it_comes(response.raw):
                    if monotonic() > deadline:
                        raise NoAnswer("the answer was not complete in time")
                    left, skip = piece[skip:], max(skip - len(piece), 0)
                    if left:
                        yield left
            except urllib3.exceptions.HTTPError as error:
                raise NoAnswer(type(error).__name__) from error

    def close(self) -> None:
        """Let go of the connections of this thread and of the provider's."""
        with self._guard:
            if self._provider is not None:
                self._provider.close()
        if (session := getattr(self._local, "session", None)) is not None:
            session.close()

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes, longest: float) -> Answer:
        deadline = monotonic() + longest
        timeout = (min(CONNECT_SECONDS, longest), longest)
        try:
            response = self._session.request(
                method, url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=False, stream=True
            )
        except requests.RequestException as error:
            raise _from_requests(error) from error
        with response:
            try:
                read = _bounded(_as_it_comes(response.raw), deadline)
            except urllib3.exceptions.HTTPError as error:
                raise NoAnswer(type(error).__name__) from error
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, lower, read)

    @property
    def _session(self) -> requests.Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.headers["Accept-Encoding"] = "identity"
            adapter = requests.adapters.HTTPAdapter(pool_maxsize=_POOL, max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session


def guarded_client(timeout: float, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """An httpx client with this door's rules. ``transport`` replaces the network in tests."""
    limits = httpx.Limits(max_connections=_POOL, max_keepalive_connections=_POOL, keepalive_expiry=5.0)
    inner = transport or httpx.HTTPTransport(verify=trusted(), limits=limits, trust_env=False)
    connect = min(CONNECT_SECONDS, timeout)
    return httpx.Client(
        transport=_GuardedTransport(inner, timeout),
        timeout=httpx.Timeout(timeout, connect=connect, pool=connect),
        # Sizes are capped as they come in, so nothing may come packed.
        headers={"accept-encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


@cache
def trusted() -> ssl.SSLContext:
    """Whose certificates count. Reading them takes 20 ms, which once per process is enough."""
    return httpx.create_ssl_context(trust_env=False)


def classify(error: httpx.HTTPError | httpx.InvalidURL | CallFailed) -> CallFailed:
    """NotSent or NoAnswer for an error of httpx."""
    if isinstance(error, CallFailed):
        return error
    before = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
    kind = NotSent if isinstance(error, (*before, httpx.InvalidURL)) else NoAnswer
    return kind(type(error).__name__)


class _GuardedTransport(httpx.BaseTransport):
    """Reads every answer whole, within a size and a time, and stops requests that would leave too late."""

    def __init__(self, inner: httpx.BaseTransport, timeout: float) -> None:
        self._inner = inner
        self._timeout = timeout

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        leave_by = _leave_by.get()
        if leave_by is not None:
            request.extensions = {**request.extensions, "trace": _stop_after(leave_by)}
            assert isinstance(request.stream, httpx.SyncByteStream)  # noqa: S101  the client is no asynchronous one
            request.stream = _InTime(request.stream, leave_by)
        # httpx allows its read time-out for each piece; a server that drips would never end.
        # A call may be given more time than all others (a body of megabytes).
        asked = request.extensions.get("timeout", {})
        longest = max(self._timeout, asked.get("read") or 0.0)
        # ... but nothing speaks for waiting longer for the other side to accept it.
        soon = {name: min(asked.get(name) or longest, CONNECT_SECONDS) for name in ("connect", "pool")}
        request.extensions = {**request.extensions, "timeout": {**asked, **soon}}
        deadline = monotonic() + longest
        response = self._inner.handle_request(request)
        try:
            content = _bounded(iter(response.stream), deadline)  # type: ignore[arg-type]
        finally:
            response.close()
        whole = httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(content),
            extensions=response.extensions,
        )
        if (heard := _heard.get()) is not None:
            heard.append(whole)
        return whole

    def close(self) -> None:
        self._inner.close()


def _stop_after(leave_by: float) -> Any:
    def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            _permitted(leave_by)
        if event.endswith("send_request_headers.complete"):
            reach("t4.half_sent")
        elif event.endswith("send_request_body.complete"):
            reach("t4.sent")

    return trace


class _InTime(httpx.SyncByteStream):
    """A body of which nothing leaves after its permission has ended. Who is held up in the middle has sent a part of a
    request, which nobody takes, and must not make it a whole one when another may have sent the message meanwhile."""

    def __init__(self, body: Iterable[bytes], leave_by: float) -> None:
        self._body = body
        self._leave_by = leave_by

    def __iter__(self) -> Iterator[bytes]:
        for whole in self._body:
            for start in range(0, len(whole), _PIECE):
                _permitted(self._leave_by)
                yield whole[start : start + _PIECE]


def _permitted(leave_by: float) -> None:
    """Raises Late."""
    if monotonic() > leave_by:
        raise Late("the permission to send had run out before all of the request left")


def _to_skip(response: requests.Response, start: int) -> int:
    """How many bytes of this answer are before ``start``. Raises NoFile and NoAnswer."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        # What it would come to unpacked nobody knows.
        raise NoAnswer("the file comes packed")
    if response.status_code == 200:
        return start
    if response.status_code == 206 and start:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise NoAnswer("the file does not go on where it was asked to")
        return 0
    raise NoFile(response.status_code)


def _as_it_comes(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    # Not iter_content: it waits until a piece is full, and a server that drips would hold it for ever.
    while piece := raw.read1(_CHUNK, decode_content=False):
        yield piece


def _bounded(pieces: Iterator[bytes], deadline: float) -> bytes:
    read = bytearray()
    for piece in pieces:
        read += piece
        if len(read) > LARGEST_ANSWER:
            raise NoAnswer(f"the answer is larger than {LARGEST_ANSWER} bytes")
        if monotonic() > deadline:
            raise NoAnswer("the answer was not complete in time")
    return bytes(read)


def _from_requests(error: requests.RequestException) -> CallFailed:
    connect = (
        requests.exceptions.ConnectTimeout,
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        requests.exceptions.SSLError,
    )
    if isinstance(error, connect):
        return NotSent(type(error).__name__)
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)):
        return NotSent(type(reason).__name__)
    return NoAnswer(type(error).__name__)
