"""People with a canary in every field that a platform fills, and what a database, a Redis or a log holds of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import psycopg
from redis import Redis

from connector.http import Answer
from tests.engine.installation import ConnectedShop
from tests.engine.payloads import checkout, consent, customer, line, order, reported
from tests.sync.store_answers import AnsweringStore, customer_node

_FIRST_ID = 770_000_000_000

GREETING = """
flow: greeting
name: Greeting
trigger: {on: checkout_started, key: event.checkout_token}
goal: {on: order_placed, match: event.checkout_token, within: 72h}
steps: [{email: hello}, {wait: 1d}, {email: hello}]
"""
HELLO = """---
subject: 'Hello {{ person.first_name }}'
purpose: transactional
deadline: 6h
---
<p>You liked {{ event.items[0].title }}.</p>
"""


class Store(AnsweringStore):
    """A store that knows no orders and no catalogue but the nodes that a test gives it. ``status``: of every answer,
    when it is not what was asked for."""

    status = 200

    def post_to_store(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.status != 200:
            return Answer(self.status, {}, b"{}")
        if "ids" in orjson.loads(body)["variables"]:
            return super().post_to_store(url, headers, body)
        page = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return Answer(200, {}, orjson.dumps({"data": {"orders": page, "products": page, "shop": {}}}))


@dataclass(frozen=True)
class Soul:
    """Somebody whose every text ends in ``mark`` and whose every number begins with ``number``."""

    n: int

    @property
    def mark(self) -> str:
        return f"canary{self.n:02d}x"

    @property
    def number(self) -> int:
        return _FIRST_ID + self.n

    @property
    def customer_id(self) -> int:
        return self.number

    @property
    def order_id(self) -> int:
        return self.number * 10

    @property
    def email(self) -> str:
        return f"mail-{self.mark}@goods.example"

    @property
    def phone(self) -> str:
        return f"+4915{self.number}"

    @property
    def token(self) -> str:
        return f"tok-{self.mark}"

    def says(self, what: str) -> str:
        return f"{what}-{self.mark}"

    def hits(self, text: str) -> int:
        """How often this text tells of them."""
        return text.lower().count(self.mark) + text.count(str(self.number))

    def address(self) -> dict[str, Any]:
        told = ("first_name", "last_name", "name", "address1", "address2", "city", "province", "zip", "country")
        return {**{field: self.says(field) for field in told}, "country_code": "DE", "phone": self.phone}

    def embedded(self) -> dict[str, Any]:
        names = {"first_name": self.says("first"), "last_name": self.says("last")}
        about = {"id": self.customer_id, "email": self.email, "phone": self.phone, **names}
        return {**about, "created_at": None, "updated_at": None, "default_address": self.address()}

    def node(self, **fields: Any) -> dict[str, Any]:
        email = {
            "emailAddress": self.email, "marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN",
            "marketingUpdatedAt": "2026-11-01T10:00:00Z",
        }  # fmt: skip
        told = {
            "firstName": self.says("first"), "lastName": self.says("last"), "locale": self.says("locale"),
            "tags": [self.says("tag")], "defaultEmailAddress": email, "defaultPhoneNumber": {"phoneNumber": self.phone},
            "defaultAddress": {"city": self.says("city"), "countryCodeV2": "DE"},
        }  # fmt: skip
        return customer_node(self.customer_id, **{**told, **fields})

    def ask(self, shop: ConnectedShop) -> None:
        about = {"id": self.customer_id, "email": self.email, "phone": self.phone}
        shop.deliver("customers/data_request", {"customer": about, "orders_requested": [], "data_request": {"id": 1}})

    def redact(self, shop: ConnectedShop, **fields: Any) -> None:
        about = {"id": self.customer_id, "email": self.email, "phone": self.phone}
        told = {"shop_domain": shop.shop.domain, "customer": about, "orders_to_redact": [self.order_id]}
        shop.deliver("customers/redact", {**told, **fields})


def sign_up(shop: ConnectedShop, soul: Soul) -> None:
    """An account, with consent to emails and text messages."""
    now = shop.installation.now
    about = {key: value for key, value in soul.embedded().items() if key not in ("id", "email", "created_at")}
    shop.deliver(
        "customers/create", customer(soul.customer_id, soul.email, now, **{**about, "updated_at": now.isoformat()})
    )
    shop.deliver("customers_email_marketing_consent/update", consent(soul.customer_id, soul.email, "subscribed", now))


def shop_around(shop: ConnectedShop, soul: Soul) -> None:
    """A cart, a checkout, and what arrives with them that nobody can read or apply."""
    now = shop.installation.now
    goods = [line(soul.says("cup"))]
    cart = {"id": soul.says("cart"), "token": f"cart-{soul.token}", "line_items": goods, "note": soul.says("note")}
    shop.deliver("carts/create", {**cart, "created_at": now.isoformat(), "updated_at": now.isoformat()})
    body = checkout(soul.token, soul.email, now, items=goods, customer=soul.embedded(), phone=soul.phone)
    body["abandoned_checkout_url"] = f"https://goods.example/{soul.token}/recover"
    shop.deliver("checkouts/create", {**body, "shipping_address": soul.address()})
    shop.deliver("orders/create", f'{{"email": "{soul.email}", '.encode())
    shop.deliver("orders/updated", {"id": soul.order_id, "email": soul.email, "total_price": {"odd": soul.mark}})


def ask_for_help(shop: ConnectedShop, soul: Soul) -> None:
    """What other systems of the merchant's tell: a form that they filled in, and a ticket under a number of theirs."""
    known = {"customer_id": soul.customer_id, "external_id": soul.says("crm"), "email": soul.email}
    known |= {"visitor_id": soul.says("browser")}
    form = {"form": soul.says("form"), "answers": {f"taste_{soul.mark}": soul.says("answer")}}
    about = {"id": f"form-{soul.n}", "type": "form_submitted", "person": known}
    shop.deliver("events/form_submitted", {**about, **form}, source="api")
    seen = {"id": f"seen-{soul.n}", "type": "searched", "person": {"visitor_id": soul.says("browser")}}
    shop.deliver("events/searched", {**seen, "query": soul.says("searched")}, source="api")
    ticket = {"id": f"ticket-{soul.n}", "type": "support_ticket_opened", "ticket": soul.says("ticket")}
    named = {"external_id": soul.says("crm")}
    shop.deliver("events/support_ticket_opened", {**ticket, "person": named}, source="api")


