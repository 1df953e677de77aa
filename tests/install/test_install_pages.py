"""Opening the app installs it, in the admin's frame and outside of it; nothing that is forged does, and nobody is sent
elsewhere."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from connector.app import create_app
from connector.db.session import transaction
from connector.models.shop import shops
from connector.models.staff import audit_log
from connector.shopify import oauth
from sandbox.store.apps import DEFAULT_CLIENT_ID
from sandbox.store.settings import DEFAULT_SECRET
from tests.install.merchant import Merchant, merchant, opened
from tests.sandbox.store_process import OTHER_SHOP, SHOP, StoreProcess
from webhooks.topics import TOPICS

PUBLIC = "https://c.test"


@pytest.fixture(scope="module")
def store() -> Iterator[StoreProcess]:
    with opened() as one:
        one.post("app", redirect_urls=[f"{PUBLIC}/auth/callback"])
        yield one


@pytest.fixture
def made(store: StoreProcess, database_url: str, redis_url: str) -> Iterator[Merchant]:
    with merchant(store, database_url, redis_url) as one:
        one.store.post("install", shop=SHOP, open=False)
        yield one


@pytest.fixture
def client(made: Merchant) -> FlaskClient:
    app = create_app(made.deps.settings, made.deps.engine, made.deps.redis, deps=made.deps)
    return app.test_client()


def get(client: FlaskClient, path: str, **arguments: Any) -> Any:
    query = f"?{urlencode(arguments)}" if arguments else ""
    return client.get(f"{path}{query}", base_url=PUBLIC)


def opening(made: Merchant, shop: str = SHOP, **claims: Any) -> dict[str, str]:
    """What the admin adds to the app's address."""
    return {"embedded": "1", "shop": shop, "host": "abc", "id_token": made.session_token(shop, **claims)}


def row(made: Merchant, domain: str = SHOP) -> Any:
    with transaction(made.deps.engine) as connection:
        return connection.execute(select(shops).where(shops.c.domain == domain)).mappings().one_or_none()


def issued(made: Merchant) -> int:
    return sum(one["kind"] == "expiring" for one in made.told()["tokens"])


# In the admin's frame


def test_opening_the_app_installs_it(made: Merchant, client: FlaskClient) -> None:
    answer = get(client, "/", **opening(made))
    assert answer.status_code == 303
    home = urlsplit(answer.headers["Location"])
    assert (home.scheme, home.netloc, home.path) == ("", "", "/admin/")
    assert parse_qs(home.query)["shop"] == [SHOP] and "id_token" in parse_qs(home.query)
    stored = row(made)
    assert (stored["state"], stored["token_kind"], stored["currency"]) == ("installed", "expiring", "EUR")
    assert stored["timezone"] == "Europe/Paris" and stored["installed_at"] and "read_orders" in stored["granted_scopes"]
    assert made.deps.store(made.loaded(stored["id"])).query("shop")
    with transaction(made.deps.engine) as connection:
        lines = connection.execute(select(audit_log).where(audit_log.c.shop_id == stored["id"])).all()
    assert [line.actor for line in lines if line.act == "app.install"] == ["merchant:1"]
    # Opened again it has what it needs.
    before = issued(made)
    assert get(client, "/", **opening(made)).status_code == 303 and issued(made) == before


def test_opening_the_app_heals_a_token_that_was_refused(made: Merchant, client: FlaskClient) -> None:
    get(client, "/", **opening(made))
    with transaction(made.deps.engine) as connection:
        connection.execute(shops.update().values(token_trouble="invalid_grant"))
    before = issued(made)
    assert get(client, "/", **opening(made)).status_code == 303
    assert issued(made) == before + 1 and row(made)["token_trouble"] is None


def test_an_app_that_was_removed_is_installed_again(made: Merchant, client: FlaskClient) -> None:
    get(client, "/", **opening(made))
    with transaction(made.deps.engine) as connection:
        connection.execute(
            shops.update().values(state="uninstalled", shopify_token=None, uninstalled_at=shops.c.created_at)
        )
    assert get(client, "/", **opening(made)).status_code == 303
    assert (row(made)["state"], row(made)["uninstalled_at"]) == ("installed", None)


