"""``POST /webhooks/shopify``: what is stored, and the status of everything that is not."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from werkzeug.test import Client

from connector.clock import monotonic, pause
from connector.settings import Settings
from tests.intake.senders import OLD_SECRET, Counted, add_shop, all_at_once, rows, shopify_headers, sign
from webhooks.bodies import LARGEST_BODY
from webhooks.intake import Intake

BODY = b'{"id":1,"email":"ann@example.com"}'
URL = "/webhooks/shopify"


def _wait_for(true: Callable[[], bool]) -> None:
    end = monotonic() + 3
    while not true() and monotonic() < end:
        pause(0.01)
    assert true()


def test_a_signed_delivery_is_stored_byte_for_byte_and_the_bell_is_rung(
    client: Client, engine: Engine, counted: Counted, rung: list[tuple[str, int]]
) -> None:
    shop_id = add_shop(engine)
    headers = shopify_headers(BODY, webhook_id="w-1") | {"X-Shopify-Event-Id": "e-1"}
    answer = client.post(URL, data=BODY, headers=headers)
    assert (answer.status_code, answer.data) == (200, b"")
    [row] = rows(engine)
    assert (row["shop_id"], row["source"], row["topic"], row["lane"]) == (
        shop_id,
        "shopify",
        "orders/create",
        "commerce",
    )
    assert (row["raw"], row["external_id"], row["state"], row["attempts"]) == (BODY, "w-1", "new", 0)
    assert row["headers"] == {
        "topic": "orders/create",
        "shop_domain": "demo-a.myshopify.com",
        "api_version": "2026-10",
        "webhook_id": "w-1",
        "event_id": "e-1",
        "triggered_at": "2026-11-21T10:00:00.123Z",
    }
    assert counted.outcomes == [("shopify", "stored")]
    _wait_for(lambda: rung == [("intake", shop_id)])


def test_the_times_are_business_time_and_machine_time(
    settings: Settings, start_intake: Callable[[Settings], Intake], engine: Engine
) -> None:
    add_shop(engine)
    moved = replace(settings, clock_start=0.0, clock_epoch=settings.clock.machine().timestamp())
    client = Client(start_intake(moved))
    assert client.post(URL, data=BODY, headers=shopify_headers(BODY)).status_code == 200
    [row] = rows(engine)
    assert row["received_at"].year == 1970
    assert abs((row["received_real"] - settings.clock.machine()).total_seconds()) < 10


def test_the_same_webhook_id_is_stored_once(client: Client, engine: Engine, counted: Counted) -> None:
    add_shop(engine)
    for body in (BODY, BODY, BODY + b" "):
        headers = shopify_headers(body, webhook_id="w-1")
        assert client.post(URL, data=body, headers=headers).status_code == 200
    assert len(rows(engine)) == 1
    assert [outcome for _, outcome in counted.outcomes] == ["stored", "duplicate", "duplicate"]


def test_without_a_usable_id_the_bytes_are_the_id(client: Client, engine: Engine) -> None:
    add_shop(engine)
    for webhook_id in (None, "", "x" * 5000, "ü"):
        headers = shopify_headers(BODY)
        if webhook_id is not None:
            headers["X-Shopify-Webhook-Id"] = webhook_id
        assert client.post(URL, data=BODY, headers=headers).status_code == 200
    other = BODY + b" "
    assert client.post(URL, data=other, headers=shopify_headers(other)).status_code == 200
    assert [row["external_id"] for row in rows(engine)] == [
        hashlib.sha256(BODY).hexdigest(),
        hashlib.sha256(other).hexdigest(),
    ]


def test_equal_deliveries_in_the_same_moment_are_one_row(client: Client, engine: Engine) -> None:
    add_shop(engine)
    headers = shopify_headers(BODY, webhook_id="w-1")
    jobs = [lambda: client.post(URL, data=BODY, headers=headers).status_code] * 16
    assert all_at_once(jobs) == [200] * 16
    assert len(rows(engine)) == 1


def test_equal_deliveries_to_two_processes_are_one_row(
    settings: Settings, start_intake: Callable[[Settings], Intake], engine: Engine
) -> None:
    add_shop(engine)
    clients = [Client(start_intake(settings)) for _ in range(2)]
    ids = [f"w-{number}" for number in range(40)]

    def send(client: Client, webhook_id: str) -> int:
        headers = shopify_headers(BODY, webhook_id=webhook_id)
        return client.post(URL, data=BODY, headers=headers).status_code

    # Opposite orders: the processes insert the same keys against each other.
    jobs = [lambda i=i: send(clients[0], i) for i in ids] + [lambda i=i: send(clients[1], i) for i in ids[::-1]]
    assert set(all_at_once(jobs)) == {200}
    assert sorted(row["external_id"] for row in rows(engine)) == sorted(ids)


def test_control_different_ids_of_the_same_bytes_are_different_rows(client: Client, engine: Engine) -> None:
    add_shop(engine)
    for webhook_id in ("w-1", "w-2"):
        client.post(URL, data=BODY, headers=shopify_headers(BODY, webhook_id=webhook_id))
    assert len(rows(engine)) == 2


def _without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


REFUSED = {
    "missing": _without(shopify_headers(BODY), "X-Shopify-Hmac-Sha256"),
    "empty": shopify_headers(BODY) | {"X-Shopify-Hmac-Sha256": ""},
    "wrong secret": shopify_headers(BODY, secret="guess"),
    "of other bytes": shopify_headers(BODY + b" "),
    "not ASCII": shopify_headers(BODY) | {"X-Shopify-Hmac-Sha256": "é" * 44},
    "doubled": shopify_headers(BODY) | {"X-Shopify-Hmac-Sha256": f"{sign(BODY)},{sign(BODY)}"},
    "both families": shopify_headers(BODY) | shopify_headers(BODY, family="Shopify-"),
    "unknown shop": shopify_headers(BODY, secret="guess", domain="nobody.myshopify.com"),
}


def test_what_is_not_signed_is_refused(
    client: Client, engine: Engine, counted: Counted, subtests: pytest.Subtests
) -> None:
    add_shop(engine)
    for name, headers in REFUSED.items():
        with subtests.test(name):
            answer = client.post(URL, data=BODY, headers=headers)
            assert (answer.status_code, answer.data) == (401, b"")
    assert rows(engine) == []
    assert counted.outcomes == [("shopify", "refused")] * len(REFUSED)


def test_without_an_app_secret_everything_is_refused(
    settings: Settings, start_intake: Callable[[Settings], Intake], engine: Engine
) -> None:
    add_shop(engine)
    client = Client(start_intake(replace(settings, shopify_api_secret="", shopify_api_secret_old="")))
    assert client.post(URL, data=BODY, headers=shopify_headers(BODY, secret="")).status_code == 401


def test_the_old_secret_is_believed_while_it_is_configured(
    settings: Settings, start_intake: Callable[[Settings], Intake], engine: Engine
) -> None:
    add_shop(engine)
    headers = shopify_headers(BODY, secret=OLD_SECRET)
    assert Client(start_intake(settings)).post(URL, data=BODY, headers=headers).status_code == 200
    rotated = replace(settings, shopify_api_secret_old="")
    assert Client(start_intake(rotated)).post(URL, data=BODY, headers=headers).status_code == 401


def test_a_shop_with_its_own_secret_is_believed_with_that_one_only(client: Client, engine: Engine) -> None:
    add_shop(engine, "own.myshopify.com", secret="sealed:own-secret")
    own = shopify_headers(BODY, secret="own-secret", domain="own.myshopify.com")
    app = shopify_headers(BODY, domain="own.myshopify.com")
    assert client.post(URL, data=BODY, headers=own).status_code == 200
    assert client.post(URL, data=BODY, headers=app).status_code == 401


def test_a_secret_that_cannot_be_opened_closes_its_shop_and_no_other(client: Client, engine: Engine) -> None:
    add_shop(engine)
    add_shop(engine, "own.myshopify.com", secret="damaged")
    for secret in ("", "damaged", "app-secret"):
        headers = shopify_headers(BODY, secret=secret, domain="own.myshopify.com")
        assert client.post(URL, data=BODY, headers=headers).status_code == 401
    assert client.post(URL, data=BODY, headers=shopify_headers(BODY)).status_code == 200


def test_the_events_family_of_headers_is_understood(client: Client, engine: Engine) -> None:
    add_shop(engine)
    headers = shopify_headers(BODY, family="Shopify-", webhook_id="w-1")
    assert client.post(URL, data=BODY, headers=headers).status_code == 200
    assert [row["external_id"] for row in rows(engine)] == ["w-1"]


def test_a_delivery_of_an_unknown_shop_is_acknowledged_and_dropped(
    client: Client, engine: Engine, counted: Counted, subtests: pytest.Subtests
) -> None:
    add_shop(engine)
    domains = ["stranger.myshopify.com", "evil.example.com", "", "a.myshopify.com.evil.example", "-.myshopify.com"]
    for domain in domains:
        with subtests.test(domain):
            headers = shopify_headers(BODY, domain=domain)
            assert client.post(URL, data=BODY, headers=headers).status_code == 200
    assert rows(engine) == []
    assert counted.outcomes == [("shopify", "unknown_shop")] * len(domains)


def test_a_shop_is_known_from_the_moment_it_is_added(client: Client, engine: Engine) -> None:
    add_shop(engine)
    assert client.post(URL, data=BODY, headers=shopify_headers(BODY)).status_code == 200
    # The list of shops has just been read; nothing may be dropped because of that.
    add_shop(engine, "new.myshopify.com")
    headers = shopify_headers(BODY, domain="NEW.myshopify.com")
    assert client.post(URL, data=BODY, headers=headers).status_code == 200
    assert len(rows(engine)) == 2


def test_an_unknown_topic_is_kept_and_not_worked_on(
    client: Client, engine: Engine, counted: Counted, rung: list[tuple[str, int]]
) -> None:
    add_shop(engine)
    for topic in ("themes/publish", "no\x7fname", ""):
        body = BODY + topic.encode()
        headers = shopify_headers(body, topic=topic)
        assert client.post(URL, data=body, headers=headers).status_code == 200
    found = rows(engine, "topic, lane, state, reason")
    assert [row["topic"] for row in found] == ["themes/publish", "", ""]
    assert {(row["lane"], row["state"], row["reason"]) for row in found} == {("other", "ignored", "unknown_topic")}
    assert {outcome for _, outcome in counted.outcomes} == {"unknown_topic"}
    assert rung == []


UNREADABLE = {
    "empty": b"",
    "deep": b"[" * 200_000,
    "NUL": b'{"a":"\x00"}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "array": b"[1]",
    "truncated": b'{"id":1',
    "UTF-16": '{"id":1}'.encode("utf-16"),
    "gzip": gzip.compress(BODY),
    "binary": b"\xff\xfe\x00" * 1000,
}


def test_signed_bytes_of_any_kind_are_stored_as_they_are(
    client: Client, engine: Engine, subtests: pytest.Subtests
) -> None:
    add_shop(engine)
    for name, body in UNREADABLE.items():
        with subtests.test(name):
            headers = shopify_headers(body) | {"Content-Encoding": "gzip"}
            assert client.post(URL, data=body, headers=headers).status_code == 200
    assert [row["raw"] for row in rows(engine)] == list(UNREADABLE.values())


def test_two_megabytes_are_taken_and_more_is_not_even_read(client: Client, engine: Engine) -> None:
    add_shop(engine)
    most = b"x" * LARGEST_BODY
    assert client.post(URL, data=most, headers=shopify_headers(most)).status_code == 200
    more = most + b"x"
    assert client.post(URL, data=more, headers=shopify_headers(more)).status_code == 413

    class Unread(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("read on")

    length = str(LARGEST_BODY + 1)
    answer = client.post(URL, environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": length})
    assert answer.status_code == 413
    # Without a length, in chunks: reading ends one byte behind the limit.
    endless = io.BytesIO(more * 3)
    overrides = {"wsgi.input": endless, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = client.post(URL, environ_overrides=overrides, headers=shopify_headers(more))
    assert answer.status_code == 413
    assert endless.tell() == LARGEST_BODY + 1
    assert len(rows(engine)) == 1


def test_other_methods_are_not_allowed(client: Client, subtests: pytest.Subtests) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        with subtests.test(method):
            answer = client.open(URL, method=method)
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_everything_else_goes_to_the_application_behind(client: Client) -> None:
    for path in ("/", "/webhooks", "/webhooks/shopify/more", "/webhooks/shopifyx", "/webhooks/brevo"):
        assert client.post(path).data == b"somewhere else"


def test_one_delivery_that_postgresql_cannot_hold_takes_no_other_with_it(client: Client, engine: Engine) -> None:
    add_shop(engine)
    # Slows the group before, so that both of the next ones share a group.
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF NEW.external_id = 'bad' THEN RAISE EXCEPTION USING ERRCODE = '22000'; END IF;"
                " IF NEW.external_id = 'slow' THEN PERFORM pg_sleep(0.5); END IF;"
                " RETURN NEW; END $$;"
                "CREATE TRIGGER refuse BEFORE INSERT ON inbox_keys FOR EACH ROW EXECUTE FUNCTION refuse();"
            )
        )

    def send(webhook_id: str) -> int:
        if webhook_id != "slow":
            pause(0.2)
        headers = shopify_headers(BODY, webhook_id=webhook_id)
        return client.post(URL, data=BODY, headers=headers).status_code

    answers = all_at_once([lambda i=i: send(i) for i in ("slow", "bad", "good", "fine")])
    assert answers == [200, 503, 200, 200]
    assert {row["external_id"] for row in rows(engine)} == {"slow", "good", "fine"}


def test_what_waits_for_a_commit_is_stored_together(client: Client, engine: Engine, counted: Counted) -> None:
    add_shop(engine)
    with engine.begin() as holding:
        holding.execute(text("LOCK TABLE inbox_keys IN ACCESS EXCLUSIVE MODE"))
        bodies = [BODY + b" " * number for number in range(20)]
        jobs = [lambda b=b: client.post(URL, data=b, headers=shopify_headers(b)).status_code for b in bodies]

        def release() -> int:
            pause(0.5)
            holding.rollback()
            return 200

        assert all_at_once([*jobs, release]) == [200] * 21
    assert len(rows(engine)) == 20
    assert len(counted.groups) <= 3
