"""Addresses of merchants lead nowhere but to the public internet: a canary on this machine hears of none of them.

The control beside it is a client that calls whatever it is told to.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector import merchant_urls
from connector.errors import ConfigurationError
from connector.http import NoAnswer, NotSent
from connector.merchant_urls import Forbidden, Rules, problem, visiting
from connector.settings import Settings
from tests.adapters.servers import answer, cut, serving, whole_request

# What stands for {port} is the canary's. All of these mean this machine, or a network that is not the internet.
ON_THIS_MACHINE = (
    "https://127.0.0.1:{port}/", "https://127.1:{port}/", "https://0x7f000001:{port}/", "https://2130706433:{port}/",
    "https://0177.0.0.1:{port}/", "https://017700000001:{port}/", "https://127.0.0.1.:{port}/",
    "https://localhost:{port}/", "https://LOCALHOST:{port}/", "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/", "https://0.0.0.0:{port}/", "https://0:{port}/", "https://127.255.255.254:{port}/",
)  # fmt: skip
ELSEWHERE = (
    "https://[::1]:{port}/", "https://[::]:{port}/", "https://[::127.0.0.1]:{port}/", "https://[64:ff9b::7f00:1]:{port}/",
    "https://[64:ff9b:1::7f00:1]:{port}/", "https://[2002:7f00:1::]:{port}/", "https://[2001:0:7f00:1::]:{port}/",
    "https://[::ffff:0:7f00:1]:{port}/", "https://[fe80::1]:{port}/", "https://[fe80::1%25lo]:{port}/",
    "https://[fec0::1]:{port}/", "https://[fd00::1]:{port}/", "https://[fd00:ec2::254]:{port}/",
    "https://[ff02::1]:{port}/", "https://100.64.0.1:{port}/", "https://10.0.0.1:{port}/", "https://172.16.0.1:{port}/",
    "https://192.168.0.1:{port}/", "https://169.254.169.254:{port}/latest/meta-data/", "https://192.0.0.192:{port}/",
    "https://198.18.0.1:{port}/", "https://224.0.0.1:{port}/", "https://255.255.255.255:{port}/",
    "https://240.0.0.1:{port}/", "https://shop.example:secret@127.0.0.1:{port}/",
)  # fmt: skip


class Canary:
    """Listens on every address of this machine and counts who comes; it says nothing."""

    def __init__(self) -> None:
        self.hits = 0
        self._listener = socket.create_server(("0.0.0.0", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                came, _ = self._listener.accept()
            except OSError:
                return
            self.hits += 1
            came.close()

    def settled(self) -> int:
        """The hits, after the last one that is on its way."""
        time.sleep(0.05)
        return self.hits

    def close(self) -> None:
        # Wakes the thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


def call(url: str, rules: Rules) -> None:
    with visiting(rules) as visitor:
        visitor.post(url, {}, b"{}")


@pytest.mark.parametrize("form", ON_THIS_MACHINE + ELSEWHERE)
def test_no_way_of_writing_an_inner_address_is_called(canary: Canary, form: str) -> None:
    with pytest.raises((Forbidden, NotSent)):
        call(form.format(port=canary.port), Rules(ports=frozenset({canary.port})))
    assert canary.hits == 0


def test_control_a_client_that_does_what_it_is_told_hits_the_canary(canary: Canary) -> None:
    for form in ON_THIS_MACHINE:
        with pytest.raises(requests.RequestException):
            requests.post(form.format(port=canary.port), data=b"{}", timeout=2)
    assert canary.settled() >= len(ON_THIS_MACHINE) - 2, "the address with a dot at its end is not everybody's"


def test_a_name_is_what_it_means(canary: Canary) -> None:
    """A name of the merchant's that means an inner address, alone or beside a public one."""
    for meant in (["127.0.0.1"], ["::1"], ["93.184.215.14", "127.0.0.1"], ["fe80::1%eth0"], []):
        rules = Rules(ports=frozenset({canary.port}), resolve=lambda host, port, meant=meant: meant)
        with pytest.raises((Forbidden, NotSent)):
            call(f"https://hooks.example:{canary.port}/", rules)
    assert canary.settled() == 0


