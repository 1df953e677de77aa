"""What shoppers do, told the way the store tells it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import JSON, checkout, consent, customer, embedded, order
from tests.sandbox.provider_process import Receiver, wait_until
from tests.sandbox.store_process import Received

_LINK = re.compile(r'href="(https://shop\.example/u/[^"]+)"')


def subscribe(shop: ConnectedShop, email: str, customer_id: int = 1, **fields: Any) -> None:
    """Somebody signs up with an account and agrees to emails, now."""
    now = shop.installation.now
    shop.deliver("customers/create", customer(customer_id, email, now, **fields))
    agree(shop, email, customer_id)


def agree(shop: ConnectedShop, email: str, customer_id: int = 1, state: str = "subscribed") -> None:
    """A customer's email consent changes, now."""
    told = consent(customer_id, email, state, shop.installation.now)
    shop.deliver("customers_email_marketing_consent/update", told)


def begin_checkout(
    shop: ConnectedShop,
    email: str | None,
    token: str = "tok",
    *,
    at: datetime | None = None,
    items: Sequence[JSON] | None = None,
    **fields: Any,
) -> None:
    """A guest who ticks the box for emails begins a checkout, now or at ``at``."""
    moment = at or shop.installation.now
    body = checkout(token, email, moment, items=items, **{"buyer_accepts_marketing": True, **fields})
    shop.deliver("checkouts/create", body)


def buy(
    shop: ConnectedShop, email: str | None, order_id: int = 9001, *, token: str | None = None, **fields: Any
) -> None:
    """An order is placed, now."""
    body = order(order_id, email, shop.installation.now, token=token, **fields)
    shop.deliver("orders/create", body)


def by_customer(customer_id: int, email: str) -> JSON:
    return {"customer": embedded(customer_id, email)}


def hand_over(shop: ConnectedShop, received: Sequence[Received]) -> None:
    """Webhooks of the simulated store, byte for byte."""
    for one in received:
        shop.deliver(one.topic, one.body, webhook_id=one.headers["x-shopify-webhook-id"])


def unsubscribe_link(mail: JSON) -> str:
    """The path of the unsubscribe page in the body of a mail."""
    found = _LINK.search(mail["html"])
    assert found, "the mail has no unsubscribe link"
    return html.unescape(found[1]).removeprefix("https://shop.example")


def leave_by_page(product: Installation, mail: JSON, *, again: bool = False) -> None:
    """Press the button of the page behind the link; ``again`` takes it back."""
    answer = product.browser().post(unsubscribe_link(mail), data={"again": "1"} if again else None)
    assert answer.status_code == 200


def hand_over_reports(product: Installation, receiver: Receiver, shops: Sequence[ConnectedShop]) -> None:
    """Let the recipients act, and give each shop what the simulated provider posts to its address, /SHOP_ID."""
    provider = product.provider
    assert provider is not None
    while (due := provider.control("GET", "next")["at"]) is not None:
        product.at(datetime.fromtimestamp(due + 1, UTC))
        provider.advance_to(due + 1)
    wait_until(lambda: provider.control("GET", "idle") == {"pending_deliveries": 0})
    for shop in shops:
        for body in receiver.bodies(f"/{shop.id}"):
            shop.deliver("transactional", body, source="brevo")
    product.settle("intake")
