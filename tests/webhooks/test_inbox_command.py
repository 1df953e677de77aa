"""``connector inbox``: what stopped is listed, shown without personal data, and applied again after a fix, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from marshmallow import fields

from connector.cli.inbox import inbox as inbox_command
from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.store import orders
from connector.queue.bells import next_shop
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import BIG, order
from tests.sandbox.store_process import OTHER_SHOP, SHOP
from webhooks import process
from webhooks.masking import masked
from webhooks.topics import orders as order_topics

ANN = "ann@example.com"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def run(shop: ConnectedShop, *arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(inbox_command, list(arguments), input=given, obj=shop.deps.settings)


def said(shop: ConnectedShop, *arguments: str, given: str = "") -> str:
    result = run(shop, *arguments, given=given)
    assert result.exit_code == 0, result.output
    return result.output


def arrived(shop: ConnectedShop, *bodies: Any, topic: str = "orders/create") -> None:
    for body in bodies:
        shop.deliver(topic, body)
    shop.installation.settle("intake")


def of(shop: ConnectedShop, number: int) -> Any:
    return shop.rows(inbox)[number]


# An order whose amount has become an object, as a new version of a platform may have it.
RESHAPED = {**order(BIG, ANN, START), "total_price": {"amount": "14.90"}}


class _Amount(fields.Field):
    """What reads the new shape."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return order_topics.Money().deserialize(value["amount"] if isinstance(value, dict) else value)


def fix(monkeypatch: pytest.MonkeyPatch) -> None:
    (topic,) = [one for one in order_topics.TOPICS if one.name == "orders/create"]
    declared = {**topic.schema._declared_fields, "total_price": _Amount(required=True)}
    monkeypatch.setattr(topic.schema, "_declared_fields", declared)
    # As a process does that starts with the fix.
    monkeypatch.setattr(process, "_schema", lambda kind: kind())


