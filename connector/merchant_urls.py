"""Calls to addresses that a merchant has written down: none of them leads into our own network.

The host's name is looked up once, every address that it has is checked, and the connection goes to one that was: a
name that means another address a moment later changes nothing. The name itself stays what TLS and the Host header
say. There are no redirects, and no proxy of the environment.

Like ``connector.http`` it answers, or says whether the request may have arrived: NotSent or NoAnswer.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from connector.clock import monotonic
from connector.http import Answer, NoAnswer, NotSent, trusted
from connector.settings import Settings

CONNECT_SECONDS = 5.0
"""Machine seconds to reach the other side, TLS included."""
TOTAL_SECONDS = 15.0
"""Machine seconds for a whole call, however slowly the other side drips. Looking up a name may add the resolver's
own."""
LARGEST_ANSWER = 64 * 1024
_CHUNK = 65536

IpAddress = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""(host, port) -> its addresses. Raises OSError."""

# Global to Python, and yet a way to somewhere else: translated, tunnelled or mapped IPv4, site-local, segment routing.
_DETOURS = tuple(
    ip_network(one)
    for one in (
        "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96",
        "fec0::/10", "5f00::/16", "3fff::/20", "192.88.99.0/24", "192.0.0.0/24", "100.64.0.0/10",
    )
)  # fmt: skip


class Forbidden(NotSent):
    """The address is not one that may be called. The message says why."""


def look_up(host: str, port: int) -> list[str]:
    """The addresses that the machine's resolver knows."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@dataclass(frozen=True)
class Rules:
    """What may be called. ``ports``: beside 443. ``loopback``: this machine, also without TLS and on any port, for
    development. ``trusted``: whose certificates count.
    """

    ports: frozenset[int] = frozenset()
    loopback: bool = False
    resolve: Resolve = look_up
    trusted: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        return cls(frozenset(settings.merchant_url_ports), settings.merchant_url_loopback)


def problem(url: str, rules: Rules) -> str | None:
    """What is wrong with the address as it is written, before anybody is asked what it means; None: nothing."""
    try:
        _read(url, rules)
    except Forbidden as error:
        return str(error)
    return None


class Visitor:
    """Calls addresses of merchants, one call at a time; connections are kept until it is closed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._network = _Network(rules)
        self._pool = httpcore.ConnectionPool(
            ssl_context=rules.trusted or trusted(),
            max_connections=1,
            keepalive_expiry=5.0,
            network_backend=self._network,
        )

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST ``body``; every HTTP status is an answer, of which 64 KiB at most are read.

        Raises Forbidden, NotSent or NoAnswer.
        """
        return self._call("POST", url, headers, body)

    def get(self, url: str) -> Answer:
        """GET the page, of which 64 KiB at most are read. Raises as ``post`` does."""
        return self._call("GET", url, {}, None)

    def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        target = _read(url, self._rules)
        self._network.deadline = monotonic() + TOTAL_SECONDS
        self._network.leaving = False
        sent = [("Host", _authority(target)), ("Accept-Encoding", "identity"), *headers.items()]
        timeout = {"connect": CONNECT_SECONDS, "read": TOTAL_SECONDS, "write": TOTAL_SECONDS, "pool": CONNECT_SECONDS}
        try:
            with self._pool.stream(
                method, str(target), headers=sent, content=body, extensions={"timeout": timeout}
            ) as response:
                read = _first(response.iter_stream())
                lower = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers}
                return Answer(response.status, lower, read)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            kind = NoAnswer if self._network.leaving else NotSent
            raise kind(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    def close(self) -> None:
        self._pool.close()


@contextmanager
def visiting(rules: Rules) -> Iterator[Visitor]:
    """A visitor whose connections are closed at the end of the block."""
    visitor = Visitor(rules)
    try:
        yield visitor
    finally:
        visitor.close()


def _read(url: str, rules: Rules) -> httpx.URL:
    """The address, when its form is allowed. Raises Forbidden."""
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise Forbidden("this is no address") from error
    if not target.host or target.scheme not in ("http", "https"):
        raise Forbidden("write the whole address, beginning with https://")
    if target.userinfo:
        raise Forbidden("an address with a name or password in it is not called")
    if rules.loopback and _is_loopback_name(target.host):
        return target
    if target.scheme != "https":
        raise Forbidden("only https:// is called")
    if (target.port or 443) not in {443, *rules.ports}:
        raise Forbidden(f"port {target.port} is not called: only 443, and those that this installation allows")
    if (literal := _literal(target.host)) is not None:
        _check(literal, rules)
    return target


def _authority(target: httpx.URL) -> str:
    return target.netloc.decode("ascii")


def _literal(host: str) -> IpAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_loopback_name(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" if literal is None else literal.is_loopback


def _check(address: IpAddress, rules: Rules) -> None:
    """Raises Forbidden for an address that is not one of the public internet's."""
    if rules.loopback and address.is_loopback:
        return
    detour = any(address.version == net.version and address in net for net in _DETOURS)
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    if detour or special or not address.is_global:
        raise Forbidden("the address leads into a network that is not the public internet")


def _first(pieces: Iterator[bytes]) -> bytes:
    """As much as may be read; what follows is left unread, and the connection with it."""
    read = bytearray()
    for piece in pieces:
        read += piece
        if len(read) >= LARGEST_ANSWER:
            break
    return bytes(read[:LARGEST_ANSWER])


class _Network(httpcore.NetworkBackend):
    """Connects to checked addresses only, and ends whatever lasts longer than the call may."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._real = httpcore.SyncBackend()
        self.deadline = 0.0
        self.leaving = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        end = monotonic() + min(timeout or CONNECT_SECONDS, self.left())
        trouble: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._real.connect_tcp(
                    address, port, max(end - monotonic(), 0.001), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
            else:
                return _Stream(stream, self)
        raise trouble

    def _addresses(self, host: str, port: int) -> list[str]:
        """All that the name means, when all of it may be called: a name that means both worlds is a trick."""
        try:
            found = [ip_address(one.partition("%")[0]) for one in self._rules.resolve(host, port)]
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name has no address") from error
        for address in found:
            _check(address, self._rules)
        return [str(address) for address in found]

    def left(self) -> float:
        """Seconds that the call still has; never none, which would mean not to wait at all."""
        return max(self.deadline - monotonic(), 0.001)


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the call."""

    def __init__(self, real: httpcore.NetworkStream, network: _Network) -> None:
        self._real = real
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._network.leaving = True
        self._real.write(buffer, self._within(timeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._real.start_tls(ssl_context, server_hostname, self._within(timeout)), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)

    def _within(self, timeout: float | None) -> float:
        return min(timeout or TOTAL_SECONDS, self._network.left())
