"""The one door out: what failed before the first byte left is told apart from what failed after."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import httpx
import pytest

from connector.clock import monotonic
from connector.http import CallFailed, Http, NoAnswer, NotSent, classify, guarded_client, leaving_by
from tests.adapters import servers

Call = Callable[[str], int]


def through_requests(url: str) -> int:
    return Http(store_timeout=0.6).post_to_store(url, {}, b"{}").status


def through_httpx(url: str) -> int:
    with guarded_client(0.6) as client:
        try:
            return client.post(url, content=b"{}").status_code
        except (httpx.HTTPError, CallFailed) as error:
            raise classify(error) from error


both = pytest.mark.parametrize("call", [through_requests, through_httpx])


@both
def test_an_answer_of_any_status_is_an_answer(call: Call) -> None:
    for status, expected in (("200 OK", 200), ("503 Service Unavailable", 503), ("404 Not Found", 404)):
        with servers.serving(servers.answer(status, b"{}")) as server:
            assert call(server.url) == expected


@both
def test_a_refused_connection_and_an_unknown_host_were_not_sent(call: Call) -> None:
    for url in (servers.closed_port(), "http://no-such-host.invalid/"):
        with pytest.raises(NotSent):
            call(url)


@both
@pytest.mark.parametrize("behave", [servers.cut, servers.half, servers.silent, servers.drip, servers.flood])
def test_whatever_happens_after_the_request_left_is_no_answer(call: Call, behave: Callable) -> None:
    with servers.serving(behave) as server:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            call(server.url)
        assert time.monotonic() - began < 1.3, "the whole call is bounded, not each read"
        assert len(server.requests) == 1, "the server has the request: it may have acted on it"


@both
def test_redirects_are_not_followed(call: Call) -> None:
    with servers.serving(servers.answer("200 OK", b"{}")) as target:
        with servers.serving(servers.answer("302 Found", b"", f"Location: {target.url}")) as server:
            assert call(server.url) == 302
        assert target.requests == []


@both
def test_proxies_of_the_environment_are_not_used(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", servers.closed_port())
    monkeypatch.setenv("http_proxy", servers.closed_port())
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with servers.serving(servers.answer("200 OK", b"{}")) as server:
        assert call(server.url) == 200


def test_a_request_does_not_leave_after_its_permission_has_ended() -> None:
    with servers.serving(servers.answer("200 OK", b"{}")) as server, guarded_client(1.0) as client:
        with leaving_by(monotonic() - 0.01), pytest.raises(NotSent):
            client.post(server.url, content=b"{}")
        assert server.requests == [], "not one byte of the request arrived"
        # The control: within the time it leaves, and the limit ends with the block.
        with leaving_by(monotonic() + 5):
            assert client.post(server.url, content=b"{}").status_code == 200
        assert client.post(server.url, content=b"{}").status_code == 200
        assert len(server.requests) == 2


def test_a_long_body_ends_in_the_middle_when_its_permission_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second goes by with each look at the clock."""
    monkeypatch.setattr("connector.http.monotonic", map(float, count()).__next__)
    body = bytes(range(256)) * 400
    with servers.serving(servers.answer("200 OK", b"{}")) as server, guarded_client(1000.0) as client:
        with leaving_by(4.0), pytest.raises(NotSent):
            client.post(server.url, content=body)
        assert server.requests == [], "some pieces of the body arrived, and it was left there"
        # The control: with time enough it arrives as it is.
        with leaving_by(1000.0):
            assert client.post(server.url, content=body).status_code == 200
        assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [body]


def test_who_is_held_up_in_the_middle_of_a_request_does_not_make_it_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connector.http.reach", lambda point: time.sleep(0.3 * (point == "t4.half_sent")))
    with servers.serving(servers.answer("200 OK", b"{}")) as server, guarded_client(1.0) as client:
        with leaving_by(monotonic() + 0.2), pytest.raises(NotSent):
            client.post(server.url, content=b"{}")
        assert server.requests == [], "half a request arrived, which is none"
        # The control: whose permission lasts is held up as long, and it arrives on a connection of its own.
        with leaving_by(monotonic() + 5):
            assert client.post(server.url, content=b"{}").status_code == 200
        assert len(server.requests) == 1