@pytest.mark.parametrize("stale", [True, False])
def test_without_a_session_token_the_page_fetches_one(made: Merchant, client: FlaskClient, stale: bool) -> None:
    past = int(made.deps.clock.machine().timestamp()) - 100
    arguments = opening(made, exp=past, nbf=past - 60) if stale else {"embedded": "1", "shop": SHOP, "host": "abc"}
    answer = get(client, "/", **arguments)
    bounce = urlsplit(answer.headers["Location"])
    assert answer.status_code == 302 and (bounce.netloc, bounce.path) == ("", "/auth/bounce")
    (back,) = parse_qs(bounce.query)["shopify-reload"]
    assert back.startswith(f"{PUBLIC}/?") and "id_token" not in back
    page = get(client, f"{bounce.path}?{bounce.query}")
    assert page.status_code == 200 and f'data-api-key="{DEFAULT_CLIENT_ID}"' in page.text
    assert f"frame-ancestors https://{SHOP} https://admin.shopify.com" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert row(made) is None


def test_a_forged_session_installs_nothing(made: Merchant, client: FlaskClient) -> None:
    for claims in ({"aud": "another-app"}, {"iss": f"https://{OTHER_SHOP}/admin"}, {"dest": "https://evil.example"}):
        answer = get(client, "/", **opening(made, **claims))
        assert answer.status_code == 401 and "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert row(made) is None and row(made, OTHER_SHOP) is None


def test_a_session_counts_for_its_own_shop_whatever_the_address_says(made: Merchant, client: FlaskClient) -> None:
    get(client, "/", **opening(made) | {"shop": OTHER_SHOP})
    assert row(made)["state"] == "installed" and row(made, OTHER_SHOP) is None


def test_a_store_that_does_not_answer_is_said(made: Merchant, client: FlaskClient) -> None:
    made.faults({"kind": "error", "grant": "token_exchange", "count": 1})
    answer = get(client, "/", **opening(made))
    assert answer.status_code == 503 and SHOP in answer.headers["Content-Security-Policy"]
    assert get(client, "/", **opening(made)).status_code == 303 and row(made)["state"] == "installed"


# Outside of the frame


def authorized(made: Merchant, client: FlaskClient, shop: str = SHOP) -> str:
    """The address that the store sends the merchant back to."""
    asked = get(client, "/auth", shop=shop)
    assert asked.status_code == 302
    question = urlsplit(asked.headers["Location"])
    told = parse_qs(question.query)
    assert told["redirect_uri"] == [f"{PUBLIC}/auth/callback"] and told["client_id"] == [DEFAULT_CLIENT_ID]
    answer = made.store.session.get(asked.headers["Location"], allow_redirects=False, timeout=20)
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}" == PUBLIC
    return f"{back.path}?{back.query}"


def test_a_merchant_installs_by_authorization(made: Merchant, client: FlaskClient) -> None:
    first = get(client, "/", shop=SHOP, hmac="x", timestamp="1")
    assert first.headers["Location"] == f"/auth?shop={SHOP}"
    answer = get(client, authorized(made, client))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")
    assert (row(made)["state"], row(made)["token_kind"]) == ("installed", "expiring")
    assert get(client, "/", shop=SHOP).headers["Location"] == "/admin/", "it is there already"


def signed(**told: str) -> str:
    message = "&".join(f"{name}={value}" for name, value in sorted(told.items()))
    digest = hmac.new(DEFAULT_SECRET.encode(), message.encode(), hashlib.sha256).hexdigest()
    return urlencode(told | {"hmac": digest})


