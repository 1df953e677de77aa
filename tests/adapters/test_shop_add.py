"""Connecting a shop: everything in place, safe to repeat, and whatever fails is said with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
import requests
import responses
from click.testing import CliRunner
from sqlalchemy import func, select

from connector import shops
from connector.cli.shop import shop as shop_command
from connector.clock import SystemClock
from connector.errors import ActionNeeded, InvalidInput
from connector.install.connecting import Credentials, connect
from connector.models.flow import flows
from connector.models.shop import shops as shops_table
from connector.settings import Settings
from connector.shopify.scopes import NEEDED
from connector.shopify.subscriptions import COMPLIANCE
from tests.sync.world import World, world
from webhooks.topics import TOPICS
from webhooks.verify import is_bearer

DOMAIN = "two.myshopify.com"
GRAPHQL = f"https://{DOMAIN}/admin/api/2026-10/graphql.json"
GIVEN = Credentials(DOMAIN, "shpat_2", "xkeysib-2")
TOPIC_COUNT = sum(source == "shopify" and name not in COMPLIANCE for source, name in TOPICS)


@dataclass
class Account:
    """As much of a Brevo account as connecting needs."""

    senders: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"id": 1, "email": "old@x.test", "name": "Old", "active": False},
            {"id": 2, "email": "hello@x.test", "name": "Hello", "active": True},
        ]
    )
    attributes: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    activated: int = 0
    made: list[str] = field(default_factory=list)
    # The number that every list gets; None: one after the other.
    list_number: int | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v3/")
        self.keys.add(request.headers["api-key"])
        for part, status in self.refuse.items():
            if path.startswith(part):
                return httpx.Response(status, json={"code": "unauthorized", "message": "Key not found"})
        body = orjson.loads(request.content) if request.content else {}
        if path == "account":
            return httpx.Response(200, json={"email": "owner@x.test", "organization_id": "org-1"})
        if path == "senders":
            return httpx.Response(200, json={"senders": self.senders})
        if path == "contacts/attributes":
            return httpx.Response(200, json={"attributes": self.attributes})
        if path.startswith("contacts/attributes/normal/"):
            self.attributes.append({"name": path.rsplit("/", 1)[1], "category": "normal", **body})
            return httpx.Response(201)
        if path == "ecommerce/activate":
            self.activated += 1
            return httpx.Response(200, json={})
        if path in ("contacts/folders", "contacts/lists"):
            if request.method != "POST":
                return httpx.Response(200, json={})
            self.made.append(path)
            return httpx.Response(201, json={"id": self.list_number or 6 + self.made.count(path)})
        if path == "webhooks" and request.method == "GET":
            if found := [one for one in self.webhooks if one["type"] == request.url.params["type"]]:
                return httpx.Response(200, json={"webhooks": found})
            return httpx.Response(404, json={"code": "document_not_found", "message": "none"})
        if path == "webhooks":
            self.webhooks.append({"id": len(self.webhooks) + 1, **body})
            return httpx.Response(201, json={"id": len(self.webhooks)})
        self.webhooks[int(path.rsplit("/", 1)[1]) - 1].update(body)
        return httpx.Response(204)


def _store(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
    text = orjson.loads(request.body or b"")["query"]
    data: dict[str, Any]
    if "shopAddress" in text:
        data = {"shop": {"shopAddress": {"company": "Two Ltd", "address1": "1 Road", "city": "Bern", "zip": None}}}
    elif "ianaTimezone" in text:
        url = {"url": "https://two.test"}
        data = {"shop": {"name": "Two", "currencyCode": "CHF", "ianaTimezone": "Europe/Zurich", "primaryDomain": url}}
    elif "webhookSubscriptionCreate" in text:
        data = {"webhookSubscriptionCreate": {"webhookSubscription": {"id": "1"}, "userErrors": []}}
    elif "accessScopes" in text:
        data = {"currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in NEEDED]}}
    else:
        data = {"webhookSubscriptions": {"nodes": []}}
    return 200, {}, orjson.dumps({"data": data})


@pytest.fixture
def made(database_url: str, redis_url: str) -> Iterator[World]:
    # Rate windows fifty times as fast: connecting creates a dozen attributes.
    moving = SystemClock(wire_rate=50)
    settings = {"public_url": "https://c.test", "wire_rate": 50.0}
    with world(database_url, redis_url, moving, **settings) as one, responses.RequestsMock() as mock:
        mock.assert_all_requests_are_fired = False
        mock.add_callback(responses.POST, GRAPHQL, callback=_store)
        yield one


@pytest.fixture
def account(made: World) -> Account:
    account = Account()
    made.brevo.answer = account
    return account


def run(made: World, given: Credentials = GIVEN, *, with_flows: bool = False) -> tuple[int, str]:
    said: list[str] = []
    shop_id = connect(made.deps, given, with_flows=with_flows, say=said.append)
    return shop_id, "\n".join(said)


def stored(made: World) -> Any:
    with made.transaction() as connection:
        return connection.execute(select(shops_table).where(shops_table.c.domain == DOMAIN)).mappings().one()


def test_a_shop_is_connected(made: World, account: Account) -> None:
    shop_id, said = run(made)
    row = stored(made)
    assert (row["id"], row["name"], row["state"]) == (shop_id, "Two", "active")
    assert (row["timezone"], row["currency"]) == ("Europe/Zurich", "CHF")
    assert (row["sender_email"], row["sender_name"]) == ("hello@x.test", "Hello"), "the first active sender"
    lists = row["settings"].pop("lists")
    assert (set(lists), sorted(lists.values())) == ({"newsletter", "sms", "whatsapp", "imports"}, [7, 8, 9, 10])
    assert row["settings"] == {"url": "https://two.test", "address": "Two Ltd, 1 Road, Bern"}
    assert len(row["salt"]) == 32
    for name, secret in (("shopify_token", "shpat_2"), ("brevo_key", "xkeysib-2")):
        assert secret not in row[name] and made.deps.secrets.decrypt(shop_id, name, row[name]) == secret
        assert secret not in said
    assert account.keys == {"xkeysib-2"} and account.activated == 1
    assert "Warning" not in said and f"{TOPIC_COUNT} of {TOPIC_COUNT} topics" in said
    assert {one["name"] for one in account.attributes} >= {"ORDERS_COUNT", "LAST_ORDER_DATE", "SHOPIFY_TAGS"}
    assert [(one["type"], one["channel"]) for one in account.webhooks] == [
        ("transactional", "email"), ("marketing", "email"), ("transactional", "sms"),
    ]  # fmt: skip
    for webhook in account.webhooks:
        assert webhook["url"] == f"https://c.test/webhooks/brevo/{shop_id}"
        assert webhook["auth"]["type"] == "bearer"
        assert is_bearer(webhook["auth"]["token"], row["brevo_webhook_digest"])
    assert row["brevo_webhook_digest_before"] == ""


def test_lists_that_brevo_numbers_alike_are_never_emptied(made: World, account: Account) -> None:
    account.list_number = 7
    run(made)
    assert stored(made)["settings"]["lists"] == {"newsletter": 7, "sms": 7, "whatsapp": 7}


def test_connecting_again_updates_the_credentials_and_keeps_the_rest(made: World, account: Account) -> None:
    first, _ = run(made)
    with made.transaction() as connection:
        shops.change_settings(connection, first, {"locale": "de"})
    before = stored(made)
    again, said = run(made, Credentials(f"https://{DOMAIN}", "shpat_3", "xkeysib-3", sender="old@x.test", name="Zwei"))
    row = stored(made)
    assert again == first and row["salt"] == before["salt"] and row["settings"]["locale"] == "de"
    assert made.deps.secrets.decrypt(first, "shopify_token", row["shopify_token"]) == "shpat_3"
    assert (row["name"], row["sender_email"]) == ("Zwei", "old@x.test")
    assert "no active sender" in said
    assert len(account.webhooks) == 3, "the webhooks are taken over, not doubled"
    assert all(is_bearer(one["auth"]["token"], row["brevo_webhook_digest"]) for one in account.webhooks)
    assert not is_bearer(account.webhooks[0]["auth"]["token"], before["brevo_webhook_digest"])


def test_flows_are_published_unless_told_otherwise(made: World, account: Account) -> None:
    def count() -> int:
        with made.transaction() as connection:
            return int(connection.scalar(select(func.count()).select_from(flows)) or 0)

    run(made)
    assert count() == 0
    run(made, with_flows=True)
    assert count() == 2


def test_a_wrong_key_connects_nothing(made: World, account: Account) -> None:
    account.refuse = {"senders": 401}
    with pytest.raises(ActionNeeded, match="Key not found"):
        run(made)
    with made.transaction() as connection:
        assert shops.by_domain(connection, DOMAIN) is None


def test_an_account_without_sender_says_what_to_do(made: World, account: Account) -> None:
    account.senders = account.senders[:1]
    with pytest.raises(InvalidInput, match="--sender EMAIL"):
        run(made)


def test_a_given_sender_needs_no_list(made: World, account: Account) -> None:
    account.refuse = {"senders": 404}
    _, said = run(made, Credentials(DOMAIN, "t", "k", sender="me@x.test"))
    assert stored(made)["sender_email"] == "me@x.test" and "could not be read" in said


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("contacts", "attributes"),
        ("webhooks", "Bounces and opt-outs"),
        ("ecommerce", "Orders and products will not arrive"),
    ],
)
def test_what_fails_at_brevo_later_is_said_and_the_shop_stands(
    made: World, account: Account, part: str, words: str
) -> None:
    account.refuse = {part: 500}
    _, said = run(made)
    assert "Warning" in said and words in said and "add the shop again" in said
    assert len(account.webhooks) == (0 if part == "webhooks" else 3)


def test_a_store_that_answers_nothing_is_connected_with_defaults(made: World, account: Account) -> None:
    with responses.RequestsMock() as mock:
        mock.assert_all_requests_are_fired = False
        mock.post(GRAPHQL, status=401, json={"errors": "no"})
        _, said = run(made)
    row = stored(made)
    assert (row["name"], row["timezone"], row["currency"]) == ("two", "UTC", "USD")
    assert "does not say who it is" in said and "orders/create" in said and "0 of" in said


def test_what_is_missing_is_said_with_the_exit_code_of_its_kind() -> None:
    settings = Settings(
        environment="development",
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1",
    )

    def add(*options: str, given: str = "") -> Any:
        return CliRunner().invoke(shop_command, ["add", DOMAIN, *options], input=given, obj=settings)

    missing = add()
    assert missing.exit_code == 2 and "--token" in missing.output
    assert add("--token", "-", "--brevo-key", "k", given="\n").exit_code == 2
    keyless = add("--token", "-", "--brevo-key", "-", given="t\nk\n")
    assert keyless.exit_code == 1 and "CONNECTOR_SECRET_KEYS" in keyless.output


def test_secrets_come_from_the_input_or_the_environment(made: World, account: Account) -> None:
    settings = made.deps.settings
    runner = CliRunner()
    wrong = runner.invoke(
        shop_command, ["add", "evil.com", "--token", "-"], input="t\n", env={"BREVO_KEY": "k"}, obj=settings
    )
    assert wrong.exit_code == 2 and "name.myshopify.com" in wrong.output
