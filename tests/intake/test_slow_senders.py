"""Senders that are slow or never finish hold up nobody else for long, in the real web process and below it."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine
from werkzeug.test import Client

from connector.clock import monotonic, pause
from tests.intake.senders import add_shop, all_at_once, rows, shopify_headers
from tests.intake.webprocess import WebProcess
from webhooks import bodies
from webhooks.bodies import LARGE_AT_ONCE, LARGEST_BODY, SMALL_BODY, Bodies, NotRead
from webhooks.stragglers import MOST_SECONDS, Stragglers

# More than the web process has threads.
SLOW = 70
REQUEST = b"POST /webhooks/shopify HTTP/1.1\r\nHost: shop\r\nContent-Length: 5000\r\n\r\n"


@contextlib.contextmanager
def _slow_senders(web: WebProcess) -> Iterator[list[socket.socket]]:
    """Connections that have announced a body and send none of it."""
    with contextlib.ExitStack() as open_wires:
        wires = [
            open_wires.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=20)) for _ in range(SLOW)
        ]
        for wire in wires:
            wire.sendall(REQUEST)
        pause(0.2)
        yield wires


def _post(web: WebProcess, webhook_id: str, most: float) -> int:
    body = b'{"id":1}'
    headers = shopify_headers(body, webhook_id=webhook_id)
    return requests.post(f"{web.address}/webhooks/shopify", data=body, headers=headers, timeout=most).status_code


def test_senders_that_never_finish_hold_nobody_up_for_long(
    database_url: str, redis_url: str, engine: Engine, tmp_path: Path
) -> None:
    add_shop(engine)
    with WebProcess(database_url, redis_url, tmp_path / "log", target="tests.intake.hasty:app") as web:
        with _slow_senders(web) as wires:
            # Pages that have no body to read go on meanwhile.
            assert requests.get(f"{web.address}/healthz", timeout=3).ok
            end = monotonic() + 15
            while _post(web, "stored-in-the-end", most=5) != 200 and monotonic() < end:
                pause(0.1)
            # Each was told to try again, if anything, and disconnected.
            assert all(_rest_of(wire)[:12] in (b"", b"HTTP/1.1 503") for wire in wires)
            assert _post(web, "stored-at-once", most=1) == 200
    assert [row["external_id"] for row in rows(engine)] == ["stored-in-the-end", "stored-at-once"]


def _rest_of(wire: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: wire.recv(4096), b""))
    return b""


@pytest.mark.long
def test_control_where_nobody_looks_they_hold_everybody_up(
    database_url: str, redis_url: str, engine: Engine, tmp_path: Path
) -> None:
    add_shop(engine)
    with WebProcess(database_url, redis_url, tmp_path / "log", target="tests.intake.patient:app") as web:
        with _slow_senders(web):
            pause(4)
            assert _post(web, "never", most=5) == 503


def test_only_connections_without_an_answer_for_too_long_are_ended() -> None:
    stragglers = Stragglers()
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as wires:
        ours, theirs = zip(*(_connected(listening, wires) for _ in range(2)), strict=True)
        outgoing_elsewhere = wires.enter_context(socket.socket())
        other = wires.enter_context(socket.create_server(("127.0.0.1", 0)))
        outgoing_elsewhere.connect(other.getsockname())
        assert stragglers.look(0.0) == 0
        theirs[0].sendall(b"one byte after another")
        ours[1].sendall(b"an answer")
        theirs[1].recv(100)
        assert stragglers.look(MOST_SECONDS - 1) == 0
        assert stragglers.look(MOST_SECONDS + 1) == 1
        assert ours[0].recv(100) == b"one byte after another"
        assert ours[0].recv(100) == b""
        ours[1].sendall(b"still open")
        assert theirs[1].recv(100) == b"still open"
        outgoing_elsewhere.sendall(b"still open too")


def _connected(listening: socket.socket, wires: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    theirs = wires.enter_context(socket.create_connection(listening.getsockname(), timeout=5))
    ours = wires.enter_context(listening.accept()[0])
    ours.settimeout(5)
    return ours, theirs


def test_large_bodies_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_TURN_SECONDS", 0.1)
    reading = Bodies()

    def large(size: int = LARGEST_BODY) -> dict[str, object]:
        return {"CONTENT_LENGTH": str(size), "wsgi.input": io.BytesIO(b"x" * size)}

    with contextlib.ExitStack() as held:
        for _ in range(LARGE_AT_ONCE):
            assert len(held.enter_context(reading.of(large()))) == LARGEST_BODY
        with pytest.raises(NotRead, match="too many"), reading.of(large(SMALL_BODY + 1)):
            pass
        # Small ones are none of their business.
        with reading.of(large(SMALL_BODY)) as body:
            assert len(body) == SMALL_BODY
    with reading.of(large()) as body:
        assert len(body) == LARGEST_BODY


def test_many_large_bodies_at_once_are_all_stored(client: Client, engine: Engine) -> None:
    add_shop(engine)
    body = b"x" * (SMALL_BODY + 1)

    def post(number: int) -> int:
        headers = shopify_headers(body, webhook_id=f"large-{number}")
        return client.post("/webhooks/shopify", data=body, headers=headers).status_code

    numbers = range(2 * LARGE_AT_ONCE)
    assert all_at_once([lambda n=n: post(n) for n in numbers]) == [200] * len(numbers)


def test_the_rest_of_the_web_gets_whole_bodies_or_none(client: Client) -> None:
    assert client.post("/elsewhere", data=b"twenty bytes of form").status_code == 404
    assert client.post("/elsewhere", data=b"x" * (LARGEST_BODY + 1)).status_code == 413
    short = {"wsgi.input": io.BytesIO(b"half"), "CONTENT_LENGTH": "20"}
    assert client.post("/elsewhere", environ_overrides=short).status_code == 503
