from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from sandbox.provider.limits import CONTACTS, EMAILS, EVERYTHING_ELSE, Limiter, bucket_of
from tests.sandbox.provider_process import Account, Provider, account, mail, provider, running_provider

__all__ = ["account", "provider"]


@pytest.fixture
def slow_wire(tmp_path: Path) -> Iterator[Provider]:
    # A wire clock that all but stands still: windows do not end during a test.
    yield from running_provider(tmp_path, WIRE_RATE="0.000001")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/smtp/email", "POST /smtp/email"),
        ("GET", "/smtp/emails", "GET /smtp/emails"),
        ("GET", "/smtp/statistics/events", "other /smtp/*"),
        ("DELETE", "/smtp/blockedContacts/a@b.c", "other /smtp/*"),
        ("PUT", "/contacts/5", "/contacts/*"),
        ("POST", "/contacts/import", "/contacts/*"),
        ("POST", "/events", "POST /events"),
        ("POST", "/events/batch", "everything else"),
        ("POST", "/orders/status/batch", "everything else"),
        ("POST", "/products/batch", "everything else"),
        ("GET", "/webhooks", "everything else"),
    ],
)
def test_every_call_has_its_bucket(method: str, path: str, name: str) -> None:
    assert bucket_of(method, path).name == name


def test_windows_end_on_the_wire_clock() -> None:
    limiter = Limiter("general")
    readings = [limiter.take(CONTACTS, 100.25) for _ in range(11)]
    assert [reading.allowed for reading in readings] == [True] * 10 + [False]
    assert (readings[0].limit, readings[0].remaining, readings[0].reset) == (10, 9, 1)
    assert limiter.take(CONTACTS, 100.999).allowed is False
    assert limiter.take(CONTACTS, 101.0).allowed is True
    hour = [limiter.take(EVERYTHING_ELSE, 3600.0 + n) for n in range(101)]
    assert hour[99].allowed and not hour[100].allowed and hour[100].reset == 3500
    assert Limiter("extended").take(EMAILS, 0).limit == 18_000
    assert Limiter("advanced").take(CONTACTS, 0).limit == 20


def test_the_eleventh_contact_call_in_a_window_is_429(slow_wire: Provider) -> None:
    account = slow_wire.account()
    answers = [account.call("GET", "/contacts") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[0].headers["x-sib-ratelimit-limit"] == "10"
    assert answers[0].headers["x-sib-ratelimit-remaining"] == "9"
    refused = answers[-1].headers
    assert refused["x-sib-ratelimit-remaining"] == "0" and "Retry-After" not in refused
    assert int(refused["x-sib-ratelimit-reset"]) >= 1
    # Another bucket and another account are not concerned.
    assert account.send().status_code == 201
    assert slow_wire.account().call("GET", "/contacts").status_code == 200
    # A refused call left nothing behind.
    assert account.post("/contacts", {"email": "a@example.com"}).status_code == 429
    assert account.state()["contacts"] == []


def test_keys(account: Account) -> None:
    url = f"{account.provider.url}/v3/account"
    wrong = requests.get(url, headers={"api-key": "nobody"}, timeout=5)
    assert (wrong.status_code, wrong.json()) == (401, {"code": "unauthorized", "message": "Key not found"})
    assert requests.get(url, timeout=5).status_code == 401
    assert account.call("PATCH", "/account").status_code == 405
    assert account.call("GET", "/nothing").json()["code"] == "document_not_found"


def test_bodies_that_are_no_json(account: Account) -> None:
    url = f"{account.provider.url}/v3/contacts"
    for body in (b"{", b"\xff", b'{"email": "\\ud800"}', b"[" * 100_000, b"email=a", b""):
        answer = requests.post(url, data=body, headers={"api-key": account.key}, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), body[:20]


def test_statuses_on_demand(account: Account) -> None:
    for status in (429, 500, 502, 503, 401):
        account.fault("status", status=status, path="/smtp/email", count=1)
        assert account.call("GET", "/account").status_code == 200
        answer = account.send()
        assert answer.status_code == status and set(answer.json()) == {"code", "message"}
    assert account.log("email") == []
    assert account.send().status_code == 201
    account.fault("html", count=1)
    page = account.send()
    assert page.status_code == 200 and page.text.startswith("<!DOCTYPE html>")
    assert len(account.log("email")) == 1


@pytest.mark.parametrize(("kind", "accepted"), [("cut", 0), ("accept_then_cut", 1), ("half", 1)])
def test_connections_break(account: Account, kind: str, accepted: int) -> None:
    account.fault(kind, path="/smtp/email", count=1)
    with pytest.raises(requests.RequestException):
        account.send()
    assert len(account.log("email")) == accepted
    (entry,) = account.log("request")
    assert (entry["fault"], entry["status"], entry["accepted"]) == (kind, None, bool(accepted))
    assert account.send().status_code == 201


def raw_answer(account: Account) -> bytes:
    """Every byte that comes back on a connection of its own."""
    address = urlsplit(account.provider.url)
    body = orjson.dumps(mail("ann@example.com"))
    with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
        head = f"POST /v3/smtp/email HTTP/1.1\r\nHost: x\r\napi-key: {account.key}\r\n"
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return b"".join(iter(lambda: raw.recv(4096), b""))


def test_half_an_answer_has_its_head_and_half_its_body(account: Account) -> None:
    account.fault("half", count=1)
    head, _, rest = raw_answer(account).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201") and rest.startswith(b'{"messageId"') and not rest.endswith(b"}")


