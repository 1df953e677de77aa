"""The cookie, how long a session lasts, and passwords tried without end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import request

from connector.admin import accounts
from connector.admin.access import NOBODY, ROUTES
from connector.app import create_app
from tests.admin import office as furniture
from tests.admin.office import PASSWORD, Browser, Office
from tests.content.mailbox import elements


def test_the_cookie_stays_with_us(office: Office) -> None:
    email, deps = office.hire("owner"), office.installation.deps
    settings = replace(deps.settings, environment="production")
    live = create_app(settings, deps.engine, deps.redis, deps=replace(deps, settings=settings))
    client = live.test_client()
    page = client.get("/admin/sign-in", base_url="https://shop.example")
    (token,) = [a["value"] for _, a in elements(page.text) if a.get("name") == "csrf_token"]
    answer = client.post(
        "/admin/sign-in",
        data={"email": email, "password": PASSWORD, "csrf_token": token},
        base_url="https://shop.example",
    )
    cookies = answer.headers.getlist("Set-Cookie")
    assert answer.status_code == 303 and len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith(("__Host-admin=", "__Host-admin-browser="))
        flags = {flag.strip() for flag in cookie.split(";")[1:]}
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= flags and not any("Domain" in f for f in flags)


def test_a_session_ends_by_signing_out_by_time_and_with_the_account(office: Office) -> None:
    email = office.hire("owner")
    first, second, third = (office.browser(email) for _ in range(3))
    with first.client.session_transaction() as held:
        kept = dict(held)
    first.post("/admin/sign-out")
    # The cookie of before does not come back to life.
    with first.client.session_transaction() as held:
        held.update(kept)
    assert first.get("/admin/").status_code == 303
    assert second.get("/admin/").status_code == 200
    with office.transaction() as connection:
        account = accounts.find(connection, email)
        assert account is not None
        accounts.change_password(connection, account, PASSWORD, actor="cli", now=office.installation.now)
    assert second.get("/admin/").status_code == third.get("/admin/").status_code == 303
    fourth = office.browser(email)
    office.installation.skip(12 * 3600 + 1)
    assert fourth.get("/admin/").status_code == 303


def test_a_session_outlives_a_new_key_in_front(office: Office) -> None:
    browser, deps = office.browser(office.hire("owner")), office.installation.deps
    rotated = replace(deps.settings, secret_keys=(Fernet.generate_key().decode(), *deps.settings.secret_keys))
    gone = replace(deps.settings, secret_keys=rotated.secret_keys[:1])
    for settings, status in ((rotated, 200), (gone, 303)):
        client = create_app(settings, deps.engine, deps.redis, deps=replace(deps, settings=settings)).test_client()
        client.set_cookie("admin", browser.client.get_cookie("admin").value)  # type: ignore[union-attr]
        assert client.get("/admin/").status_code == status


def test_an_unknown_account_and_a_wrong_password_are_answered_alike(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A password as the product keeps it, not the cheap one of the other tests.
    monkeypatch.setattr(furniture, "_HASH", accounts._hashed(PASSWORD))
    email, real = office.hire("owner"), accounts.is_right
    tried: list[str | None] = []

    def noting(stored: str | None, password: str) -> bool:
        tried.append(stored)
        return real(stored, password)

    monkeypatch.setattr(accounts, "is_right", noting)
    wrong = office.browser().sign_in(email, "not the password")
    unknown = office.browser().sign_in("who@office.example", "not the password")
    assert wrong.status_code == unknown.status_code == 401
    assert "Email or password is wrong." in wrong.text and "Email or password is wrong." in unknown.text
    (known, nobodys) = tried
    assert known is not None and nobodys is None
    # A hash of the same price is made for both: $argon2id$version$parameters$salt$hash.
    assert accounts._nobodys_hash().split("$")[:4] == known.split("$")[:4]


class Guessing:
    """Somebody who tries passwords; each try costs nothing here, because the counting is what is looked at."""

    def __init__(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self.office = office
        monkeypatch.setattr(accounts, "is_right", lambda stored, password: stored is not None and password == PASSWORD)

    def at(self, browser: Browser, email: str, address: str, password: str = "wrong") -> int:
        fields = {"email": email, "password": password, "csrf_token": browser.token()}
        answer = browser.client.post("/admin/sign-in", data=fields, environ_base={"REMOTE_ADDR": address})
        return answer.status_code


def test_guessing_is_slowed_and_nobody_else_is_locked_out(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    guessing, email, other = Guessing(office, monkeypatch), office.hire("owner"), office.hire("editor")
    stranger, mine = office.browser(), office.browser()
    assert guessing.at(mine, email, "198.51.100.1", PASSWORD) == 303
    tried = [guessing.at(stranger, email, "203.0.113.9") for _ in range(8)]
    assert tried == [401] * 6 + [429] * 2
    # Not even with the right password; but a colleague at the same address, and the owner elsewhere, get in.
    assert guessing.at(stranger, email, "203.0.113.9", PASSWORD) == 429
    assert guessing.at(office.browser(), other, "203.0.113.9", PASSWORD) == 303
    assert guessing.at(office.browser(), email, "198.51.100.2", PASSWORD) == 303
    # From everywhere: the account is closed to browsers that have never been in it, and to no other.
    many = [guessing.at(stranger, email, f"192.0.2.{n}") for n in range(70)]
    assert many.count(429) > 5
    assert guessing.at(office.browser(), email, "198.51.100.3", PASSWORD) == 429
    assert guessing.at(mine, email, "198.51.100.1", PASSWORD) == 303


def test_one_address_does_not_try_many_accounts_for_long(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    guessing, stranger = Guessing(office, monkeypatch), office.browser()
    # One network of IPv6 is one address.
    tried = [guessing.at(stranger, f"a{n}@office.example", f"2001:db8::{n + 1:x}") for n in range(65)]
    assert tried[:60] == [401] * 60 and set(tried[60:]) == {429}


def test_signing_in_is_slowed_without_redis_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    email, stranger = office.hire("owner"), office.browser()
    guessing = Guessing(office, monkeypatch)
    monkeypatch.setattr(type(office.installation.deps.redis), "execute_command", _no_redis)
    assert 429 in [guessing.at(stranger, email, "203.0.113.9") for _ in range(10)]


def _no_redis(*_: Any, **__: Any) -> None:
    raise ConnectionError("no Redis")


def test_whose_address_it_is_says_the_last_proxy_only(office: Office) -> None:
    deps = office.installation.deps
    for proxies, seen in ((0, "10.0.0.1"), (1, "198.51.100.7"), (2, "203.0.113.5")):
        app = create_app(replace(deps.settings, trusted_proxies=proxies), deps.engine, deps.redis, deps=deps)
        found: list[str | None] = []
        app.before_request(lambda found=found: found.append(request.remote_addr))
        app.test_client().get(
            "/admin/sign-in",
            headers={"X-Forwarded-For": "1.2.3.4, 203.0.113.5, 198.51.100.7"},
            environ_base={"REMOTE_ADDR": "10.0.0.1"},
        )
        assert found == [seen]


def test_only_signing_in_is_open(office: Office) -> None:
    assert {name for name, least in ROUTES.items() if least == NOBODY} == {
        "admin.static",
        "admin.sign_in",
        "admin.enter",
        "admin.second_factor",
        "admin.prove",
        "admin.invitation",
        "admin.accept_invitation",
    }
    with office.browser().get("/admin/static/admin.css") as style:
        assert style.status_code == 200
    assert office.browser().get("/admin/static/../frame.py").status_code == 404