def buy(shop: ConnectedShop, soul: Soul) -> None:
    """An order with everything on it, a parcel, and a draft."""
    now = shop.installation.now
    parcel = {
        "id": soul.number * 10 + 1, "order_id": soul.order_id, "status": "success", "shipment_status": "in_transit",
        "tracking_company": soul.says("carrier"), "tracking_number": soul.says("parcel"),
        "tracking_url": f"https://carrier.example/{soul.mark}", "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
    }  # fmt: skip
    body = order(
        soul.order_id, soul.email, now, token=soul.token, customer=soul.embedded(), name=soul.says("number"),
        line_items=[line(soul.says("cup"))], discount_codes=[{"code": soul.says("code")}],
        payment_gateway_names=[soul.says("card")], billing_address=soul.address(), fulfillments=[parcel],
        source_name="web",
    )  # fmt: skip
    shop.deliver("orders/create", body)
    draft = {**order(soul.number * 10 + 2, soul.email, now), "name": soul.says("draft"), "customer": soul.embedded()}
    shop.deliver("draft_orders/create", {**draft, "invoice_url": f"https://goods.example/{soul.mark}/invoice"})


def report(shop: ConnectedShop, soul: Soul) -> None:
    """What Brevo tells of the messages to them; in one delivery with what it tells of nobody we know."""
    at = shop.installation.now
    for mail in shop.mails(soul.email):
        about = {"message-id": mail["message_id"]} if "message_id" in mail else {}
        opened = reported("opened", soul.email, at, link=f"https://goods.example/{soul.mark}", **about)
        clicked = reported("click", soul.email, at + timedelta(seconds=1), link=f"https://goods.example/{soul.mark}")
        shop.deliver("transactional", orjson.dumps([opened, {**clicked, **about}]), source="brevo")
    shop.deliver("transactional", reported("soft_bounce", soul.email, at, reason=f"550 <{soul.email}>"), source="brevo")


# What is held


def tables(dsn: str) -> dict[str, str]:
    """Every table, partitions too, as text; bytes as far as they are letters."""
    found = {}
    with psycopg.connect(dsn.replace("postgresql+psycopg://", "postgresql://")) as connection:
        connection.execute("SET bytea_output = 'escape'")
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (name,) in names:
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as copy:
                found[name] = b"".join(bytes(part) for part in copy).decode()
    return found


def redis_contents(redis: Redis) -> str:
    return "\n".join(_contents(redis))


def _contents(redis: Redis) -> Iterator[str]:
    for key in redis.scan_iter():
        yield repr(key)
        match redis.type(key):
            case b"string":
                yield repr(redis.get(key))
            case b"hash":
                yield repr(redis.hgetall(key))
            case b"list":
                yield repr(redis.lrange(key, 0, -1))
            case b"set":
                yield repr(redis.smembers(key))
            case b"zset":
                yield repr(redis.zrange(key, 0, -1, withscores=True))
            case other:
                raise AssertionError(f"{key!r} is a {other!r}")


def hits(text: str, *souls: Soul) -> dict[str, int]:
    """{mark: how often the text tells of them}, without those of whom it tells nothing."""
    return {soul.mark: count for soul in souls if (count := soul.hits(text))}
