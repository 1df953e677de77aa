"""Of two deliveries under way at once either may be stored first, whatever order their answers come in. A checkout
whose end is stored first is not told as begun, by design; the judge of a storm excuses that and nothing more."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.models.event import events
from connector.models.sync import feed
from sandbox.clock import Clock
from sandbox.store.deliveries import Deliveries, Webhook
from sandbox.store.journal import Journal
from sandbox.store.settings import DeliverySettings
from tests.e2e import audit
from tests.e2e.aftermath import begun_when_over
from tests.e2e.platforms import account_of
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import checkout, customer, order

ANN, TOKEN, SALE = "ann@example.com", "tok", 9001
BEGUN = "checkouts/create"
SECONDS = 10.0


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


class Line:
    """Between a store that sends and the product: a delivery waits before it is stored, or its answer does; of some
    the first answer is lost. The log is the store's own."""

    def __init__(self, shop: ConnectedShop) -> None:
        self._shop = shop
        self.stored: dict[str, threading.Event] = {}
        self.may_be_stored: dict[str, threading.Event] = {}
        self.may_be_answered: dict[str, threading.Event] = {}
        self.lost = 0
        line = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if line._take(self.headers["X-Shopify-Topic"], self.headers["X-Shopify-Webhook-Id"], body):
                    self.send_response(200)
                    self.end_headers()

            def log_message(self, *ignored: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._serving.start()
        clock = Clock()
        self._journal = Journal(clock)
        self._deliveries = Deliveries(DeliverySettings(workers=3, first_retry_seconds=0.05), clock, self._journal)
        self._numbers = count(1)

    def _take(self, topic: str, webhook_id: str, body: bytes) -> bool:
        """Whether it is answered."""
        assert self.may_be_stored[topic].wait(SECONDS)
        self._shop.deliver(topic, body, webhook_id=webhook_id)
        self.stored[topic].set()
        if self.lost:
            self.lost -= 1
            return False
        return self.may_be_answered[topic].wait(SECONDS)

    def send(
        self, topic: str, about: str, body: Mapping[str, Any], event_id: str = "", *, busy: bool = False
    ) -> Webhook:
        """``busy``: not answered until ``may_be_answered``."""
        self.stored[topic], self.may_be_stored[topic], self.may_be_answered[topic] = (
            threading.Event() for _ in range(3)
        )
        self.may_be_stored[topic].set()
        if not busy:
            self.may_be_answered[topic].set()
        domain, number = self._shop.shop.domain, next(self._numbers)
        webhook = Webhook(
            id=f"delivery-{number}", event_id=event_id, topic=topic, shop=domain,
            object_id=about, uri=f"http://127.0.0.1:{self._server.server_port}/", api_version="2026-10", secret="s",
            body=orjson.dumps(body), triggered_at=START.timestamp(), subscription_id=number,
        )  # fmt: skip
        self._deliveries.send([webhook])
        return webhook

    def begin(self, **how: bool) -> Webhook:
        return self.send(BEGUN, f"checkout/{TOKEN}", checkout(TOKEN, ANN, START), **how)

    def sell(self, token: str = TOKEN, **how: bool) -> Webhook:
        event_id = f"sale of {token}"
        self._journal.append("action", action="complete_checkout", event_id=event_id, checkout_token=token, email=ANN)
        return self.send("orders/create", f"order/{SALE}", order(SALE, ANN, START, token=token), event_id, **how)

    def log(self, *sent: Webhook) -> list[audit.Entry]:
        """Everything, when all of these are acknowledged."""
        wait_for(lambda: all(one.state == "acknowledged" for one in sent))
        return self._journal.since(0)

    def close(self) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()


def wait_for(what: Any) -> None:
    waiting, waited = threading.Event(), 0.0
    while not what():
        assert waited < SECONDS
        waiting.wait(0.005)
        waited += 0.005


@pytest.fixture
def line(shop: ConnectedShop) -> Iterator[Line]:
    made = Line(shop)
    yield made
    made.close()


def told(shop: ConnectedShop) -> list[dict[str, Any]]:
    """What the provider is going to be told, as its log will say it; both facts are known by then."""
    shop.installation.settle("intake")
    assert {row.name for row in shop.rows(events)} >= {"checkout_started", "order_placed"}
    account = account_of(shop.shop.domain)
    return [
        {"kind": "event", "account": account, "name": row.name, "properties": row.body["event_properties"]}
        for row in shop.rows(feed)
    ]


def faults(shop: ConnectedShop, log: list[audit.Entry], heard: list[dict[str, Any]]) -> list[str]:
    wanted = {(account_of(shop.shop.domain), "checkout_started", TOKEN): ANN}
    return audit.event_faults(heard, wanted, begun_when_over(log))


def acknowledged(log: list[audit.Entry]) -> list[str]:
    """Topics, in the order of their answers."""
    return [entry["topic"] for entry in log if entry["kind"] == "acknowledged"]


def unsaid(heard: list[dict[str, Any]]) -> bool:
    return not [one for one in heard if one["name"] == "checkout_started"]


def test_stored_after_its_end_and_acknowledged_before_it(shop: ConnectedShop, line: Line) -> None:
    sold = line.sell(busy=True)
    assert line.stored["orders/create"].wait(SECONDS)
    line.log(line.begin())
    line.may_be_answered["orders/create"].set()
    log, heard = line.log(sold), told(shop)
    # The order of the answers says that it had begun before it was over; the order of storing does not.
    assert acknowledged(log) == [BEGUN, "orders/create"]
    assert unsaid(heard) and faults(shop, log, heard) == []


def test_stored_after_an_end_whose_answer_was_lost(shop: ConnectedShop, line: Line) -> None:
    line.lost = 1
    sold = line.sell()
    assert line.stored["orders/create"].wait(SECONDS)
    line.may_be_stored["orders/create"].clear()
    line.log(line.begin())
    line.may_be_stored["orders/create"].set()
    log, heard = line.log(sold), told(shop)
    assert acknowledged(log) == [BEGUN, "orders/create"] and len(sold.attempts) == 2
    assert unsaid(heard) and faults(shop, log, heard) == []


def test_stored_before_its_end_it_is_told_however_late_its_answer_comes(shop: ConnectedShop, line: Line) -> None:
    begun = line.begin(busy=True)
    assert line.stored[BEGUN].wait(SECONDS)
    line.log(line.sell())
    line.may_be_answered[BEGUN].set()
    log, heard = line.log(begun), told(shop)
    assert not unsaid(heard) and faults(shop, log, heard) == []


def test_control_acknowledged_before_its_end_was_sent_and_not_told_is_found(shop: ConnectedShop, line: Line) -> None:
    line.log(line.begin())
    log, heard = line.log(line.sell()), told(shop)
    assert not unsaid(heard) and faults(shop, log, heard) == []
    assert len(faults(shop, log, [])) == 1


def test_control_the_end_of_another_checkout_and_other_news_of_a_sale_excuse_nothing(
    shop: ConnectedShop, line: Line
) -> None:
    line.log(line.sell("another"))
    # A purchase changes what the store says of the buyer, which ends no checkout.
    line.log(line.send("customers/update", "customer/7", customer(7, ANN, START), f"sale of {TOKEN}"))
    line.log(line.begin())
    assert len(faults(shop, line.log(line.sell()), [])) == 1
