from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.provider_process import (
    Account,
    Provider,
    Receiver,
    account,
    provider,
    receiver,
    wait_until,
)

__all__ = ["account", "provider", "receiver"]

BACK = "http://127.0.0.1:9/back"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-0"
SCOPES = "contacts:read contacts:write account:read offline_access"


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


class Merchant:
    """Consents to an app in a browser, and is its server too."""

    def __init__(self, account: Account, **app: float) -> None:
        self.account, self.url = account, f"{account.provider.url}/oauth"
        self.client_id = f"app-of-{account.key}"
        described = {"client_id": self.client_id, "name": "Our app", "redirect_uris": [BACK], **app}
        account.provider.control("POST", "apps", described)
        account.provider.control("POST", "consent", {"account": account.key})

    def authorize(self, **changed: Any) -> requests.Response:
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": BACK, "scope": SCOPES, "state": "s",
            "code_challenge": s256(VERIFIER), "code_challenge_method": "S256", **changed,
        }  # fmt: skip
        return requests.get(f"{self.url}/authorize", params=asked, allow_redirects=False, timeout=5)

    def code(self, **changed: Any) -> str:
        return parse_qs(urlsplit(self.authorize(**changed).headers["Location"]).query)["code"][0]

    def ask(self, **form: str) -> requests.Response:
        return requests.post(f"{self.url}/token", data={"client_id": self.client_id, **form}, timeout=5)

    def redeem(self, code: str, **changed: str) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.ask(**{**form, **changed})

    def refresh(self, token: str) -> requests.Response:
        return self.ask(grant_type="refresh_token", refresh_token=token)

    def call(self, token: str, method: str = "GET", path: str = "/account", **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return requests.request(method, f"{self.account.provider.url}/v3{path}", headers=headers, timeout=5, **more)


@pytest.fixture
def merchant(account: Account) -> Merchant:
    return Merchant(account)


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_an_app_gets_tokens_and_calls_with_them(merchant: Merchant) -> None:
    where = merchant.authorize().headers["Location"]
    assert where.startswith(f"{BACK}?") and parse_qs(urlsplit(where).query)["state"] == ["s"]
    answer = merchant.redeem(parse_qs(urlsplit(where).query)["code"][0])
    told = answer.json()
    assert (told["token_type"], told["expires_in"], set(told["scope"].split())) == ("Bearer", 3600, set(SCOPES.split()))
    assert answer.headers["Cache-Control"] == "no-store"
    assert merchant.call(told["access_token"]).json()["companyName"] == merchant.account.get("/account")["companyName"]
    # Scopes bind, and writing does not include reading.
    assert merchant.call(told["access_token"], path="/webhooks").status_code == 403
    # An access token is no API key, and both at once are refused.
    assert merchant.call(told["access_token"], headers={"api-key": merchant.account.key}).status_code == 401
    as_key = requests.get(
        f"{merchant.account.provider.url}/v3/account", headers={"api-key": told["access_token"]}, timeout=5
    )
    assert as_key.status_code == 401


def test_codes_work_once_for_who_asked(merchant: Merchant) -> None:
    assert error(merchant.redeem(merchant.code(), code_verifier="x" * 48)) == (400, "invalid_grant")
    assert error(merchant.redeem(merchant.code(), redirect_uri=BACK + "/")) == (400, "invalid_grant")
    assert error(merchant.redeem(merchant.code(), client_id="stranger")) == (401, "invalid_client")
    code = merchant.code()
    token = merchant.redeem(code).json()["access_token"]
    assert merchant.call(token).status_code == 200
    assert error(merchant.redeem(code)) == (400, "invalid_grant")
    # Whoever used it twice: what it brought is over.
    assert merchant.call(token).status_code == 401
    assert error(merchant.ask(grant_type="password")) == (400, "unsupported_grant_type")
    as_json = requests.post(f"{merchant.url}/token", json={"grant_type": "refresh_token"}, timeout=5)
    assert error(as_json) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "contacts:everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_questions_that_are_not_asked_rightly_come_back(
    merchant: Merchant, changed: dict[str, str], error: str
) -> None:
    told = parse_qs(urlsplit(merchant.authorize(**changed).headers["Location"]).query)
    assert told == {"state": ["s"], "error": [error]}


def test_nobody_is_sent_to_an_address_that_is_not_registered(merchant: Merchant) -> None:
    for changed in ({"redirect_uri": "http://127.0.0.1:9/other"}, {"client_id": "stranger"}):
        answer = merchant.authorize(**changed)
        assert answer.status_code == 400 and "Location" not in answer.headers
    merchant.account.provider.control("POST", "consent", {"account": merchant.account.key, "approve": False})
    assert "error=access_denied" in merchant.authorize().headers["Location"]


