"""Headers on every answer, and errors that tell nothing about us."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from connector.unsubscribe import token
from tests.web.conftest import KEYS

PATHS = ["/healthz", "/metrics", "/no-such-page", "/u/x"]


def test_every_answer_is_protected(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for path in PATHS:
        with subtests.test(path):
            headers = client.get(path).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Cache-Control"] == "no-store"
            assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_https_is_not_demanded_where_there_is_none(client_at: Callable[..., FlaskClient]) -> None:
    plain = client_at(public_url="http://127.0.0.1:8000")
    assert "Strict-Transport-Security" not in plain.get("/healthz").headers


def test_the_style_of_the_page_is_the_one_that_the_policy_allows(client: FlaskClient) -> None:
    answer = client.get("/no-such-page")
    found = re.search(r"<style>(.*?)</style>", answer.get_data(as_text=True), re.DOTALL)
    assert found
    digest = b64encode(sha256(found[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


def test_errors_have_plain_pages(client: FlaskClient) -> None:
    for method, path, status in (("GET", "/nope", 404), ("POST", "/healthz", 405)):
        answer = client.open(path, method=method)
        assert answer.status_code == status
        assert answer.content_type == "text/html; charset=utf-8"
        assert "<h1>" in answer.get_data(as_text=True)


def test_a_defect_tells_nothing(client: FlaskClient, engine: Engine, shop_id: int) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE persons RENAME TO elsewhere"))
    answer = client.post(f"/u/{token(KEYS, shop_id, 1, 'email')}")
    assert answer.status_code == 500
    page = answer.get_data(as_text=True)
    assert "Something went wrong" in page
    assert not re.search("persons|Error|Traceback|psycopg|relation", page)


def test_bodies_and_forms_are_bounded(client: FlaskClient, shop_id: int) -> None:
    path = f"/u/{token(KEYS, shop_id, 1, 'email')}"
    form = "application/x-www-form-urlencoded"
    assert client.post(path, data=b"x" * 3_000_000, content_type=form).status_code == 413
    multipart = "multipart/form-data; boundary=b"
    field = b'--b\r\nContent-Disposition: form-data; name="again"\r\n\r\n' + b"x" * 600_000 + b"\r\n--b--\r\n"
    assert client.post(path, data=field, content_type=multipart).status_code == 413
    parts = {f"f{number}": "x" for number in range(2000)}
    assert client.post(path, data=parts, content_type="multipart/form-data").status_code == 413