def test_a_name_that_means_another_address_at_the_second_look_up(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: whoever looks first and connects by the name looks twice."""
    answers = iter([["192.0.2.1"], ["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    # A public address for the check that nothing answers at: what is called is the address that was checked.
    monkeypatch.setattr(merchant_urls, "_check", lambda address, rules: None)
    monkeypatch.setattr(merchant_urls, "CONNECT_SECONDS", 0.2)
    with pytest.raises(NotSent):
        call(f"https://hooks.example:{canary.port}/", Rules(ports=frozenset({canary.port}), resolve=resolve))
    assert asked == ["hooks.example"] and canary.settled() == 0

    def naive(url: str) -> None:
        answers = iter(["192.0.2.1", "127.0.0.1"])
        real = socket.getaddrinfo

        def looked_up(host: str, *rest: object, **more: object) -> object:
            return real(next(answers) if host == "hooks.example" else host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        assert not ipaddress.ip_address(socket.getaddrinfo("hooks.example", 443)[0][4][0]).is_loopback
        requests.post(url, data=b"{}", timeout=2)

    with pytest.raises(requests.RequestException):
        naive(f"https://hooks.example:{canary.port}/")
    assert canary.settled() == 1, "the control looks first, and is led here"


def test_a_redirect_is_an_answer_and_is_not_followed(canary: Canary) -> None:
    away = answer("307 Temporary Redirect", b"", f"Location: http://127.0.0.1:{canary.port}/")
    with serving(away) as merchant, visiting(Rules(loopback=True)) as visitor:
        assert visitor.post(merchant.url, {}, b"{}").status == 307
        assert canary.settled() == 0
        with pytest.raises(requests.RequestException):
            requests.post(merchant.url, data=b"{}", timeout=2)
        assert canary.settled() == 1, "the control follows it"


def test_proxies_of_the_environment_are_not_asked(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    with serving(answer("200 OK")) as merchant, visiting(Rules(loopback=True)) as visitor:
        assert visitor.post(merchant.url, {}, b"{}").status == 200
    assert canary.settled() == 0


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example/", "only https"),
        ("ftp://shop.example/", "beginning with https"),
        ("file:///etc/passwd", "beginning with https"),
        ("https://shop.example:8443/", "port 8443"),
        ("https://shop.example:22/", "port 22"),
        ("https://ann@shop.example/", "name or password"),
        ("https:///hooks", "beginning with https"),
        ("shop.example/hooks", "beginning with https"),
        ("https://10.0.0.1/", "not the public internet"),
        ("https://①②⑦.0.0.1/", "no address"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_before_it_is_called(url: str, why: str) -> None:
    assert why in (problem(url, Rules()) or "")


def test_an_address_that_may_be_called() -> None:
    assert problem("https://shop.example/hooks?a=b", Rules()) is None
    assert problem("https://shop.example:8443/", Rules(ports=frozenset({8443}))) is None
    assert problem("http://127.0.0.1:9000/", Rules(loopback=True)) is None
    assert problem("http://10.0.0.1:9000/", Rules(loopback=True)) is not None


def test_loopback_is_for_development_only() -> None:
    given = {"DATABASE_URL": "x", "REDIS_URL": "x", "PUBLIC_URL": "x", "MERCHANT_URL_LOOPBACK": "true"}
    with pytest.raises(ConfigurationError, match="MERCHANT_URL_LOOPBACK"):
        Settings.from_env(given)
    settings = Settings.from_env({**given, "CONNECTOR_ENV": "development", "MERCHANT_URL_PORTS": "8443,9443"})
    assert Rules.of(settings) == Rules(frozenset({8443, 9443}), True)


@contextmanager
def certified(folder: Path, host: str) -> Iterator[tuple[int, list[str | None], ssl.SSLContext]]:
    """A TLS server with a certificate for ``host``; the names that were asked for, and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        request = whole_request(connection)
                        asked.append(next(line for line in request.decode().split("\r\n") if line[:5] == "Host:"))
                        connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                except (OSError, StopIteration):
                    continue

        threading.Thread(target=serve, daemon=True).start()
        trusting = ssl.create_default_context(cafile=str(folder / "server.pem"))
        yield listener.getsockname()[1], asked, trusting
        listener.shutdown(socket.SHUT_RDWR)


def test_the_checked_address_is_called_by_the_name_that_tls_and_the_host_header_know(tmp_path: Path) -> None:
    with certified(tmp_path, "hooks.example") as (port, asked, trusting):
        rules = Rules(frozenset({port}), True, lambda host, _port: ["127.0.0.1"], trusting)
        call(f"https://hooks.example:{port}/a", rules)
        assert asked == ["hooks.example", f"Host: hooks.example:{port}"]
        with pytest.raises(NotSent):
            call(f"https://other.example:{port}/a", rules)
        with pytest.raises(NotSent):
            call(f"https://hooks.example:{port}/a", Rules(frozenset({port}), True, lambda host, _port: ["127.0.0.1"]))


def test_an_answer_is_read_as_far_as_64_kib_and_for_as_long_as_the_call_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(answer("200 OK", b"x" * 300_000)) as merchant, visiting(Rules(loopback=True)) as visitor:
        assert len(visitor.post(merchant.url, {}, b"{}").body) == merchant_urls.LARGEST_ANSWER

    def drips(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            connection.sendall(f"X-{number}: y\r\n".encode())
            time.sleep(0.05)

    monkeypatch.setattr(merchant_urls, "TOTAL_SECONDS", 0.4)
    began = time.monotonic()
    with serving(drips) as merchant, visiting(Rules(loopback=True)) as visitor, pytest.raises(NoAnswer):
        visitor.post(merchant.url, {}, b"{}")
    assert time.monotonic() - began < 2, "each header came within the time for one; all of them did not"


def test_whether_it_may_have_arrived_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with visiting(Rules(loopback=True)) as visitor:
        with pytest.raises(NotSent):
            visitor.post(f"http://127.0.0.1:{port}/", {}, b"{}")
        with serving(cut) as merchant, pytest.raises(NoAnswer):
            visitor.post(merchant.url, {}, b"{}")
        with serving(answer("200 OK")) as merchant:
            assert visitor.post(merchant.url, {"a": "b"}, b"{}").status == 200, "and the next call finds its way"
