"""The app's configuration says what the code needs, no more and no less."""

from __future__ import annotations

import tomllib
from typing import Any

from click.testing import CliRunner

from connector.cli.app import app
from connector.settings import Settings
from connector.shopify.scopes import NEEDED
from connector.shopify.subscriptions import API_ONLY, COMPLIANCE
from webhooks.topics import TOPICS

SETTINGS = Settings(environment="development", public_url="https://c.test", shopify_api_key="client-1")


def written() -> dict[str, Any]:
    printed = CliRunner().invoke(app, ["toml"], obj=SETTINGS)
    assert printed.exit_code == 0
    return tomllib.loads(printed.stdout)


def test_addresses_and_scopes() -> None:
    said = written()
    assert (said["client_id"], said["application_url"], said["embedded"]) == ("client-1", "https://c.test/", True)
    assert said["auth"]["redirect_urls"] == ["https://c.test/auth/callback"]
    assert said["access_scopes"]["scopes"].split(",") == list(NEEDED)
    assert said["webhooks"]["api_version"] == SETTINGS.shopify_api_version


def test_topics_are_those_of_the_registry() -> None:
    subscriptions = written()["webhooks"]["subscriptions"]
    assert {one["uri"] for one in subscriptions} == {"https://c.test/webhooks/shopify"}
    topics = [name for one in subscriptions for name in one.get("topics", ())]
    compliance = [name for one in subscriptions for name in one.get("compliance_topics", ())]
    known = {name for source, name in TOPICS if source == "shopify"}
    assert set(topics) == known - set(COMPLIANCE) - API_ONLY and len(topics) == len(set(topics))
    assert set(compliance) == known & set(COMPLIANCE)
    assert {"app/uninstalled", "orders/create"} <= set(topics)
