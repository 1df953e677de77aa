"""What the API takes and what it answers: each refusal says where and what to do, and stores nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy.exc import OperationalError

from connector.api import keys
from connector.api.events import LARGEST_BODY
from connector.api.openapi import example
from connector.api.reception import MOST_AT_ONCE
from connector.clock import monotonic
from connector.db.session import transaction
from connector.deps import connect_redis
from connector.models.api_key import api_keys
from connector.models.inbox import inbox
from connector.models.shop import shops
from tests.api.teller import Teller, key_of, teller_of
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.sandbox.store_process import OTHER_SHOP
from webhooks.topics.api_payload import SCHEMAS
from webhooks.writer import InboxRow, NotStored

ANN = {"email": "ann@example.com"}
LOGIN = {"id": "ev-1", "type": "login", "person": ANN}


def problem(answer: Any, status: int) -> Any:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status and answer.json["title"] and answer.json["type"].startswith("urn:")
    return answer.json


def pointers(answer: Any) -> dict[str, str]:
    return {one["pointer"]: one["detail"] for one in problem(answer, 422)["errors"]}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_type_is_taken_and_202_means_a_row(shop: ConnectedShop, teller: Teller, kind: str) -> None:
    body = example(kind)
    answer = teller.post(body)
    assert (answer.status_code, answer.json) == (202, {"id": body["id"]})
    row = shop.one(inbox)
    assert (row.source, row.topic, row.external_id, row.state) == ("api", f"events/{kind}", body["id"], "new")
    assert orjson.loads(row.raw) == body
    assert teller.rung == [("intake", shop.id)]
    shop.installation.settle("intake")
    assert shop.one(inbox).state == "done"


def test_without_a_key_that_is_known_nobody_is_let_in(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    other = product.connect(OTHER_SHOP, flows=[])
    theirs = key_of(other)
    swapped = teller.key.replace(f"sk_{shop.id}_", f"sk_{other.id}_")
    for wrong in ("nonsense", "sk_1_", teller.key[:-1], teller.key + "0", swapped, f"sk_{10**17}_{'0' * 48}"):
        answer = teller.post(LOGIN, key=wrong)
        assert "connector api-key create" in problem(answer, 401)["detail"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    problem(teller.web.post("/api/events", json=LOGIN), 401)
    problem(teller.post(LOGIN, Authorization=f"Basic {teller.key}"), 401)
    assert shop.rows(inbox) == []
    # A key is of its shop, and of no other.
    assert teller.post(LOGIN, key=theirs).status_code == 202
    assert shop.rows(inbox) == [] and len(other.rows(inbox)) == 1


def test_a_revoked_key_and_one_of_a_shop_that_left_let_nobody_in(shop: ConnectedShop, teller: Teller) -> None:
    assert teller.post(LOGIN).status_code == 202
    with transaction(shop.deps.engine) as connection:
        (key,) = keys.listed(connection, shop.id)
        assert keys.revoke(connection, shop.id, key.id, actor="cli", now=shop.installation.now)
        assert keys.revoke(connection, shop.id, key.id, actor="cli", now=shop.installation.now) is None
    problem(teller.post({**LOGIN, "id": "ev-2"}), 401)
    fresh = key_of(shop)
    assert teller.post({**LOGIN, "id": "ev-3"}, key=fresh).status_code == 202
    with transaction(shop.deps.engine) as connection:
        connection.execute(shops.update().where(shops.c.id == shop.id).values(state="uninstalled"))
    problem(teller.post({**LOGIN, "id": "ev-4"}, key=fresh), 401)


def test_of_a_key_only_its_digest_is_kept_and_its_use_to_the_hour(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    assert teller.key not in repr(shop.one(api_keys))
    first = product.now
    for minutes, used in ((0, first), (30, first), (61, first + timedelta(minutes=61))):
        product.at(first + timedelta(minutes=minutes))
        assert teller.post({**LOGIN, "id": f"ev-{minutes}"}).status_code == 202
        assert shop.one(api_keys).last_used_at == used


@pytest.mark.parametrize(
    ("changed", "pointer", "said"),
    [
        ({"id": None}, "/id", "null"),
        ({"id": "ann@example.com"}, "/id", "letters, digits"),
        ({"type": "logout"}, "/type", "one of custom, support_ticket_opened"),
        ({"person": {}}, "/person", "one of customer_id"),
        ({"person": {"email": None, "phone": None}}, "/person", "one of customer_id"),
        ({"person": {"email": "ann"}}, "/person/email", "email"),
        ({"person": {"phone": "0151 2345678"}}, "/person/phone", "country code"),
        ({"person": {"customer_id": "7"}}, "/person/customer_id", "integer"),
        ({"person": {"name": "Ann"}}, "/person/name", "openapi.json"),
        ({"person": [ANN]}, "/person", "Invalid"),
        ({"colour/red": 1}, "/colour~1red", "No such field"),
        ({"occurred_at": "2026-11-02T09:00:00"}, "/occurred_at", "datetime"),
        ({"occurred_at": "2026-11-02T09:06:10Z"}, "/occurred_at", "future"),
        ({"type": "custom", "name": "Quiz done"}, "/name", "small letters"),
        ({"type": "custom", "name": "quiz", "properties": {"a b": 1}}, "/properties", "letters, digits"),
        ({"type": "custom", "name": "quiz", "properties": {"a": [[[[1]]]]}}, "/properties", "deep"),
        ({"type": "custom", "name": "quiz", "properties": {"a": "x" * 4096}}, "/properties", "4096 bytes"),
        ({"type": "support_ticket_opened"}, "/ticket", "required"),
        ({"type": "form_submitted", "form": "quiz", "answers": {}}, "/answers", "Length"),
        ({"type": "form_submitted", "form": "quiz", "answers": {"a": None}}, "/answers/a", "null"),
        ({"type": "form_submitted", "form": "quiz", "answers": {"a": [1]}}, "/answers/a", "texts only"),
        ({"type": "form_submitted", "form": "quiz", "answers": {"a": "x" * 1001}}, "/answers/a", "1000 characters"),
        ({"type": "review_submitted", "rating": 6}, "/rating", "5"),
        ({"type": "review_submitted", "rating": "5"}, "/rating", "integer"),
        ({"type": "loyalty"}, "", "at least one of points"),
        ({"type": "subscription", "subscription": "s", "change": "paused"}, "/change", "started, renewed"),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_do(
    shop: ConnectedShop, teller: Teller, changed: dict[str, Any], pointer: str, said: str
) -> None:
    found = pointers(teller.post({**LOGIN, **changed}))
    assert pointer in found and said in found[pointer], found
    assert shop.rows(inbox) == []


def test_what_cannot_be_read_is_refused(shop: ConnectedShop, teller: Teller) -> None:
    for raw in (b"", b"{", b"[]", b"7", b'{"id": "a\x00"}', b'{"id": "\\u0000"}', b'{"id": "\\ud800"}', b"\xff"):
        problem(teller.post(raw), 400)
    problem(teller.post(LOGIN, **{"Content-Type": "text/plain"}), 415)
    problem(teller.post(b" " * (LARGEST_BODY + 1)), 413)
    assert "60 deep" in problem(teller.post(b'{"a":' * 500 + b"1" + b"}" * 500), 400)["detail"]
    most = orjson.dumps(LOGIN).ljust(LARGEST_BODY)
    assert teller.post(most).status_code == 202
    assert len(shop.rows(inbox)) == 1


def test_other_ways_of_asking_are_answered_as_problems(teller: Teller) -> None:
    answer = teller.web.get("/api/events")
    assert "Use POST" in problem(answer, 405)["detail"] and answer.headers["Allow"] == "POST"
    problem(teller.web.get("/api/nothing"), 404)
    # From browsers nobody is let in: no header of CORS, whoever asks.
    asked = teller.web.options("/api/events", headers={"Origin": "https://shop.example"})
    assert not [name for name, _ in asked.headers if name.lower().startswith("access-control")]


def test_the_same_again_is_taken_and_changes_nothing(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    told = {**LOGIN, "occurred_at": "2026-11-02T08:00:00Z"}
    reordered = orjson.dumps(dict(reversed(told.items())), option=orjson.OPT_INDENT_2)
    for body in (told, told, reordered):
        assert teller.post(body).status_code == 202
    product.settle("intake")
    assert teller.post(told).status_code == 202
    other = problem(teller.post({**told, "person": {"email": "bob@example.com"}}), 409)
    assert "ev-1" in other["detail"]
    assert len(shop.rows(inbox)) == 1
    assert teller.rung == [("intake", shop.id)]
    # In another shop the id is free.
    theirs = product.connect(OTHER_SHOP, flows=[])
    assert teller.post({**told, "person": {"email": "bob@example.com"}}, key=key_of(theirs)).status_code == 202


def test_of_two_that_come_in_the_same_moment_under_one_id_the_first_is_taken(shop: ConnectedShop) -> None:
    made = shop.installation
    rows = [
        InboxRow(shop.id, "api", "ev-1", "events/login", "other", raw, {}, made.now, made.clock.machine())
        for raw in (b"1", b"2", b"1")
    ]
    assert made.writer.store_all(rows, monotonic() + 5) == [True, False, False]
    assert bytes(shop.one(inbox).raw) == b"1"


def test_a_batch_is_taken_whole_or_not_at_all(shop: ConnectedShop, teller: Teller) -> None:
    def post(*told: Any) -> Any:
        return teller.post({"events": told}, path="/api/events/batch")

    wrong = post(LOGIN, {**LOGIN, "id": "ev-2", "person": {"email": "?"}}, 7, {**LOGIN, "colour": 1})
    assert set(pointers(wrong)) == {"/events/1/person/email", "/events/2", "/events/3/colour"}
    assert set(pointers(post(LOGIN, LOGIN))) == {"/events/1/id"}
    bodies: tuple[dict[str, Any], ...] = (
        {"events": []},
        {"events": [LOGIN] * (MOST_AT_ONCE + 1)},
        {"events": {}},
        {},
        {"events": [LOGIN], "a": 1},
    )
    for body in bodies:
        assert set(pointers(teller.post(body, path="/api/events/batch"))) == {"/events"}
    assert shop.rows(inbox) == []
    many = [{**LOGIN, "id": f"ev-{number}"} for number in range(MOST_AT_ONCE)]
    answer = post(*many)
    assert (answer.status_code, answer.json) == (202, {"ids": [one["id"] for one in many]})
    assert len(shop.rows(inbox)) == MOST_AT_ONCE
    # Of one that stands for something else by now the others are taken all the same.
    mixed = post({**LOGIN, "id": "ev-0", "type": "loyalty", "points": 1}, {**LOGIN, "id": "new"})
    assert "ev-0" in problem(mixed, 409)["detail"]
    assert "new" in {row.external_id for row in shop.rows(inbox)}


def test_a_key_tells_so_many_in_a_minute_whichever_process_it_asks(shop: ConnectedShop, teller: Teller) -> None:
    told = [{**LOGIN, "id": f"ev-{number}"} for number in range(100)]
    another = teller_of(shop)
    for one in (teller, another):
        assert one.post({"events": told}, path="/api/events/batch", key=teller.key).status_code == 202
    for one in (teller, another):
        answer = one.post(LOGIN, key=teller.key)
        assert 1 <= int(answer.headers["Retry-After"]) <= 120 and problem(answer, 429)["title"]
    assert teller.post(LOGIN, key=another.key).status_code == 202, "it is the key's own limit"


def test_without_redis_each_process_counts_for_itself(shop: ConnectedShop) -> None:
    # Nobody listens there.
    teller = teller_of(shop, redis=connect_redis("redis://127.0.0.1:1/0"))
    told = [{**LOGIN, "id": f"ev-{number}"} for number in range(100)]
    for _ in range(2):
        assert teller.post({"events": told}, path="/api/events/batch").status_code == 202
    problem(teller.post(LOGIN), 429)
    another = teller_of(shop, redis=connect_redis("redis://127.0.0.1:1/0"))
    assert another.post(LOGIN, key=teller.key).status_code == 202


def test_what_is_not_stored_is_not_acknowledged(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    def stalled(*_: Any) -> list[bool]:
        raise NotStored("PostgreSQL is not answering")

    answer = teller_of(shop, store=stalled).post(LOGIN)
    assert "not told twice" in problem(answer, 503)["detail"] and answer.headers["Retry-After"] == "5"

    def down(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

    teller = teller_of(shop)
    monkeypatch.setattr(keys, "presented", down)
    problem(teller.post(LOGIN), 503)
    monkeypatch.setattr(keys, "presented", lambda *_: 1 / 0)
    assert "ZeroDivision" not in str(problem(teller.post(LOGIN), 500))
    assert shop.rows(inbox) == []


def test_the_future_is_that_of_the_business_clock(product: Installation, teller: Teller) -> None:
    product.at(product.now + 24 * HOUR)
    assert teller.post({**LOGIN, "occurred_at": "2026-11-02T09:06:10Z"}).status_code == 202
