"""``connector webhook``: what staff do with endpoints, and what it leaves in the audit log."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from connector import housekeeping
from connector.cli.webhook import webhook
from connector.models.outgoing import webhook_attempts, webhook_deliveries, webhook_endpoints
from connector.models.staff import audit_log
from tests.adapters.servers import answer
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.shoppers import buy
from tests.sync.outgoing.receiver import OK, receiving


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def run(shop: ConnectedShop, command: str, *rest: object) -> Result:
    arguments = [command, shop.shop.domain, *map(str, rest)]
    return CliRunner().invoke(webhook, arguments, obj=shop.deps.settings)


def test_an_endpoint_from_its_beginning_to_its_end(shop: ConnectedShop) -> None:
    def settle() -> None:
        # The command has the machine's own clock.
        shop.installation.skip(60)
        shop.installation.settle("intake", "flows", "outgoing")

    with receiving() as merchant:
        added = run(shop, "add", merchant.url, "--event", "order_placed", "--event", "custom:visit")
        assert "whsec_" in added.output
        row = shop.one(webhook_endpoints)
        assert "told of custom:visit, order_placed" in run(shop, "list").output
        assert run(shop, "test", row.id).output.startswith("204 after")
        assert merchant.told[0].body["type"] == "test" and shop.rows(webhook_deliveries) == []
        merchant.answers[:] = [answer("500 Internal Server Error", b"out of paper")]
        failed = run(shop, "test", row.id)
        assert failed.exit_code == 1 and "out of paper" in failed.output
        buy(shop, "bob@example.com")
        settle()
        (delivery,) = shop.rows(webhook_deliveries)
        assert f"{delivery.id}: order_placed due after 1, again at" in run(shop, "attempts", row.id).output
        tried = run(shop, "attempts", row.id, "--delivery", delivery.id)
        assert '500 "out of paper"' in tried.output
        assert "failing since" in run(shop, "list").output
        assert run(shop, "disable", row.id).exit_code == 0
        assert "staff switched it off" in run(shop, "list").output
        assert "enable` first" in run(shop, "resend", row.id).output
        assert run(shop, "enable", row.id).exit_code == 0
        merchant.answers[:] = [OK]
        assert "1 are sent once more" in run(shop, "resend", row.id).output
        settle()
        assert "delivered after 2" in run(shop, "attempts", row.id).output
        assert "Nothing." in run(shop, "attempts", row.id, "--failed").output
        assert "whsec_" in run(shop, "rotate", row.id).output
        assert run(shop, "remove", row.id).exit_code == 0
    assert "There is none" in run(shop, "list").output
    acts = [line.act.removeprefix("webhook.") for line in shop.rows(audit_log)]
    assert acts == ["add", "disable", "enable", "resend", "rotate", "remove"]
    assert not any("whsec_" in str(line.detail) for line in shop.rows(audit_log))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("add", "http://erp.example/", "--event", "order_placed"), "only https"),
        (("add", "https://10.0.0.1/", "--event", "order_placed"), "not the public internet"),
        (("add", "https://erp.example/", "--event", "order_plaiced"), "No such event: order_plaiced"),
        (("remove", "7"), "no endpoint 7"),
        (("rotate", "7"), "no endpoint 7"),
        (("test", "7"), "no endpoint 7"),
        (("attempts", "7"), "no endpoint 7"),
    ],
)
def test_what_cannot_be_done_is_said(shop: ConnectedShop, command: tuple[str, ...], said: str) -> None:
    refused = run(shop, *command)
    assert refused.exit_code == 1 and said in refused.output


def test_another_shops_endpoint_is_nobodys(product: Installation, shop: ConnectedShop) -> None:
    other = product.connect("b.myshopify.com", flows=[])
    with receiving() as merchant:
        run(shop, "add", merchant.url, "--event", "order_placed")
        row = shop.one(webhook_endpoints)
        for command in ("remove", "rotate", "enable", "disable", "test", "attempts", "resend"):
            assert "no endpoint" in run(other, command, row.id).output, command
        assert merchant.told == [] and shop.one(webhook_endpoints) == row


def test_what_was_told_long_ago_is_not_kept(shop: ConnectedShop) -> None:
    def counted() -> list[int]:
        return [len(shop.rows(table)) for table in (webhook_deliveries, webhook_attempts)]

    with receiving() as merchant:
        run(shop, "add", merchant.url, "--event", "order_placed")
        for number in (1, 2):
            buy(shop, "bob@example.com", number)
            shop.installation.settle("intake", "flows", "outgoing")
            days: Any = shop.deps.settings.work_keep_days
            shop.installation.skip(86_400 * (days - 1) / number)
    assert counted() == [2, 2]
    assert housekeeping.keep_house(shop.deps)["webhook deliveries"] == 1
    assert counted() == [1, 1]
