from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.provider_process import Account, Provider, provider, running_provider

__all__ = ["provider"]


def test_accounts_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    described = [
        {"key": "one", "name": "Shop One", "senders": [{"email": "One@example.com", "name": "One"}]},
        {
            "key": "two",
            "ecommerce": True,
            "attributes": [{"name": "ORDERS", "type": "float"}],
            "templates": {"5": {"subject": "Hi {{ contact.EMAIL }}", "htmlContent": "<p>{{ params.x }}</p>"}},
            "settings": {"opens": 0.5},
        },
    ]
    file.write_text(json.dumps(described))
    with contextmanager(running_provider)(tmp_path, "--accounts", str(file)) as provider:
        one, two = Account(provider, "one"), Account(provider, "two")
        assert one.get("/account")["companyName"] == "Shop One"
        (sender,) = one.get("/senders")["senders"]
        assert (sender["email"], sender["active"]) == ("one@example.com", True)
        assert two.state()["settings"]["opens"] == 0.5
        body = {"templateId": 5, "sender": {"id": 1}, "to": [{"email": "a@b.co"}], "params": {"x": 1}}
        assert two.post("/smtp/email", body).status_code == 201
        assert one.post("/smtp/email", body).status_code == 404
        (email,) = two.log("email")
        assert (email["subject"], email["html"], email["template_id"]) == ("Hi a@b.co", "<p>1</p>", 5)


def test_accounts_share_nothing(provider: Provider) -> None:
    first, second = provider.account(), provider.account()
    first.post("/contacts", {"email": "ann@example.com", "attributes": {"SMS": "33612345678"}})
    first.post("/contacts/attributes/normal/VIP", {"type": "boolean"})
    first.send(headers={"idempotencyKey": "k"})
    first.post("/webhooks", {"url": "http://127.0.0.1:9/", "events": ["delivered"]})
    state = second.state()
    assert [state[name] for name in ("contacts", "emails", "webhooks", "events")] == [[], [], [], []]
    assert "VIP" not in [attribute["name"] for attribute in state["attributes"]]
    # Neither identifiers nor idempotency keys nor message ids reach across.
    again = {"email": "ann@example.com", "attributes": {"SMS": "33612345678"}}
    assert second.post("/contacts", again).json() == {"id": 1}
    assert second.send(headers={"idempotencyKey": "k"}).status_code == 201
    assert first.log("email")[0]["message_id"] != second.log("email")[0]["message_id"]


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("accounts", {}),
        ("accounts", {"key": "k", "tier": "huge"}),
        ("accounts", {"key": "k", "colour": "red"}),
        ("accounts", {"key": "k", "settings": {"openings": 1}}),
        ("settings", {"opens": True}),
        ("settings", {"account": "nobody", "opens": 1}),
        ("faults", {"kind": "flood"}),
        ("faults", {"kind": "status", "speed": 1}),
        ("act", {"account": "nobody", "event": "click"}),
    ],
)
def test_mistakes_in_control_calls_are_told(provider: Provider, call: str, body: dict[str, Any]) -> None:
    answer = requests.post(f"{provider.url}/_control/{call}", json=body, timeout=5)
    assert answer.status_code == 400 and answer.json()["error"]
    assert all(rule["kind"] != "flood" for rule in provider.control("GET", "faults")["faults"])
    assert provider.control("POST", "settings", {"account": provider.account().key, "opens": 0.25})


def test_settings_for_all_reach_accounts_to_come(tmp_path: Path) -> None:
    with contextmanager(running_provider)(tmp_path) as provider:
        before = provider.account()
        provider.control("POST", "settings", {"opens": 0.25})
        after = provider.account(settings={"clicks": 0.5})
        assert before.state()["settings"]["opens"] == 0.25
        settings = after.state()["settings"]
        assert (settings["opens"], settings["clicks"]) == (0.25, 0.5)
