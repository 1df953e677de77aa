"""How an app gets its tokens, over HTTP: five grants, what is refused, what goes wrong on demand."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from sandbox.store.apps import DEFAULT_CLIENT_ID
from sandbox.store.oauth import ID_TOKEN, OFFLINE, ONLINE, TOKEN_EXCHANGE
from sandbox.store.settings import DEFAULT_SECRET
from tests.sandbox.store_process import OTHER_SHOP, SHOP, StoreProcess

BACK = "https://app.example/auth/callback"
THIRD_SHOP = "c.myshopify.com"
CLIENT = {"client_id": DEFAULT_CLIENT_ID, "client_secret": DEFAULT_SECRET}
ASK = "{ shop { id } }"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    world = {
        "shops": [
            {"domain": SHOP},
            {"domain": OTHER_SHOP, "installed": False},
            {"domain": THIRD_SHOP, "secret": "own"},
        ],
        "app": {"redirect_urls": [BACK], "scopes": ["read_orders", "read_customers"]},
    }
    with StoreProcess(tmp_path_factory.mktemp("store"), world) as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(store: StoreProcess) -> Iterator[None]:
    yield
    store.post("token_faults", faults=[])


def ask(store: StoreProcess, shop: str = SHOP, form: bool = False, **said: Any) -> requests.Response:
    url = f"{store.url}/{shop}/admin/oauth/access_token"
    body = {**CLIENT, **said}
    return requests.post(url, data=body, timeout=10) if form else requests.post(url, json=body, timeout=10)


def exchange(store: StoreProcess, shop: str = SHOP, kind: str = OFFLINE, **said: Any) -> requests.Response:
    subject = {"subject_token": store.post("session_token", shop=shop)["id_token"], "subject_token_type": ID_TOKEN}
    return ask(store, shop, grant_type=TOKEN_EXCHANGE, requested_token_type=kind, **{**subject, **said})


def refresh(store: StoreProcess, refresh_token: str) -> requests.Response:
    return ask(store, grant_type="refresh_token", refresh_token=refresh_token)


def opens(store: StoreProcess, token: str, shop: str = SHOP) -> bool:
    status = store.query(ASK, shop, token).status_code
    assert status in (200, 401)
    return status == 200


def refusal(answer: requests.Response) -> str:
    assert answer.status_code == 400
    return str(answer.json()["error"])


@pytest.mark.parametrize("form", [False, True])
def test_a_session_token_buys_an_expiring_pair(store: StoreProcess, form: bool) -> None:
    subject = store.post("session_token", shop=SHOP)["id_token"]
    said = {"subject_token": subject, "subject_token_type": ID_TOKEN, "requested_token_type": OFFLINE}
    answer = ask(store, form=form, grant_type=TOKEN_EXCHANGE, expiring="1", **said)
    body = answer.json()
    assert (body["expires_in"], body["refresh_token_expires_in"]) == (3600, 7_776_000)
    assert body["scope"] == "read_customers,read_orders"
    assert opens(store, body["access_token"]) and not opens(store, body["access_token"], THIRD_SHOP)
    assert not opens(store, body["refresh_token"])


def test_without_expiring_the_token_is_of_the_old_kind_and_stays_the_same(store: StoreProcess) -> None:
    first, second = exchange(store).json(), exchange(store).json()
    assert set(first) == {"access_token", "scope"} and first == second


def test_an_online_token_names_its_user(store: StoreProcess) -> None:
    body = exchange(
        store, kind=ONLINE, subject_token=store.post("session_token", shop=SHOP, user_id=7)["id_token"]
    ).json()
    assert (body["expires_in"], body["associated_user"]["id"]) == (86_399, 7)
    assert set(body["associated_user"]) == {
        "id", "first_name", "last_name", "email", "email_verified", "account_owner", "locale", "collaborator",
    }  # fmt: skip


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"nbf": int(time.time()) + 600},
        {"aud": "another-app"},
        {"dest": f"https://{OTHER_SHOP}"},
        {"iss": f"https://{OTHER_SHOP}/admin"},
    ],
)
def test_a_session_token_that_is_stale_or_another_s_is_refused(store: StoreProcess, claims: dict[str, Any]) -> None:
    subject = store.post("session_token", shop=SHOP, claims=claims)["id_token"]
    assert refusal(exchange(store, subject_token=subject)) == "invalid_subject_token"
    assert exchange(store).status_code == 200


def test_wrong_credentials_and_shops_without_the_app_are_invalid_client(store: StoreProcess) -> None:
    assert refusal(exchange(store, client_secret="wrong")) == "invalid_client"
    assert refusal(exchange(store, client_id="nobody")) == "invalid_client"
    assert refusal(exchange(store, shop=OTHER_SHOP)) == "invalid_client"
    assert refusal(exchange(store, shop=THIRD_SHOP, subject_token="x")) == "invalid_client"
    assert ask(store, shop="nobody.myshopify.com").status_code == 404


def test_the_old_secret_is_taken_while_it_is_there(store: StoreProcess) -> None:
    store.post("app", secret="a-new-secret-of-forty-characters-in-all", old_secret=DEFAULT_SECRET)
    try:
        assert exchange(store).status_code == 200
        assert exchange(store, client_secret="a-new-secret-of-forty-characters-in-all").status_code == 200
    finally:
        store.post("app", secret=DEFAULT_SECRET, old_secret=None)
    assert refusal(exchange(store, client_secret="a-new-secret-of-forty-characters-in-all")) == "invalid_client"


def test_a_refresh_whose_answer_was_lost_is_done_again_and_the_journal_tells(store: StoreProcess) -> None:
    first = exchange(store, expiring="1").json()
    store.post("token_faults", faults=[{"kind": "lost", "grant": "refresh_token", "count": 1}])
    with pytest.raises(requests.ConnectionError):
        refresh(store, first["refresh_token"])
    second = refresh(store, first["refresh_token"]).json()
    assert opens(store, second["access_token"]) and not opens(store, first["access_token"])
    told = store.get(f"tokens?shop={SHOP}")
    chain = told["tokens"][-3:]
    assert [one["parent"] for one in chain[1:]] == [chain[0]["number"]] * 2
    assert [one["delivered"] for one in chain] == [True, False, True]
    assert [one["refreshes"] for one in chain] == [True, False, True]
    assert chain[2]["access_first_used"] is not None and chain[1]["access_first_used"] is None
    assert told["locked_out"] is False
    # The control: a client that kept nothing but what was lost could not go on.
    refused = told["refused"]
    assert refusal(refresh(store, chain[1]["refresh_token"])) == "invalid_grant"
    assert store.get(f"tokens?shop={SHOP}")["refused"] == refused + 1
    store.post("expire", shop=SHOP, what="both")
    assert store.get(f"tokens?shop={SHOP}")["locked_out"] is True


def test_faults_strike_as_they_say(store: StoreProcess) -> None:
    pair = exchange(store, expiring="1").json()
    issued = len(store.get(f"tokens?shop={SHOP}")["tokens"])
    faults = [
        {"kind": "throttled", "retry_after": 2, "count": 1},
        {"kind": "error", "status": 502, "count": 1},
        {"kind": "cut", "count": 1},
    ]
    answers: list[tuple[int | None, str | None]] = []
    for fault in faults:
        store.post("token_faults", faults=[fault])
        try:
            answer = refresh(store, pair["refresh_token"])
            answers.append((answer.status_code, answer.headers.get("Retry-After")))
        except requests.ConnectionError:
            answers.append((None, None))
    assert answers == [(429, "2"), (502, None), (None, None)]
    assert len(store.get(f"tokens?shop={SHOP}")["tokens"]) == issued, "nothing was done"
    store.post("token_faults", faults=[{"kind": "slow", "seconds": 0.3, "count": 1}])
    began = time.monotonic()
    assert refresh(store, pair["refresh_token"]).status_code == 200
    assert time.monotonic() - began >= 0.3
    unknown = store.session.post(f"{store.url}/_control/token_faults", json={"faults": [{"kind": "melt"}]})
    assert unknown.status_code == 400 and "melt" in unknown.text


def test_an_old_token_becomes_an_expiring_pair(store: StoreProcess) -> None:
    store.post("tokens", shop=SHOP, token="shpat_of_the_admin")
    said: dict[str, Any] = {
        "subject_token": "shpat_of_the_admin",
        "subject_token_type": OFFLINE,
        "requested_token_type": OFFLINE,
    }
    assert opens(store, "shpat_of_the_admin")
    assert refusal(ask(store, grant_type=TOKEN_EXCHANGE, **said)) == "invalid_request"
    pair = ask(store, grant_type=TOKEN_EXCHANGE, expiring="1", **said).json()
    assert opens(store, pair["access_token"]) and not opens(store, "shpat_of_the_admin")
    again = ask(store, grant_type=TOKEN_EXCHANGE, expiring="1", **said).json()
    assert again["refresh_token"] == pair["refresh_token"]


def test_client_credentials_are_for_the_own_organisation(store: StoreProcess) -> None:
    body = ask(store, grant_type="client_credentials").json()
    assert set(body) == {"access_token", "scope", "expires_in"} and opens(store, body["access_token"])
    store.post("app", own_organisation=False)
    assert refusal(ask(store, grant_type="client_credentials")) == "shop_not_permitted"
    store.post("app", own_organisation=True)
    own: dict[str, Any] = {"client_id": "app-of-c", "client_secret": "own", "grant_type": "client_credentials"}
    assert opens(store, ask(store, THIRD_SHOP, **own).json()["access_token"], THIRD_SHOP)


def test_expired_and_public_apps_old_tokens_are_401(store: StoreProcess) -> None:
    old, pair = exchange(store).json()["access_token"], exchange(store, expiring="1").json()
    store.post("app", expiring_only=True)
    assert not opens(store, old) and opens(store, pair["access_token"])
    store.post("app", expiring_only=False)
    assert opens(store, old)
    store.post("expire", shop=SHOP)
    assert not opens(store, pair["access_token"])
    assert refresh(store, pair["refresh_token"]).status_code == 200


def authorize(store: StoreProcess, **said: Any) -> requests.Response:
    query = {"client_id": DEFAULT_CLIENT_ID, "redirect_uri": BACK, "state": "n0nce", "scope": "read_orders", **said}
    url = f"{store.url}/{OTHER_SHOP}/admin/oauth/authorize"
    return requests.get(url, params=query, allow_redirects=False, timeout=10)


def test_the_merchant_s_consent_comes_back_signed_and_its_code_works_once(store: StoreProcess) -> None:
    answer = authorize(store)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(f"{BACK}?")
    said = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert set(said) == {"code", "hmac", "host", "shop", "state", "timestamp"}
    assert (said["shop"], said["state"]) == (OTHER_SHOP, "n0nce")
    message = "&".join(f"{name}={value}" for name, value in sorted(said.items()) if name != "hmac")
    assert hmac.new(DEFAULT_SECRET.encode(), message.encode(), hashlib.sha256).hexdigest() == said["hmac"]
    body = ask(store, OTHER_SHOP, code=said["code"], expiring="1").json()
    assert body["scope"] == "read_orders" and opens(store, body["access_token"], OTHER_SHOP)
    assert refusal(ask(store, OTHER_SHOP, code=said["code"])) == "invalid_request"
    online = dict(parse_qsl(urlsplit(authorize(store, **{"grant_options[]": "per-user"}).headers["Location"]).query))
    assert ask(store, OTHER_SHOP, code=online["code"]).json()["associated_user"]["account_owner"] is True


def test_consent_returns_to_registered_addresses_only(store: StoreProcess) -> None:
    for said in ({"redirect_uri": "https://evil.example/"}, {"redirect_uri": f"{BACK}/x"}, {"client_id": "nobody"}):
        answer = authorize(store, **said)
        assert answer.status_code == 400 and "Location" not in answer.headers
