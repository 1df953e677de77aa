from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from sync.attributes import ensure
from sync.mapping.contact import Attribute
from tests.adapters.accounts import account_for

MAPPING = (
    Attribute("FIRSTNAME", "first_name", "text"),
    Attribute("SMS", "phone", "text", "sms_subscribed"),
    Attribute("ORDERS_COUNT", "orders_count", "float"),
    Attribute("LAST_ORDER_DATE", "last_order_at", "date"),
)


class Account:
    """A Brevo account that keeps attributes; ``deaf`` accepts creations and forgets them."""

    def __init__(self, present: dict[str, str], deaf: bool = False) -> None:
        self.present = [{"name": n, "category": "normal", "type": t} for n, t in present.items()]
        self.deaf = deaf
        self.created: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"attributes": self.present})
        _, category, name = request.url.path.rsplit("/", 2)
        if any(one["name"] == name for one in self.present):
            return httpx.Response(400, json={"code": "invalid_parameter", "message": "exists"})
        self.created.append(name)
        if not self.deaf:
            self.present.append({"name": name, "category": category, **orjson.loads(request.content)})
        return httpx.Response(201)


def run(present: dict[str, str], **options: Any) -> tuple[Account, Any]:
    brevo = Account(present, **options)
    return brevo, ensure(account_for(brevo), MAPPING)


def test_what_is_missing_is_created_with_its_type_and_read_back() -> None:
    brevo, done = run({"FIRSTNAME": "text"})
    assert done.created == ("ORDERS_COUNT", "LAST_ORDER_DATE") and not done.problems
    assert {one["name"]: one["type"] for one in brevo.present} == {
        "FIRSTNAME": "text", "ORDERS_COUNT": "float", "LAST_ORDER_DATE": "date",
    }  # fmt: skip
    assert "SMS" not in brevo.created, "an identifier, not an attribute of ours"


def test_a_second_time_creates_nothing() -> None:
    brevo, _ = run({"FIRSTNAME": "text"})
    before = list(brevo.created)
    assert ensure(account_for(brevo), MAPPING).created == ()
    assert brevo.created == before


def test_another_type_is_told_because_brevo_would_drop_the_values() -> None:
    _, done = run({"FIRSTNAME": "text", "ORDERS_COUNT": "text"})
    assert len(done.problems) == 1 and "ORDERS_COUNT is of type text" in done.problems[0]


def test_an_attribute_that_does_not_stay_is_told() -> None:
    _, done = run({"FIRSTNAME": "text"}, deaf=True)
    assert done.created == () and len(done.problems) == 2


@pytest.mark.parametrize("category", ["transactional", "calculated", "global", "category"])
def test_an_attribute_of_another_category_is_not_ours(category: str) -> None:
    brevo = Account({"FIRSTNAME": "text", "LAST_ORDER_DATE": "date"})
    brevo.present.append({"name": "ORDERS_COUNT", "category": category, "type": "float"})
    assert any("ORDERS_COUNT" in problem for problem in ensure(account_for(brevo), MAPPING).problems)