def test_only_the_answer_to_our_own_question_is_taken(made: Merchant, client: FlaskClient) -> None:
    path = authorized(made, client)
    told = {name: value[0] for name, value in parse_qs(urlsplit(path).query).items() if name != "hmac"}
    now = made.deps.clock.machine().timestamp()
    stranger = create_app(made.deps.settings, made.deps.engine, made.deps.redis, deps=made.deps).test_client()
    wrong = {
        "another browser": (stranger, path),
        "unsigned": (client, f"/auth/callback?{urlencode(told)}"),
        "changed": (client, path.replace(told["code"], "0" * 32)),
        "another shop": (client, f"/auth/callback?{signed(**told | {'shop': OTHER_SHOP})}"),
        "no shop": (client, f"/auth/callback?{signed(**told | {'shop': 'evil.example'})}"),
        "another state": (client, f"/auth/callback?{signed(**told | {'state': 'x'})}"),
        "old": (client, f"/auth/callback?{signed(**told | {'timestamp': str(int(now) - 91)})}"),
        "no code": (client, f"/auth/callback?{signed(**told | {'code': ''})}"),
        "twice the same": (client, f"{path}&shop={SHOP}"),
        "nothing": (client, "/auth/callback"),
    }
    for what, (browser, address) in wrong.items():
        assert get(browser, address).status_code == 403, what
    assert row(made) is None
    # The control: the right answer in the right browser is taken after all of these.
    assert get(client, path).status_code == 303 and row(made)["state"] == "installed"


def test_a_merchant_may_be_away_for_a_minute(made: Merchant) -> None:
    settings, now = made.deps.settings, 1_790_000_000.0
    state, cookie = oauth.new_state(settings.secret_keys, SHOP, "nonce", now)

    def answer(later: float) -> str:
        told = {"code": "c", "shop": SHOP, "state": state, "timestamp": str(int(now + later))}
        return oauth.read_callback(settings, signed(**told), cookie, now + later).code

    assert answer(59) == "c"
    with pytest.raises(oauth.NotOurs, match="too long"):
        answer(61)
    rotated = replace(settings, shopify_api_secret="new", shopify_api_secret_old=DEFAULT_SECRET)
    told = {"code": "c", "shop": SHOP, "state": state, "timestamp": str(int(now))}
    assert oauth.read_callback(rotated, signed(**told), cookie, now).shop == SHOP


# Nobody is sent elsewhere

NAMES = (
    "evil.example", "one.myshopify.com.evil.example", "evil.example/one.myshopify.com",
    "one.myshopify.com@evil.example", "one.myshopify.com:444", "one.myshopify.com/..", "one.myshopify.com\n",
    "one。myshopify.com", "//evil.example", "one.myshopify.com\r\nX: y", "https://one.myshopify.com", "one", "",
    "-.myshopify.com",
)  # fmt: skip


@pytest.mark.parametrize("path", ["/auth", "/auth/bounce", "/"])
@pytest.mark.parametrize("name", NAMES)
def test_only_whole_shop_domains_are_taken(client: FlaskClient, path: str, name: str) -> None:
    answer = get(client, path, **{"shop": name, "embedded": "1", "shopify-reload": f"{PUBLIC}/"})
    assert answer.status_code == 400 and "evil" not in str(answer.headers)


ELSEWHERE = (
    "https://evil.example/", "//evil.example", "/admin", f"{PUBLIC}.evil.example/", f"{PUBLIC}@evil.example/", "",
    "javascript:1",
)  # fmt: skip


@pytest.mark.parametrize("back", ELSEWHERE)
def test_a_session_token_is_fetched_for_our_own_pages_only(client: FlaskClient, back: str) -> None:
    assert get(client, "/auth/bounce", **{"shop": SHOP, "shopify-reload": back}).status_code == 400


def test_a_shop_is_named_once(client: FlaskClient) -> None:
    assert client.get(f"/auth?shop={SHOP}&shop={OTHER_SHOP}", base_url=PUBLIC).status_code == 400


def test_topics_that_the_app_itself_carries_are_not_subscribed(made: Merchant, client: FlaskClient) -> None:
    get(client, "/", **opening(made))
    listed = made.deps.store(made.loaded(row(made)["id"])).query("webhook_subscriptions", {"first": 250})
    here = {one["topic"] for one in listed["webhookSubscriptions"]["nodes"] if one["uri"].startswith(PUBLIC)}
    assert "ORDERS_CREATE" not in here and ("shopify", "orders/create") in TOPICS