def test_a_cut_connection_answers_no_byte(account: Account) -> None:
    account.fault("accept_then_cut", count=1)
    assert raw_answer(account) == b""
    assert len(account.log("email")) == 1


def test_a_body_that_breaks_off_is_no_request(account: Account) -> None:
    address = urlsplit(account.provider.url)
    body = orjson.dumps(mail("ann@example.com"))
    with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
        head = f"POST /v3/smtp/email HTTP/1.1\r\nHost: x\r\napi-key: {account.key}\r\n"
        raw.sendall(f"{head}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(4096) == b""
    assert account.log("request") == [] and account.log("email") == []


@pytest.mark.parametrize("after", [False, True])
def test_slow_answers(account: Account, after: bool) -> None:
    account.fault("slow", delay=0.3, after=after, count=1)
    started = time.monotonic()
    assert account.send().status_code == 201
    assert time.monotonic() - started >= 0.3
    (email,) = account.log("email")
    (request,) = account.log("request")
    assert request["answered_at"] - request["first_byte_at"] >= 0.3
    # The order of acceptance in the log: at once with `after`, at the end without.
    assert email["seq"] < request["seq"]


def test_a_share_of_the_calls(account: Account) -> None:
    account.fault("status", status=500, probability=0.3, seed=7)
    failed = sum(account.send().status_code == 500 for _ in range(100))
    assert 12 <= failed <= 48
    assert len(account.log("email")) == 100 - failed
    account.provider.control("DELETE", "faults")
    assert account.send().status_code == 201


def test_the_first_byte_is_noted_before_the_rest_arrives(account: Account) -> None:
    address = urlsplit(account.provider.url)
    body = orjson.dumps(mail("ann@example.com"))
    with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
        before = time.time()
        raw.sendall(b"P")
        time.sleep(1.0)
        finished = time.time()
        head = f"OST /v3/smtp/email HTTP/1.1\r\nHost: x\r\napi-key: {account.key}\r\n"
        raw.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        assert raw.recv(4096).startswith(b"HTTP/1.1 201")
    (email,) = account.log("email")
    assert before <= email["first_byte_at"] <= finished - 0.3
    (request,) = account.log("request")
    assert request["answered_at"] >= finished


def test_connections_are_kept(account: Account) -> None:
    address = urlsplit(account.provider.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
    connection.connect()
    own = connection.sock.getsockname()
    for path in ("/v3/account", "/v3/nothing", "/v3/senders"):
        connection.request("GET", path, headers={"api-key": account.key})
        connection.getresponse().read()
        assert connection.sock is not None and connection.sock.getsockname() == own
    connection.close()


def test_the_log_holds_what_was_accepted_and_nothing_else(account: Account) -> None:
    for kind, share in (("status", 0.2), ("cut", 0.1), ("accept_then_cut", 0.2), ("half", 0.1), ("html", 0.1)):
        account.fault(kind, path="/smtp/email", probability=share, seed=3)

    def send(number: int) -> str:
        headers = {"X-Mailin-custom": str(number)}
        try:
            answer = requests.post(
                f"{account.provider.url}/v3/smtp/email",
                json={**mail(f"p{number}@example.com"), "headers": headers},
                headers={"api-key": account.key},
                timeout=10,
            )
        except requests.RequestException:
            return "unknown"
        return "accepted" if answer.status_code == 201 else "refused"

    with ThreadPoolExecutor(8) as pool:
        told = dict(enumerate(pool.map(send, range(300))))
    logged = [int(email["custom"]) for email in account.log("email")]
    assert len(logged) == len(set(logged))
    accepted = {number for number, verdict in told.items() if verdict == "accepted"}
    refused = {number for number, verdict in told.items() if verdict == "refused"}
    assert accepted and refused and accepted <= set(logged) and not refused & set(logged)
    # Some of the unknown were accepted, some were not: only the log can tell.
    unknown = set(told) - accepted - refused
    assert unknown & set(logged) and unknown - set(logged)
    requests_logged = [entry for entry in account.log("request") if entry["path"] == "/v3/smtp/email"]
    assert len(requests_logged) == 300
    assert sum(entry["accepted"] for entry in requests_logged) == len(logged)


def test_the_log_can_be_followed(account: Account) -> None:
    control = account.provider.control
    mark = control("GET", "log")["next"]
    account.send()
    account.get("/senders")
    fresh = control("GET", "log", since=mark, bodies=0)
    assert [entry["kind"] for entry in fresh["entries"]] == ["email", "recipient", "request", "request"]
    assert [entry["seq"] for entry in fresh["entries"]] == list(range(mark + 1, fresh["next"] + 1))
    assert "html" not in fresh["entries"][0]
    assert control("GET", "log", since=fresh["next"])["entries"] == []