def test_what_changed_shape_is_quarantined_with_its_path_and_applied_once_after_the_fix(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived(shop, RESHAPED)
    row = of(shop, 0)
    assert (row.state, row.reason) == ("quarantined", "total_price: Not a valid amount.")
    listed = said(shop, "list")
    assert str(row.id) in listed and "total_price: Not a valid amount." in listed and SHOP in listed

    # Without the fix it fails again, and says so.
    assert "1 to be applied again" in said(shop, "replay", "--state", "quarantined", given="y\n")
    assert (of(shop, 0).state, of(shop, 0).attempts) == ("new", 0)
    shop.installation.settle("intake")
    assert of(shop, 0).state == "quarantined" and shop.rows(orders) == []
    assert "it has failed again" in said(shop, "show", str(row.id))
    assert "replayed 1x" in said(shop, "list")

    fix(monkeypatch)
    said(shop, "replay", str(row.id), "--yes")
    shop.installation.settle("intake")
    assert (of(shop, 0).state, of(shop, 0).replays) == ("done", 2)
    assert [row.id for row in shop.rows(orders)] == [BIG]
    told = [row.name for row in shop.rows(events)]
    assert "failed again" not in said(shop, "show", str(row.id))

    # What is done is left alone, or, by force, has no second effect.
    refused = run(shop, "replay", str(row.id), "--yes")
    assert refused.exit_code == 1 and "--force" in refused.output
    said(shop, "replay", str(row.id), "--yes", "--force")
    shop.installation.settle("intake")
    assert (of(shop, 0).state, of(shop, 0).replays) == ("done", 3)
    assert [row.name for row in shop.rows(events)] == told


def test_replaying_rings_the_shops_bell(shop: ConnectedShop) -> None:
    arrived(shop, RESHAPED)
    shop.deps.redis.flushdb()
    said(shop, "replay", "--state", "quarantined", "--yes")
    assert next_shop(shop.deps.redis, "intake") == shop.id


def test_only_what_is_asked_for_is_taken(shop: ConnectedShop) -> None:
    other = shop.installation.connect(OTHER_SHOP, flows=[])
    for one in (shop, other):
        one.deliver("orders/create", RESHAPED)
        one.deliver("orders/paid", {**RESHAPED, "id": BIG + 1})
        one.deliver("orders/create", b"{")
        one.deliver("orders/create", order(BIG + 2, ANN, START))
    shop.installation.settle("intake")
    assert len(said(shop, "list").splitlines()) == 12, "a line and a reason for each"
    assert len(said(shop, "list", "--json", "--shop", SHOP).splitlines()) == 3
    assert {orjson.loads(line)["topic"] for line in said(shop, "list", "--json", "--topic", "orders/paid").splitlines()}
    assert "The newest 1 of 2: 2 orders/create (poison)" in said(shop, "list", "--state", "poison", "--limit", "1")
    answer = said(shop, "replay", "--state", "quarantined", "--topic", "orders/create", "--shop", SHOP, "--yes")
    assert "1 to be applied again" in answer and "1 are back in the line" in answer
    assert [row.state for row in shop.rows(inbox)] == ["new", "quarantined", "poison", "done"]
    assert [row.state for row in other.rows(inbox)] == ["quarantined", "quarantined", "poison", "done"]


def test_more_than_a_batch_goes_back_once_each(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.stored._BATCH", 2)
    arrived(shop, *({**RESHAPED, "id": BIG + number} for number in range(5)))
    assert "5 are back in the line" in said(shop, "replay", "--state", "quarantined", "--yes")
    assert {(row.state, row.replays) for row in shop.rows(inbox)} == {("new", 1)}


def test_nothing_happens_without_a_yes_or_without_being_named(shop: ConnectedShop) -> None:
    arrived(shop, RESHAPED)
    assert run(shop, "replay", "--state", "quarantined", given="n\n").exit_code == 1
    assert run(shop, "replay").exit_code == 2
    assert run(shop, "replay", "--state", "poison", "--yes").exit_code == 1
    assert run(shop, "list", "--shop", "nobody.myshopify.com").exit_code == 1
    assert run(shop, "show", "99").exit_code == 1
    assert of(shop, 0).state == "quarantined" and of(shop, 0).replays is None


def test_a_body_is_shown_without_what_is_personal_unless_asked_for(shop: ConnectedShop) -> None:
    whole = {**RESHAPED, "billing_address": {"city": "Lyon", "zip": "69002", "country_code": "FR"}}
    arrived(shop, whole, b'{"email": "cut@example.com"')
    shown = said(shop, "show", str(of(shop, 0).id))
    assert ANN not in shown and "Lyon" not in shown and "69002" not in shown
    assert str(BIG) in shown and '"amount": "14.90"' in shown and "FR" in shown
    assert ANN in said(shop, "show", str(of(shop, 0).id), "--raw")
    cut = said(shop, "show", str(of(shop, 1).id))
    assert "no JSON" in cut and "cut@example.com" not in cut


def test_what_is_masked() -> None:
    seen = masked(
        {
            "id": 12345678901, "phone": 33612345678, "total_price": "14.90", "created_at": "2026-11-02T09:00:00Z",
            "first_name": "Ann", "token": "abc", "financial_status": "paid", "quantity": 3, "latitude": 45.76,
            "note_attributes": [{"name": "gift", "value": "for Bob"}], "unheard_of": "Ann", "test": False,
            "email_marketing_consent": {"state": "subscribed"}, "status": "ann@example.com", "zip": None,
            "customer": {"id": 7, "email": "ann@example.com", "admin_graphql_api_id": "gid://shopify/Customer/7"},
        }
    )  # fmt: skip
    assert seen == {
        "id": 12345678901, "phone": "[a number]", "total_price": "14.90", "created_at": "2026-11-02T09:00:00Z",
        "first_name": "[3 characters]", "token": "[3 characters]", "financial_status": "paid", "quantity": 3,
        "latitude": "[a number]", "note_attributes": [{"name": "[4 characters]", "value": "[7 characters]"}],
        "unheard_of": "[3 characters]", "test": False, "email_marketing_consent": {"state": "subscribed"},
        "status": "[15 characters]", "zip": None,
        "customer": {"id": 7, "email": "[15 characters]", "admin_graphql_api_id": "gid://shopify/Customer/7"},
    }  # fmt: skip
