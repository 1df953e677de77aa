"""Files are read from where the store keeps them and nowhere else, and none of them fills the memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connector.deps import Deps
from connector.http import Http, NoAnswer, NoFile
from connector.settings import Settings
from connector.shopify.bulk import is_the_stores
from sync.backfill import files
from sync.backfill.files import Unreadable, lines


@dataclass
class Shelf:
    """Answers every GET the same way; ``deps`` reads from it."""

    port: int = 0
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Sends so many bytes of the body and hangs up; ranges are not known.
    only: int | None = None
    asked: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/file.jsonl"

    @property
    def deps(self) -> Deps:
        settings = Settings(environment="development", shopify_base_url=f"http://127.0.0.1:{self.port}/{{shop}}")
        none: Any = None
        return Deps(settings, none, none, none, Http(), none, none, none)

    def read(self, **how: Any) -> list[bytes]:
        return [line for line, _ in lines(self.deps, self.url, 5.0, **how)]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.headers.get("Range"))
            self.send_response(made.status)
            for name, value in {"Content-Length": str(len(made.body)), **made.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(made.body if made.only is None else made.body[: made.only])

        def log_message(self, *ignored: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


def test_lines_come_with_the_place_after_them(shelf: Shelf) -> None:
    shelf.body = b'{"id": 1}\n{"id": 2}\n{"id": 3}'
    assert list(lines(shelf.deps, shelf.url, 5.0, size=29)) == [
        (b'{"id": 1}', 10), (b'{"id": 2}', 20), (b'{"id": 3}', 29)
    ]  # fmt: skip
    # A server that knows no ranges sends all of it again.
    assert list(lines(shelf.deps, shelf.url, 5.0, start=10, size=29)) == [(b'{"id": 2}', 20), (b'{"id": 3}', 29)]
    assert shelf.asked == [None, "bytes=10-"]


def test_a_file_that_ends_before_its_size_is_not_whole(shelf: Shelf) -> None:
    shelf.body = b'{"id": 1}\n{"id": 2}\n'
    found = lines(shelf.deps, shelf.url, 5.0, size=29)
    assert [next(found), next(found)] == [(b'{"id": 1}', 10), (b'{"id": 2}', 20)]
    with pytest.raises(NoAnswer, match="ended before"):
        next(found)
    shelf.only = 15
    with pytest.raises(NoAnswer):
        shelf.read(size=20)


def test_a_line_that_no_record_reaches_ends_the_reading(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without an end of its own it would be read to the last byte."""
    shelf.body = b"x" * 3_000_000
    assert len(shelf.read()[0]) == 3_000_000
    monkeypatch.setattr(files, "LONGEST_LINE", 100_000)
    with pytest.raises(Unreadable, match="longer than 100000"):
        shelf.read()


def test_a_file_longer_than_the_store_said_is_not_read_on(shelf: Shelf) -> None:
    shelf.body = b'{"id": 1}\n' * 100_000
    with pytest.raises(Unreadable, match="longer than the 50 bytes"):
        shelf.read(size=50)


@pytest.mark.parametrize(
    ("status", "headers"), [(302, {"Location": "http://127.0.0.1:9/other"}), (403, {}), (404, {}), (503, {})]
)
def test_nothing_but_the_file_is_taken_for_it(shelf: Shelf, status: int, headers: dict[str, str]) -> None:
    shelf.status, shelf.headers, shelf.body = status, headers, b'{"id": 1}\n'
    with pytest.raises(NoFile) as refused:
        shelf.read()
    assert refused.value.status == status
    assert len(shelf.asked) == 1


def test_a_packed_file_is_refused(shelf: Shelf) -> None:
    shelf.headers, shelf.body = {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"x" * 100
    with pytest.raises(NoAnswer, match="packed"):
        shelf.read()


def test_a_part_of_another_place_is_refused(shelf: Shelf) -> None:
    shelf.status, shelf.headers, shelf.body = 206, {"Content-Range": "bytes 0-19/20"}, b'{"id": 1}\n{"id": 2}\n'
    with pytest.raises(NoAnswer, match="does not go on"):
        shelf.read(start=10, size=20)


STORAGE = "https://storage.googleapis.com/shopify-tiers-assets-prod-us-east1/bulk-operation-outputs/a.jsonl?Expires=1"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        (STORAGE, True),
        (STORAGE.replace("https", "http"), False),
        (STORAGE.replace("shopify-tiers", "somebody-else"), False),
        (STORAGE.replace("googleapis.com", "googleapis.com.evil.example"), False),
        (STORAGE.replace("https://", "https://user@"), False),
        (STORAGE.replace(".com/", ".com:8443/"), False),
        ("https://evil.example/shopify/a.jsonl", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
        ("http://127.0.0.1:1234/file.jsonl", False),
    ],
)
def test_where_the_store_keeps_its_files(url: str, good: bool) -> None:
    assert is_the_stores(url, Settings()) is good


def test_in_development_the_server_that_stands_for_the_store_is_the_store(shelf: Shelf) -> None:
    assert is_the_stores(shelf.url, shelf.deps.settings)
    assert not is_the_stores("http://127.0.0.1:9/file.jsonl", shelf.deps.settings)
    production = Settings(shopify_base_url=f"http://127.0.0.1:{shelf.port}/{{shop}}")
    assert not is_the_stores(shelf.url, production)


def test_another_hosts_file_is_not_even_asked_for(shelf: Shelf) -> None:
    with pytest.raises(Unreadable, match="localhost"):
        list(lines(shelf.deps, shelf.url.replace("127.0.0.1", "localhost"), 5.0))
    assert shelf.asked == []