def test_refresh_tokens_rotate_and_end(merchant: Merchant) -> None:
    first = merchant.redeem(merchant.code()).json()
    second = merchant.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert error(merchant.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert [merchant.call(pair["access_token"]).status_code for pair in (first, second)] == [200, 200]

    def active(token: str) -> bool:
        return requests.post(f"{merchant.url}/introspect", data={"token": token}, timeout=5).json()["active"]

    assert active(second["access_token"]) and active(second["refresh_token"]) and not active(first["refresh_token"])
    assert requests.post(f"{merchant.url}/revoke", data={"token": second["refresh_token"]}, timeout=5).ok
    assert not active(second["access_token"]) and merchant.call(second["access_token"]).status_code == 401
    assert error(merchant.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert "refresh_token" not in merchant.redeem(merchant.code(scope="account:read")).json()
    # The merchant takes the app away.
    third = merchant.redeem(merchant.code()).json()
    merchant.account.provider.control("POST", "expire", {"account": merchant.account.key, "refresh": True})
    assert merchant.call(third["access_token"]).json()["code"] == "unauthorized"
    assert error(merchant.refresh(third["refresh_token"])) == (400, "invalid_grant")


def test_a_lost_answer_costs_the_refresh_token(merchant: Merchant) -> None:
    first = merchant.redeem(merchant.code()).json()
    merchant.account.fault("accept_then_cut", path="/oauth/token", count=1)
    with pytest.raises(requests.RequestException):
        merchant.refresh(first["refresh_token"])
    assert error(merchant.refresh(first["refresh_token"])) == (400, "invalid_grant")
    # The log tells what was asked, and holds no secret.
    asked = [entry for entry in merchant.account.log("request") if entry["path"] == "/oauth/token"]
    assert [entry["remark"]["outcome"] for entry in asked] == ["ok", "ok", "invalid_grant"]
    assert first["refresh_token"] not in str(asked)


def test_tokens_and_keys_grow_old_on_the_wire_clock(account: Account) -> None:
    provider, merchant = account.provider, Merchant(account, access_seconds=0.3)
    pair = merchant.redeem(merchant.code()).json()
    assert merchant.call(pair["access_token"]).status_code == 200
    provider.control("POST", "keys", {"account": account.key, "key": "short", "expires_in": 0.3})
    short = Account(provider, "short")
    assert short.call("GET", "/account").status_code == 200
    wait_until(lambda: merchant.call(pair["access_token"]).status_code == 401)
    wait_until(lambda: short.call("GET", "/account").status_code == 401)
    assert merchant.refresh(pair["refresh_token"]).status_code == 200


def test_keys_may_be_limited_and_taken_away(provider: Provider) -> None:
    account = provider.account(
        tier="extended", keys=[{"key": "reader", "name": "Reader", "permissions": ["contacts:read"]}]
    )
    reader = Account(provider, "reader")
    assert reader.call("GET", "/contacts").status_code == 200
    for method, path in (("POST", "/contacts"), ("GET", "/account")):
        refused = reader.call(method, path, {"email": "a@b.co"} if method == "POST" else None)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert 'Access denied for resource "account"' in refused.json()["message"]
    provider.control("DELETE", "keys", {"key": "reader"})
    assert reader.call("GET", "/contacts").json() == {"code": "unauthorized", "message": "Key not found"}
    assert account.call("GET", "/contacts").status_code == 200


def test_an_address_that_is_not_authorised(account: Account) -> None:
    account.settings(block_unknown_ip=True)
    answer = account.call("GET", "/account")
    assert answer.status_code == 401
    assert "unrecognised IP address 127.0.0.1" in answer.json()["message"]
    account.settings(block_unknown_ip=False)
    assert account.call("GET", "/account").status_code == 200


def test_writes_carry_the_name_of_who_wrote(provider: Provider, receiver: Receiver) -> None:
    account = provider.account(tier="extended", api_key_name="ours", keys=[{"key": "other", "name": "another"}])
    merchant = Merchant(account)
    token = merchant.redeem(merchant.code()).json()["access_token"]
    hook = {"url": receiver.url, "type": "marketing", "events": ["contactUpdated", "listAddition", "contactDeleted"]}
    account.post("/webhooks", hook)
    account.post("/contacts", {"email": "ann@example.com", "listIds": [2]})
    Account(provider, "other").put("/contacts/1", {"attributes": {"FIRSTNAME": "Ann"}})
    merchant.call(token, "PUT", "/contacts/1", json={"unlinkListIds": [2], "attributes": {"LASTNAME": "Lee"}})
    account.post("/contacts/lists/2/contacts/add", {"ids": [1]})
    event = {"event_name": "x", "identifiers": {"contact_id": 1}, "contact_properties": {"FIRSTNAME": "A"}}
    account.post("/events", event)
    account.call("DELETE", "/contacts/1")
    wait_until(lambda: len(receiver.got) == 6)
    assert [(body["event"], body["api_key_name"]) for body in receiver.bodies()] == [
        ("list_addition", "ours"),
        ("contact_updated", "another"),
        ("contact_updated", "Our app"),
        ("list_addition", "ours"),
        ("contact_updated", "ours"),
        ("contact_deleted", "ours"),
    ]
