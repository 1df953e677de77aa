"""What applying records by the hundred costs: customers, orders and products as a backfill brings them, to a shop that
has none of them and to one that has them all, beside a bare COPY of the rows that come of it.

On a PostgreSQL of its own and in this process alone; as durable as a shop's. Records per second of the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, Table, text

from benchmarks.own_servers import add_shop, own_database
from benchmarks.progress import say
from connector.clock import monotonic
from connector.db.session import transaction
from connector.models.event import events
from connector.models.person import consent_ledger, consents, identities, person_work, persons
from connector.models.store import orders, products, variants
from connector.models.sync import sync_state
from connector.scope import scoped
from connector.settings import Settings
from connector.shops import Shop
from sync.applying import BATCH, Applied, apply_batch

Node = dict[str, Any]
Maker = Callable[[int], Node]

# The same amount of work as a large shop's batch, and what the workers take.
LARGE = 500
AIMS = {"customers": 800.0, "orders": 500.0, "products": 800.0, "again": 1_500.0}
LOCKED_SECONDS = 0.5
PLACED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TABLES: Mapping[str, Sequence[Table]] = {
    "customers": (persons, person_work, identities, consent_ledger, consents, events, sync_state),
    "orders": (orders, identities, events, sync_state),
    "products": (products, variants, sync_state),
}


def customer(number: int) -> Node:
    """Somebody with an address, a number and two words on consent."""
    at = (PLACED + timedelta(minutes=number)).isoformat()
    word = {"marketingState": "SUBSCRIBED" if number % 3 else "NOT_SUBSCRIBED", "marketingUpdatedAt": at}
    return {
        "__typename": "Customer",
        "id": f"gid://shopify/Customer/{number}",
        "firstName": f"First {number}",
        "lastName": f"Last {number}",
        "locale": "en",
        "tags": ["vip"] if number % 10 == 0 else [],
        "state": "ENABLED",
        "createdAt": at,
        "updatedAt": at,
        "numberOfOrders": str(number % 5),
        "amountSpent": {"amount": f"{number % 300}.90", "currencyCode": "EUR"},
        "defaultEmailAddress": {
            "emailAddress": f"customer-{number}@example.com", "marketingOptInLevel": "SINGLE_OPT_IN",
            "openTrackingLevel": "OPTED_IN", **word,
        },
        "defaultPhoneNumber": {
            "phoneNumber": f"+4930{1_000_000 + number}",
            "smsMarketingConsent": {"state": "NOT_SUBSCRIBED", "optInLevel": "SINGLE_OPT_IN", "updatedAt": None},
        },
        "defaultAddress": {"city": "Berlin", "countryCodeV2": "DE"},
    }  # fmt: skip


def order(number: int) -> Node:
    """An old order of two lines, by one of the customers."""
    at = (PLACED + timedelta(minutes=number)).isoformat()
    buyer = number // 2 + 1
    money = {"shopMoney": {"amount": "29.80"}}
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{number}",
        "name": f"#{number}",
        "email": f"customer-{buyer}@example.com",
        "createdAt": at,
        "updatedAt": at,
        "closedAt": None,
        "cancelledAt": None,
        "cartToken": f"cart-{number}",
        "checkoutToken": f"checkout-{number}",
        "customerAcceptsMarketing": number % 2 == 0,
        "test": False,
        "sourceName": "web",
        "currencyCode": "EUR",
        "totalPriceSet": money,
        "currentTotalPriceSet": money,
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "FULFILLED",
        "discountCodes": [],
        "paymentGatewayNames": ["visa"],
        "billingAddress": {"name": "Ann Lee", "address1": "1 Harbour Street", "city": "Berlin", "countryCodeV2": "DE"},
        "customer": {
            "id": f"gid://shopify/Customer/{buyer}", "firstName": "Ann", "lastName": "Lee",
            "defaultEmailAddress": {"emailAddress": f"customer-{buyer}@example.com"},
        },
        "lineItems": {"nodes": [_line(number, place) for place in range(2)], "pageInfo": {"hasNextPage": False}},
        "refunds": [],
        "fulfillments": [],
    }  # fmt: skip


def _line(number: int, place: int) -> Node:
    product = (number * 7 + place) % 20_000 + 1
    return {
        "title": f"Tea number {product}",
        "variantTitle": "100 g",
        "sku": f"TEA-{product}",
        "quantity": 1,
        "currentQuantity": 1,
        "originalUnitPriceSet": {"shopMoney": {"amount": "14.90"}},
        "product": {"id": f"gid://shopify/Product/{product}"},
        "variant": {"id": f"gid://shopify/ProductVariant/{product * 10}"},
    }


def product(number: int) -> Node:
    """A product of three variants, in two collections."""
    listed = [
        {
            "id": f"gid://shopify/ProductVariant/{number * 10 + place}",
            "title": f"{100 * (place + 1)} g",
            "sku": f"TEA-{number}-{place}",
            "position": place + 1,
            "price": f"{9 + place}.50",
            "compareAtPrice": None,
            "inventoryQuantity": 20,
            "inventoryItem": {"id": f"gid://shopify/InventoryItem/{number * 10 + place}"},
        }
        for place in range(3)
    ]
    return {
        "__typename": "Product",
        "id": f"gid://shopify/Product/{number}",
        "title": f"Tea number {number}",
        "handle": f"tea-{number}",
        "status": "ACTIVE",
        "vendor": "Teahouse",
        "productType": "Tea",
        "tags": ["tea"],
        "onlineStoreUrl": f"https://teahouse.example/products/tea-{number}",
        "updatedAt": (PLACED + timedelta(minutes=number)).isoformat(),
        "featuredMedia": {"preview": {"image": {"url": f"https://teahouse.example/{number}.jpg"}}},
        "variants": {"nodes": listed, "pageInfo": {"hasNextPage": False}},
        "collections": {"nodes": [{"id": f"gid://shopify/Collection/{one}"} for one in (number % 7 + 1, 8)]},
    }


KINDS: Mapping[str, tuple[str, Maker]] = {
    "customers": ("Customer", customer),
    "orders": ("Order", order),
    "products": ("Product", product),
}


def run(rows: int = 5_000) -> dict[str, Any]:
    """Applies ``rows`` records of each kind twice, and copies the rows that came of them."""
    with own_database() as engine:
        with transaction(engine) as connection:
            shop = add_shop(connection, Settings().clock.now())
        figures: dict[str, Any] = {}
        for name, (kind, make) in KINDS.items():
            nodes = [make(number) for number in range(1, rows + 1)]
            new, held = _applied(engine, shop, kind, nodes, LARGE)
            again, _ = _applied(engine, shop, kind, nodes, LARGE)
            copied = _copied(engine, TABLES[name])
            figures[name] = {
                "new_per_second": round(rows / new),
                "again_per_second": round(rows / again),
                "copy_of_the_rows_per_second": round(rows / copied),
                "share_of_copy": round(copied / new, 3),
                "lock_held_seconds": {str(LARGE): round(median(held), 3)},
            }
            say(f"applying {name}: {figures[name]}")
        # What a worker takes at once, on records that are new too.
        for name, (kind, make) in KINDS.items():
            nodes = [make(number) for number in range(rows + 1, rows + 1 + 4 * BATCH)]
            _, held = _applied(engine, shop, kind, nodes, BATCH)
            figures[name]["lock_held_seconds"][str(BATCH)] = round(max(held), 3)
    met = all(
        figures[name]["new_per_second"] >= AIMS[name]
        and figures[name]["again_per_second"] >= AIMS["again"]
        and figures[name]["lock_held_seconds"][str(BATCH)] < LOCKED_SECONDS
        for name in KINDS
    )
    return {**figures, "aim": {**AIMS, "lock_held_seconds": LOCKED_SECONDS}, "met": met}


def _applied(engine: Engine, shop: Shop, kind: str, nodes: Sequence[Node], size: int) -> tuple[float, list[float]]:
    """Seconds that it took altogether, and how long each batch held the shop's lock."""
    settings = Settings()
    held = []
    for start in range(0, len(nodes), size):
        batch = nodes[start : start + size]
        began = monotonic()
        with transaction(engine) as connection, scoped(connection, shop, settings.clock, settings, quiet=True) as scope:
            done: Applied = apply_batch(scope, kind, batch)
        held.append(monotonic() - began)
        if done.failed or len(done.created) + len(done.changed) + len(done.unchanged) != len(batch):
            raise RuntimeError(f"not applied: {list(done.failed.items())[:3]}")
    return sum(held), held


def _copied(engine: Engine, tables: Sequence[Table]) -> float:
    """Seconds that a COPY of what is in these tables takes, into tables with the same indexes."""
    took = 0.0
    for table in tables:
        with transaction(engine) as connection:
            raw = _cursor(connection)
            with raw.copy(f"COPY (SELECT * FROM {table.name}) TO STDOUT") as out:
                content = b"".join(bytes(block) for block in out)
            connection.execute(text(f"CREATE TEMP TABLE bare (LIKE {table.name} INCLUDING ALL)"))
            began = monotonic()
            with raw.copy("COPY bare FROM STDIN") as into:
                into.write(content)
            took += monotonic() - began
            connection.execute(text("DROP TABLE bare"))
    return took


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
