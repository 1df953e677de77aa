from __future__ import annotations

import pytest
import requests

from tests.sandbox.provider_process import START, Account, Provider, provider

__all__ = ["provider"]

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def account(provider: Provider) -> Account:
    return provider.account(tier="extended", name="Tea & Co", sms_credits=5)


def page(provider: Provider, path: str = "") -> requests.Response:
    return requests.get(f"{provider.url}/_inbox{path}", timeout=5)


def test_messages_are_shown_as_people_see_them(account: Account, provider: Provider) -> None:
    html = f'<p>Hello</p><a href="https://shop.test/?a=1&amp;b=2">x</a>{NASTY}'
    account.send("ann@example.com", subject=f"Hi {NASTY}", htmlContent=html, textContent="Plain", tags=["welcome"],
                 headers={"X-Mailin-custom": "m-1"})  # fmt: skip
    body = {"sender": "Shop", "recipient": "33612345678", "content": f"Sale {NASTY}"}
    account.post("/transactionalSMS/send", body)
    everybody = page(provider)
    assert "Tea &amp; Co" in everybody.text and "bubble sms" in everybody.text
    mine = page(provider, "/to/ann%40example.com").text
    assert "ann@example.com" in mine and "bubble sms" not in mine
    link = mine.split('class="letter" href="')[1].split('"')[0]
    shown = requests.get(provider.url + link, timeout=5)
    for part in ("Plain", "m-1", "welcome", "https://shop.test/?a=1&amp;b=2", "request", "<iframe sandbox "):
        assert part in shown.text, part
    # Nothing that a message says becomes part of the page.
    for answer in (everybody, shown):
        assert "<script" not in answer.text and "&lt;script&gt;" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    body_shown = requests.get(f"{provider.url}{link}/body", timeout=5)
    assert body_shown.text == html
    policy = body_shown.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;") and "script-src" not in policy and "allow-scripts" not in policy


def test_campaigns_are_there_too(account: Account, provider: Provider) -> None:
    account.post("/contacts", {"email": "cam@example.com", "listIds": [2]})
    described = {"account": account.key, "subject": "Autumn", "html": "<p>Leaves</p>", "lists": [2]}
    provider.control("POST", "campaign", described)
    try:
        provider.advance_to(START + 60)
        mine = page(provider, "/to/cam%40example.com").text
    finally:
        provider.set_time(START)
    assert "Autumn" in mine and "campaign · delivered" in mine


def test_what_is_not_there(provider: Provider) -> None:
    assert "Nothing was sent" in page(provider, "/to/nobody%40example.com").text
    for path in ("/message/x", "/message/x/body", "/other"):
        assert page(provider, path).status_code == 404
