"""``POST /webhooks/brevo/<shop>``: proven by our token, acknowledged when stored, never a status that discards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import Client

from connector.clock import pause
from connector.settings import Settings
from tests.intake.senders import BREVO_TOKEN, Counted, add_shop, rows
from webhooks.intake import Intake

DELIVERED = {
    "id": 814119,
    "email": "ann@example.com",
    "message-id": "<202611211328.818@smtp-relay.example>",
    "date": "2026-11-21 15:28:33",
    "event": "delivered",
    "ts_event": 1795274913,
    "ts_epoch": 1795274913018,
}
BEARER = {"Authorization": f"Bearer {BREVO_TOKEN}", "Content-Type": "application/json"}


def _post(client: Client, shop_id: int, payload: Any, headers: dict[str, str] | None = None) -> int:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    url = f"/webhooks/brevo/{shop_id}"
    return client.post(url, data=body, headers=BEARER if headers is None else headers).status_code


def test_an_event_is_stored_for_the_shop_of_the_address(client: Client, engine: Engine, counted: Counted) -> None:
    shop_id = add_shop(engine)
    assert _post(client, shop_id, DELIVERED) == 200
    [row] = rows(engine)
    assert (row["shop_id"], row["source"], row["topic"], row["state"]) == (
        shop_id,
        "brevo",
        "transactional",
        "new",
    )
    assert json.loads(row["raw"]) == DELIVERED
    assert row["headers"] == {}
    assert counted.outcomes == [("brevo", "stored")]


RIGHT = [
    ("", BEARER),
    ("", {"Authorization": f"bearer  {BREVO_TOKEN} "}),
    (f"/{BREVO_TOKEN}", {}),
    (f"/{BREVO_TOKEN}/", {}),
    (f"?token={BREVO_TOKEN}", {}),
    (f"?a=1&token={BREVO_TOKEN}", {"Authorization": "Basic c2hvcDp4"}),
]
WRONG = [
    ("", {}),
    ("", {"Authorization": "Bearer"}),
    ("", {"Authorization": "Bearer guess"}),
    ("", {"Authorization": f"Bearer {BREVO_TOKEN}, Bearer {BREVO_TOKEN}"}),
    ("/guess", {}),
    ("?token=", {}),
    ("?token=guess", {}),
    ("?" + "&".join(f"a{n}=1" for n in range(100)), {}),
]


def test_the_token_may_come_in_three_places(client: Client, engine: Engine, subtests: pytest.Subtests) -> None:
    shop_id = add_shop(engine)
    for path, headers in RIGHT:
        with subtests.test(path=path, headers=headers):
            answer = client.post(f"/webhooks/brevo/{shop_id}{path}", json=DELIVERED, headers=headers)
            assert answer.status_code == 200


def test_without_the_token_nothing_changes(client: Client, engine: Engine, subtests: pytest.Subtests) -> None:
    shop_id = add_shop(engine)
    forged = DELIVERED | {"event": "unsubscribed"}
    for path, headers in WRONG:
        with subtests.test(path=path, headers=headers):
            answer = client.post(f"/webhooks/brevo/{shop_id}{path}", json=forged, headers=headers)
            assert (answer.status_code, answer.data) == (401, b"")
    assert rows(engine) == []


def test_the_token_of_one_shop_opens_no_other(client: Client, engine: Engine) -> None:
    add_shop(engine)
    other = add_shop(engine, "other.myshopify.com", token="another")
    assert _post(client, other, DELIVERED) == 401
    assert _post(client, other + 1000, DELIVERED) == 401


def test_a_new_token_is_believed_and_the_old_one_is_not(client: Client, engine: Engine) -> None:
    shop_id = add_shop(engine)
    assert _post(client, shop_id, DELIVERED) == 200
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE shops SET brevo_webhook_digest = %s", (hashlib.sha256(b"rotated").hexdigest(),)
        )
    rotated = {"Authorization": "Bearer rotated"}
    # A token that does not match makes the list be read again once it is a second old.
    pause(1.1)
    assert _post(client, shop_id, DELIVERED | {"ts_epoch": 7}, rotated) == 200
    assert _post(client, shop_id, DELIVERED | {"ts_epoch": 8}) == 401


def test_the_same_event_with_other_bytes_is_one_row(client: Client, engine: Engine) -> None:
    shop_id = add_shop(engine)
    assert _post(client, shop_id, DELIVERED) == 200
    assert _post(client, shop_id, json.dumps(DELIVERED, indent=1).encode()) == 200
    assert _post(client, shop_id, DELIVERED | {"tag": "welcome"}) == 200
    assert len(rows(engine)) == 1


def test_another_event_is_another_row(client: Client, engine: Engine) -> None:
    shop_id = add_shop(engine)
    changes: list[dict[str, Any]] = [
        {},
        {"event": "opened"},
        {"email": "bob@example.com"},
        {"message-id": "<other>"},
        {"ts_epoch": 1},
        {"link": "https://example.com/a"},
    ]
    for change in changes:
        assert _post(client, shop_id, DELIVERED | change) == 200
    assert [json.loads(row["raw"]) for row in rows(engine)] == [DELIVERED | change for change in changes]


def test_what_names_no_event_is_known_by_its_bytes(client: Client, engine: Engine) -> None:
    shop_id = add_shop(engine)
    sms = {"id": 1, "to": "15550109999", "msg_status": "delivered", "messageId": 7}
    for payload in (sms, sms | {"messageId": 8}, [DELIVERED], [DELIVERED, sms], b"\xff{", b"[" * 100_000):
        assert _post(client, shop_id, payload) == 200
        assert _post(client, shop_id, payload) == 200
    found = rows(engine)
    assert len(found) == 6
    assert all(row["external_id"] == hashlib.sha256(row["raw"]).hexdigest() for row in found)


LANES: list[tuple[Any, str]] = [
    (DELIVERED, "other"),
    (DELIVERED | {"event": "click"}, "other"),
    (DELIVERED | {"event": "unsubscribed"}, "commerce"),
    (DELIVERED | {"event": "spam"}, "commerce"),
    (DELIVERED | {"event": "complaint"}, "commerce"),
    (DELIVERED | {"event": "hard_bounce"}, "commerce"),
    (DELIVERED | {"event": ["unsubscribed"]}, "other"),
    ([DELIVERED, DELIVERED | {"event": "unsubscribed"}], "commerce"),
    ([DELIVERED, 7], "other"),
    (b"no json", "other"),
]


def test_what_ends_consent_goes_ahead(client: Client, engine: Engine) -> None:
    shop_id = add_shop(engine)
    for payload, _ in LANES:
        assert _post(client, shop_id, payload) == 200
    assert [row["lane"] for row in rows(engine)] == [lane for _, lane in LANES]


def test_what_cannot_be_stored_is_asked_for_again_with_the_one_status_that_does_not_discard(
    settings: Settings, start_intake: Callable[[Settings], Intake]
) -> None:
    nowhere = replace(settings, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    client = Client(start_intake(nowhere))
    assert _post(client, 1, DELIVERED) == 429
