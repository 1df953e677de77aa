"""A bundle holds every field of one person, and nothing of another customer or shop."""

from __future__ import annotations

import csv
import io

import orjson
from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.session import transaction
from connector.models.person import persons
from sync.privacy import bundle
from sync.privacy.bundle import Bundle
from sync.privacy.field_map import FIELD_MAP
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import order
from tests.privacy.crowd import Soul, Store, hits, sign_up
from tests.privacy.test_canaries import WORDS, live

ANN, BEN, CLEO = Soul(1), Soul(2), Soul(3)


def made(shop: ConnectedShop, soul: Soul) -> Bundle:
    person_id = shop.one(persons, email=soul.email).id
    with transaction(shop.deps.engine) as connection:
        return bundle.export(connection, shop.shop, person_id)


def test_everything_of_one_and_nothing_of_another(product: Installation, store: Store) -> None:
    shop = live(product, store, [ANN, BEN])
    other = product.connect("other.myshopify.com", flows=[])
    # The same customer id and address in another shop, with a mark of its own.
    theirs = {"billing_address": CLEO.address(), "customer": {**CLEO.embedded(), "email": ANN.email}}
    other.deliver("orders/create", order(CLEO.order_id, ANN.email, product.now, **theirs))
    # An order of Ann's that names Ben's address, and one of Ben's that names Ann's.
    named = {"customer": ANN.embedded(), "billing_address": {**ANN.address(), "phone": BEN.phone}}
    shop.deliver("orders/create", order(ANN.order_id + 5, BEN.email, product.now, **named))
    shop.deliver("orders/create", order(BEN.order_id + 5, ANN.email, product.now, customer=BEN.embedded()))
    product.settle("intake")
    mine = made(shop, ANN)
    said = orjson.dumps(mine).decode()
    assert hits(said, BEN, CLEO) == {}
    assert "[somebody else]" in said
    assert missing(mine) == []
    assert {one["topic"] for one in mine["deliveries"]} >= {
        "customers/create", "customers_email_marketing_consent/update", "checkouts/create", "orders/create",
        "orders/updated", "draft_orders/create", "transactional",
    }  # fmt: skip
    assert any("unreadable" in one for one in mine["deliveries"])
    # The control: what somebody else's bundle holds is seen by the same search.
    assert hits(orjson.dumps(made(shop, BEN)).decode(), BEN) != {}


def missing(mine: Bundle) -> list[str]:
    """Personal columns that the bundle does not show with the person's mark."""
    found = []
    for one in FIELD_MAP:
        shown = mine["deliveries"] if one.name == "inbox" else mine["tables"].get(one.name, [])
        for name in one.personal:
            if f"{one.name}.{name}" in WORDS or not isinstance(one.table.c[name].type, Text | JSONB | LargeBinary):
                continue
            values = shown if one.name == "inbox" else [row.get(name) for row in shown]
            if not ANN.hits(orjson.dumps(values).decode()):
                found.append(f"{one.name}.{name}")
    return found


def test_files_are_json_and_a_csv_for_each_table(product: Installation, store: Store) -> None:
    shop = product.connect(flows=[])
    store.nodes = {f"gid://shopify/Customer/{ANN.customer_id}": ANN.node(firstName="=cmd|' /C calc'!A0")}
    sign_up(shop, ANN)
    product.settle()
    files = bundle.files(made(shop, ANN))
    assert orjson.loads(files["bundle.json"])["tables"]["persons"][0]["email"] == ANN.email
    (row,) = csv.DictReader(io.StringIO(files["persons.csv"].decode()))
    # A spreadsheet takes it for text.
    assert (row["email"], row["first_name"][:2]) == (ANN.email, "'=")
