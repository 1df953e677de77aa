"""The intake: a WSGI callable in front of everything else that verifies, stores and acknowledges deliveries.

It is no Flask route because Flask costs more than all of its work together. It answers 2xx only after the
commit, never because of Redis, and tells nobody which check failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from connector import logging
from connector.clock import monotonic
from connector.settings import Settings
from webhooks.directory import Directory, Unreadable
from webhooks.ringer import Ringer
from webhooks.routes import BrevoRoute, NotAuthentic, Request, ShopifyRoute, Topic, UnknownShop
from webhooks.writer import InboxRow, NotStored, Writer

log = logging.get(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGI = Callable[[Environ, StartResponse], Iterable[bytes]]

LARGEST_BODY = 2 * 1024 * 1024


class Route(Protocol):
    """An address that deliveries come to. ``busy``: the status that makes its sender try again."""

    source: str
    path: re.Pattern[str]
    busy: str

    def inbox_row(self, request: Request) -> InboxRow: ...


class Counts(Protocol):
    """What the intake tells of itself."""

    def webhook(self, source: str, outcome: str) -> None: ...

    def group(self, rows: int, seconds: float) -> None: ...


class Intake:
    """Takes what is posted to its routes and hands everything else on to ``rest``.

    ``patience``: seconds of machine time within which a delivery is answered once it has been read.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        directory: Directory,
        writer: Writer,
        ringer: Ringer,
        counts: Counts,
        patience: float,
        rest: WSGI,
    ) -> None:
        self._routes = tuple(routes)
        self._directory = directory
        self._writer = writer
        self._ringer = ringer
        self._counts = counts
        self._patience = patience
        self._rest = rest

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        for route in self._routes:
            found = route.path.match(path)
            if found:
                status = self._receive(route, found.groupdict(), environ)
                headers = [("Content-Length", "0")]
                if status.startswith("405"):
                    headers.append(("Allow", "POST"))
                start_response(status, headers)
                return [b""]
        return self._rest(environ, start_response)

    def stop(self) -> None:
        """Store what has arrived and end the threads."""
        self._writer.stop()
        self._directory.stop()
        self._ringer.stop()

    def _receive(self, route: Route, path: Mapping[str, str | None], environ: Environ) -> str:
        if environ.get("REQUEST_METHOD") != "POST":
            return "405 Method Not Allowed"
        try:
            body = _body(environ)
            if body is None:
                outcome, status = "too_large", "413 Content Too Large"
            else:
                request = Request(environ, path, body, monotonic() + self._patience)
                outcome, status = self._store(route.inbox_row(request), request.deadline), "200 OK"
        except NotAuthentic:
            outcome, status = "refused", "401 Unauthorized"
        except UnknownShop:
            outcome, status = "unknown_shop", "200 OK"
        except (NotStored, Unreadable):
            outcome, status = "not_stored", route.busy
        except Exception:
            # A defect of ours must not cost the delivery: the sender is told to try again.
            log.error("intake_failed", source=route.source, exc_info=True)
            outcome, status = "not_stored", route.busy
        self._counts.webhook(route.source, outcome)
        return status

    def _store(self, row: InboxRow, deadline: float) -> str:
        if not self._writer.store(row, deadline):
            return "duplicate"
        if row.state != "new":
            return row.reason
        self._ringer.hand_off("intake", row.shop_id)
        return "stored"


def _body(environ: Environ) -> bytes | None:
    """The raw bytes, still encoded as they came; None when there are more than LARGEST_BODY.

    Raises NotStored when the sender hung up before the end.
    """
    given = str(environ.get("CONTENT_LENGTH") or "")
    length = int(given) if given.isdecimal() else None
    if length is not None and length > LARGEST_BODY:
        return None
    stream = environ["wsgi.input"]
    wanted = LARGEST_BODY + 1 if length is None else length
    chunks: list[bytes] = []
    while wanted > 0:
        chunk = stream.read(wanted)
        if not chunk:
            break
        chunks.append(chunk)
        wanted -= len(chunk)
    body = b"".join(chunks)
    if length is not None and len(body) < length:
        raise NotStored("the body ended early")
    return body if len(body) <= LARGEST_BODY else None


def build(
    settings: Settings,
    *,
    topics: Mapping[tuple[str, str], Topic],
    decrypt: Callable[[int, str], str],
    ringer: Ringer,
    counts: Counts,
    rest: WSGI,
) -> Intake:
    """The intake of one process, its threads running: to be called after the fork.

    ``decrypt(shop_id, token)`` opens a shop's own client secret.
    """
    patience = settings.intake_timeout_seconds
    directory = Directory(settings.database_url, patience, decrypt)
    writer = Writer(settings.database_url, patience, counts)
    directory.start()
    writer.start()
    app_secrets = (settings.shopify_api_secret, settings.shopify_api_secret_old)
    routes = (
        ShopifyRoute(directory, topics, app_secrets, settings.clock),
        BrevoRoute(directory, settings.clock),
    )
    return Intake(routes, directory, writer, ringer, counts, patience, rest)
