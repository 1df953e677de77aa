"""Short links lead where they were written to lead, and nowhere else, whatever is asked for."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert

from connector import short_links
from connector.db.session import transaction
from connector.models.short_link import short_links as links
from connector.settings import Settings

TARGET = "https://goods.example/cart?a=1&b=%2F#top"
CODE = "Ab3dE9xYz0"
# reliability.md's list and its kin: each is, to some browser, another address than it seems.
EVIL = [
    "//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "\\evil.example",
    "https:\\\\evil.example",
    "https://goods.example\\@evil.example",
    "https://goods.example@evil.example/",
    "https://user:word@evil.example/",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "ftp://evil.example/",
    "https://evil.example\r\nSet-Cookie: a=b",
    " https://evil.example",
    "https://evil.example:port/",
    "https://[::1",
    "",
    "/relative",
    "https://" + "a" * 5000 + ".example",
]


@pytest.fixture(autouse=True)
def stored(engine: Engine, settings: Settings, shop_id: int) -> None:
    rows = [(CODE, TARGET), *((f"evil{n:06}", target) for n, target in enumerate(EVIL))]
    with transaction(engine) as connection:
        for code, target in rows:
            row = {"shop_id": shop_id, "id": code, "target": target, "created_at": settings.clock.now()}
            connection.execute(insert(links), row)


def test_it_leads_to_what_was_stored(client: FlaskClient, shop_id: int) -> None:
    for method in ("GET", "HEAD"):
        answer = client.open(f"/c/{shop_id}-{CODE}", method=method, headers={"User-Agent": "Mozilla/5.0"})
        assert (answer.status_code, answer.headers["Location"]) == (302, TARGET)
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("target", EVIL)
def test_nothing_of_the_request_becomes_a_target(client: FlaskClient, shop_id: int, target: str) -> None:
    """A link with a target added in any of the usual ways leads to its own; a target in its place leads nowhere."""
    for query in ("url", "u", "to", "next", "redirect", "target", "return_to"):
        answer = client.get(f"/c/{shop_id}-{CODE}?{query}={quote(target)}", headers={"Host": "evil.example"})
        assert answer.headers["Location"] == TARGET
    for path in (f"/c/{quote(target, safe='')}", f"/c/{shop_id}-{CODE}.{quote(target, safe='')}"):
        answer = client.get(path)
        # Slashes too many are taken out by a redirect within the same site.
        assert answer.status_code == 404 or answer.headers["Location"].startswith("http://localhost/c/")


@pytest.mark.parametrize("number", range(len(EVIL)))
def test_what_should_never_have_been_stored_leads_nowhere(client: FlaskClient, shop_id: int, number: int) -> None:
    answer = client.get(f"/c/{shop_id}-evil{number:06}")
    assert answer.status_code == 404 and "Location" not in answer.headers
    assert short_links.host_of(EVIL[number]) is None


@pytest.mark.parametrize(
    "named",
    [
        "x",
        f"0-{CODE}",
        f"01-{CODE}",
        f"99-{CODE}",
        f"1-{CODE[:-1]}",
        f"-1-{CODE}",
        f"1-{CODE} ",
        f"１-{CODE}",
        "9" * 400,
    ],
)
def test_who_guesses_finds_nothing(client: FlaskClient, named: str) -> None:
    assert client.get(f"/c/{quote(named)}").status_code == 404


def test_only_reading_is_answered(client: FlaskClient, shop_id: int) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.open(f"/c/{shop_id}-{CODE}", method=method).status_code == 405


def test_codes_tell_nothing_and_are_the_same_again() -> None:
    one = short_links.code(b"salt", "run:step:1:1", TARGET)
    assert one == short_links.code(b"salt", "run:step:1:1", TARGET) and len(one) == 10 and one.isalnum()
    others = {
        short_links.code(*given)
        for given in (
            (b"other", "run:step:1:1", TARGET),
            (b"salt", "run:step:1:2", TARGET),
            (b"salt", "run:step:1:1", TARGET + "x"),
        )
    }
    assert len(others | {one}) == 4
    assert short_links.read(f"7-{one}") == (7, one)
