"""The merchant installs the app over real HTTP, uninstalls it, and the law's three topics come."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from sandbox.store.app_deeds import REDACT_AFTER_SECONDS
from sandbox.store.apps import DEFAULT_CLIENT_ID
from sandbox.store.oauth import ID_TOKEN, OFFLINE, TOKEN_EXCHANGE
from sandbox.store.settings import DEFAULT_SECRET
from tests.sandbox.store_process import OTHER_SHOP, SHOP, START, Receiver, StoreProcess

CLIENT = {"client_id": DEFAULT_CLIENT_ID, "client_secret": DEFAULT_SECRET}
SUBSCRIBE = """mutation($w: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: CUSTOMERS_CREATE, webhookSubscription: $w) { userErrors { message } } }"""


class SmallApp:
    """An app of one page: with a session token it exchanges that and sends the browser on to `/home`; without one it
    asks for consent by redirect, and holds the state in a cookie."""

    def __init__(self, store_url: str) -> None:
        self.tokens: list[dict[str, Any]] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        app = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, said = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
                app.seen.append((path, said))
                endpoint = f"{store_url}/{said.get('shop')}/admin/oauth"
                if path == "/" and "id_token" in said:
                    subject = {"subject_token": said["id_token"], "subject_token_type": ID_TOKEN}
                    more = {"grant_type": TOKEN_EXCHANGE, "requested_token_type": OFFLINE, "expiring": "1"}
                    app.take(endpoint, {**subject, **more})
                    self.go("/home")
                elif path == "/":
                    back = {"redirect_uri": f"{app.url}back", "state": "s1", "scope": "read_orders"}
                    query = urlencode({"client_id": DEFAULT_CLIENT_ID, **back})
                    self.go(f"{endpoint}/authorize?{query}", "state=s1; Path=/; Secure; HttpOnly")
                elif path == "/back" and self.headers.get("Cookie") == f"state={said['state']}":
                    app.take(endpoint, {"code": said["code"], "expiring": "1"})
                    self.go("https://admin.shopify.com/store/a")
                else:
                    self.send_response(200 if path == "/home" else 403)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")

            def go(self, where: str, cookie: str | None = None) -> None:
                self.send_response(302)
                self.send_header("Location", where)
                if cookie:
                    self.send_header("Set-Cookie", cookie)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *ignored: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, endpoint: str, said: dict[str, str]) -> None:
        self.tokens.append(requests.post(f"{endpoint}/access_token", json={**CLIENT, **said}, timeout=10).json())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreProcess]:
    world = {"shops": [{"domain": SHOP}, {"domain": OTHER_SHOP, "installed": False}]}
    with StoreProcess(tmp_path, world) as running:
        yield running


@pytest.fixture
def app(store: StoreProcess) -> Iterator[SmallApp]:
    made = SmallApp(store.url)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def opens(store: StoreProcess, token: str, shop: str = SHOP) -> bool:
    return store.query("{ shop { id } }", shop, token).status_code == 200


def test_the_admin_opens_the_app_and_it_installs_by_token_exchange(store: StoreProcess, app: SmallApp) -> None:
    assert not opens(store, store.ready["tokens"][OTHER_SHOP], OTHER_SHOP)
    opened = store.post("install", shop=OTHER_SHOP, app_url=app.url, scopes=["read_orders"], user_id=4)["opened"]
    assert (opened["url"], opened["status"], opened["text"]) == (f"{app.url}home", 200, "ok")
    assert [step["status"] for step in opened["steps"]] == [302, 200]
    said = app.seen[0][1]
    assert set(said) == {"embedded", "hmac", "host", "id_token", "locale", "shop", "timestamp"}
    assert app.tokens[0]["scope"] == "read_orders" and opens(store, app.tokens[0]["access_token"], OTHER_SHOP)
    query, token = "{ currentAppInstallation { accessScopes { handle } } }", app.tokens[0]["access_token"]
    assert store.query(query, OTHER_SHOP, token).json()["data"]["currentAppInstallation"]["accessScopes"] == [
        {"handle": "read_orders"}
    ]


def test_a_stand_alone_app_installs_by_consent_with_its_cookie(store: StoreProcess, app: SmallApp) -> None:
    store.post("app", redirect_urls=[f"{app.url}back"])
    opened = store.post("install", shop=OTHER_SHOP, app_url=app.url, embedded=False)["opened"]
    assert [step["status"] for step in opened["steps"]] == [302, 302, 302]
    assert opened["headers"]["Location"].startswith("https://admin.shopify.com/"), "shown, and not followed"
    assert "id_token" not in app.seen[0][1]
    assert opens(store, app.tokens[0]["access_token"], OTHER_SHOP)
    refused = store.session.post(f"{store.url}/_control/visit", json={"url": "http://example.com/"})
    assert refused.status_code == 400 and "another machine" in refused.text


def test_uninstalling_kills_tokens_at_once_and_brings_shop_redact_after_48_hours(
    store: StoreProcess, app: SmallApp, receiver: Receiver
) -> None:
    token = store.ready["tokens"][SHOP]
    store.post("subscribe", uri=receiver.url, shops=[SHOP])
    assert opens(store, token)
    store.post("uninstall", shop=SHOP)
    assert receiver.topics() == ["app/uninstalled"] and not opens(store, token)
    store.act("create_customer", email="late@example.com")
    assert receiver.topics() == ["app/uninstalled"], "nothing else reaches an app that is gone"
    assert store.get("next")["at"] == START + REDACT_AFTER_SECONDS
    store.step(START + REDACT_AFTER_SECONDS - 1)
    store.post("advance")
    assert receiver.topics()[1:] == []
    store.step(START + REDACT_AFTER_SECONDS)
    store.post("advance")
    assert receiver.topics()[1:] == ["shop/redact"]
    shop_id = receiver.received[0].json["id"]
    assert receiver.received[1].json == {"shop_id": shop_id, "shop_domain": SHOP}


def test_an_app_that_came_back_is_not_redacted_and_has_to_subscribe_again(
    store: StoreProcess, app: SmallApp, receiver: Receiver
) -> None:
    store.data(SUBSCRIBE, w={"uri": receiver.url})
    store.post("uninstall", shop=SHOP)
    again = store.session.post(f"{store.url}/_control/uninstall", json={"shop": SHOP})
    assert again.status_code == 400 and "no app is installed" in again.text
    store.post("install", shop=SHOP, app_url=app.url)
    assert not opens(store, store.ready["tokens"][SHOP]), "the old token stays dead"
    assert opens(store, app.tokens[0]["access_token"])
    store.act("create_customer", email="back@example.com")
    store.step(START + REDACT_AFTER_SECONDS)
    store.post("advance")
    assert receiver.topics() == []
    skipped = [one for one in store.get("log")["entries"] if one["kind"] == "skipped"]
    assert [one["action"] for one in skipped] == ["redact_shop"]
    store.post("subscribe", uri=receiver.url, shops=[SHOP], topics=["shop/redact"])
    store.act("redact_shop")
    assert receiver.topics() == ["shop/redact"], "on demand it comes all the same"


def test_scopes_and_the_law_s_topics_come_on_demand(store: StoreProcess, receiver: Receiver) -> None:
    topics = ["app/scopes_update", "customers/data_request", "customers/redact"]
    store.post("subscribe", uri=receiver.url, shops=[SHOP], topics=topics)
    order = store.act("create_order", email="ann@example.com")
    person = order["customer_id"]
    store.act("change_customer", customer=person, phone="+33612345678")
    before = sorted(store.get("app")["apps"][0]["scopes"])
    store.act("update_scopes", scopes=["read_orders"])
    store.act("request_data", email="ann@example.com")
    store.act("redact_customer", customer=person)
    scopes, request, redact = (one.json for one in receiver.received)
    assert receiver.topics() == topics
    assert (scopes["previous"], scopes["current"]) == (before, ["read_orders"])
    who = {"id": person, "email": "ann@example.com", "phone": "+33612345678"}
    assert request["customer"] == redact["customer"] == who
    assert request["orders_requested"] == redact["orders_to_redact"] == [order["order_id"]]
    assert request["data_request"]["id"] > 0


def test_the_law_s_topics_are_no_business_of_the_admin_api(store: StoreProcess) -> None:
    query = SUBSCRIBE.replace("CUSTOMERS_CREATE", "SHOP_REDACT")
    assert "SHOP_REDACT" in json.dumps(store.query(query, w={"uri": "https://x.example"}).json()["errors"])


def test_webhooks_may_carry_the_old_secret_s_digest_for_a_while(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url, shops=[SHOP], topics=["customers/create"])
    digests = []
    for n, change in enumerate(({}, {"secret": "new", "old_secret": DEFAULT_SECRET, "signs_with_old": True})):
        store.post("app", **change)
        store.act("create_customer", email=f"d{n}@example.com")
    store.post("app", signs_with_old=False)
    store.act("create_customer", email="d3@example.com")
    for one in receiver.received:
        digest = one.headers["x-shopify-hmac-sha256"]
        digests += [secret for secret in (DEFAULT_SECRET, "new") if _digest(secret, one.body) == digest]
    assert digests == [DEFAULT_SECRET, DEFAULT_SECRET, "new"]


def _digest(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
