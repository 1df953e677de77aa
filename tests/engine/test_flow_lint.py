"""``connector flows lint`` for a shop: what is active there, looked at as the product and the store are today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from connector.cli.flows import flows as command
from flows.core.steps import STEPS
from tests.engine.installation import ConnectedShop, Installation

NEWS = """flow: news
name: News
trigger: {on: newsletter_subscribed}
exit: [order_placed]
steps: [{email: hello}, {score: {lead: 5}}]
"""
MAIL = """---
subject: News for you
preview: What is new in the shop.
purpose: marketing
deadline: 2d
---
<p>Hi {{ person.first_name | default: "there" }}, here is something new.</p>

{% render 'button', label: "The tea", url: "https://SHOP/products/tea" %}

{% render 'button', label: "The coffee", url: "https://SHOP/products/coffee" %}
"""


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    made = product.connect(flows=[])
    made.publish(NEWS, hello=MAIL.replace("SHOP", made.shop.domain))
    variant: dict[str, Any] = {"id": 6, "title": "Tin", "price": "8.00", "inventory_item_id": 66}
    body = {"id": 5, "title": "Tea", "handle": "tea", "status": "active", "variants": [variant]}
    made.deliver("products/update", {**body, "updated_at": product.now.isoformat()})
    product.settle()
    return made


def lint(shop: ConnectedShop, *words: str) -> list[dict[str, Any]]:
    arguments = ["lint", *words, "--shop", shop.shop.domain, "--json"]
    done = CliRunner().invoke(command, arguments, obj=shop.deps.settings)
    found: list[dict[str, Any]] = orjson.loads(done.output)["findings"]
    assert done.exit_code == any(one["level"] == "error" for one in found), done.output
    return found


def codes(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["flow"], one["lint"]) for one in found}


@pytest.mark.row("S5-211", "S5-215")
def test_what_an_update_breaks_is_found(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of the store and a step of the product are gone: both were there when the flow was published."""
    found = lint(shop)
    (dead,) = [one for one in found if one["lint"] == "dead_link"]
    assert "/products/coffee leads nowhere: the shop has no product coffee" in dead["sentence"]
    assert dead["file"] == "news/messages/hello.liquid"
    assert ("news", "definition") not in codes(found)
    monkeypatch.delitem(STEPS, "score")  # type: ignore[misc]
    broken = lint(shop)
    (gone,) = [one for one in broken if one["level"] == "error"]
    assert gone["lint"] == "definition" and "“score” is no step" in gone["sentence"]


def test_what_may_double_it_is_said_until_it_is_ticked_off(shop: ConnectedShop) -> None:
    doubled = [one["sentence"] for one in lint(shop) if one["lint"] == "doubles"]
    assert any("Welcome new subscribers" in sentence for sentence in doubled)


def test_flows_in_a_folder_are_held_against_what_is_active(shop: ConnectedShop, tmp_path: Path) -> None:
    (tmp_path / "twin" / "messages").mkdir(parents=True)
    (tmp_path / "twin" / "flow.yaml").write_text(NEWS.replace("flow: news", "flow: twin"), encoding="utf-8")
    (tmp_path / "twin" / "messages" / "hello.liquid").write_text(MAIL.replace("SHOP", "shop.example"), encoding="utf-8")
    found = lint(shop, str(tmp_path))
    (clash,) = [one for one in found if one["lint"] == "overlap"]
    assert {clash["flow"], clash["other"]} == {"news", "twin"}
    # What is active already is not looked at by itself.
    assert ("news", "dead_link") not in codes(found)
    # The shop's own cap counts.
    shop.set(marketing_cap={"count": 1, "days": 7})
    text = NEWS.replace("flow: news", "flow: twin").replace("{score: {lead: 5}}", "{wait: 1d}, {email: hello}")
    (tmp_path / "twin" / "flow.yaml").write_text(text, encoding="utf-8")
    assert ("twin", "over_cap") in codes(lint(shop, str(tmp_path))) - codes(found)
