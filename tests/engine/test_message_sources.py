"""What messages show beside their run, from the store and the merchant's systems to the provider's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from connector.db.session import transaction
from connector.errors import Retry
from connector.models.mapping import profile_fields
from connector.models.person import persons
from connector.models.shown import shelves, store_looks
from connector.models.store import products
from connector.shopify.graphql import Store
from flows.engine.sources import looks
from tests.api.teller import teller_of
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import line
from tests.engine.shoppers import begin_checkout, buy, by_customer, hand_over, subscribe
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

ANN, BOB = "ann@example.com", "bob@example.com"
MUG, BOWL, LAMP, KETTLE = 101, 102, 103, 104

THANKS = """flow: thanks
name: Thanks
trigger: {on: order_placed, key: event.order_id}
hold_after_purchase: none
reentry: always
steps: [{wait: 1h}, {email: thanks}]
"""
EVERYTHING = """---
subject: 'About {{ order.name }}'
purpose: marketing
---
<p>Hello from {{ person.city | default: "somewhere" }}, {{ person.segments | join: "+" }}.</p>

{% render 'order_items' %}
{% render 'tracking' %}
{% render 'points' %}
{% render 'products', list: products.bestsellers, rows: 4, heading: "Most bought" %}
{% render 'products', list: products.similar, rows: 2, heading: "Goes with it" %}
{% render 'products', list: products.viewed, rows: 2, heading: "You looked at" %}
{% render 'products', list: products.bought, rows: 2, heading: "You have" %}
{% render 'products', list: products.new, rows: 1, heading: "Just in" %}
{% render 'reviews', list: reviews, rows: 2 %}
<p>Size {{ profile.size | default: "unknown" }}. Before: {{ person.last_order.name }}.</p>

{% render 'button', label: "The same again", url: order.reorder_url %}
{% if order.status_url %}
{% render 'button', label: "My order", url: order.status_url %}
{% endif %}
"""


def sell(shop: ConnectedShop, product_id: int, title: str, kind: str, days: int, price: str = "14.90") -> None:
    """A product of the shop, with one variant, in the shop since so many days."""
    since = (shop.installation.now - days * DAY).isoformat()
    variant = {"id": product_id * 10, "title": "Default Title", "price": price, "position": 1, "inventory_quantity": 9}
    body = {"id": product_id, "title": title, "handle": title.lower(), "status": "active", "product_type": kind}
    more = {"created_at": since, "published_at": since, "updated_at": since, "variants": [variant]}
    shop.deliver("products/create", {**body, **more})
    shop.installation.settle("intake")
    page = f"https://goods.example/products/{title.lower()}"
    shop.change(products, {"url": page, "image_url": f"{page}.jpg", "collection_ids": []}, id=product_id)


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    made = product.connect(flows=[], url="https://goods.example")
    sell(made, MUG, "Mug", "Kitchen", 30)
    sell(made, BOWL, "Bowl", "Kitchen", 9)
    sell(made, LAMP, "Lamp", "Home", 2)
    sell(made, KETTLE, "Kettle", "Kitchen", 5)
    return made


def listed(text: str, heading: str) -> list[str]:
    """The titles below a heading."""
    found = []
    for one in text.partition(f"{heading}\n")[2].splitlines():
        if one and not one.startswith(("- ", "  ")):
            break
        found += [one.removeprefix("- ").split(":")[0]] if one.startswith("- ") else []
    return found


@pytest.mark.row("S1-31", "S5-060", "S5-155", "S5-168", "S5-169")
@pytest.mark.row("S5-245", "S5-246", "S5-247", "S5-249", "S5-251")
def test_a_message_shows_what_it_names(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(THANKS, thanks=EVERYTHING)
    tiers = [{"name": "Silver", "points": 0}, {"name": "Gold", "points": 500}]
    shop.set(loyalty={"source": "api", "tiers": tiers}, segments={"fans": {"person.orders_count": {"gte": 1}}})
    subscribe(shop, ANN)
    buy(shop, BOB, 9001, line_items=[line("Bowl", product_id=BOWL)])
    three = [line("Bowl", product_id=BOWL), line("Kettle", product_id=KETTLE), line("Mug", product_id=MUG)]
    buy(shop, BOB, 9002, line_items=three)
    buy(shop, BOB, 9004, line_items=[line("Kettle", product_id=KETTLE), line("Bowl", product_id=BOWL)])
    product.settle()
    teller = teller_of(shop)
    teller.tell("product_viewed", {"email": ANN}, product_id=LAMP, title="Lamp", category="Home")
    teller.tell("loyalty", {"email": ANN}, points=240, tier="Silver")
    said = {"rating": 5, "text": "It never tips over.", "author": "Jo", "product_id": MUG}
    teller.tell("review_published", {"email": BOB}, review_id="r-1", **said)
    teller.tell("review_published", {"email": BOB}, review_id="r-2", **{**said, "rating": 2, "text": "Too small."})
    teller.tell("review_published", {"email": BOB}, review_id="r-3", **{**said, "text": "Taken back."})
    teller.tell("review_published", {"email": BOB}, review_id="r-3", **{**said, "state": "withdrawn"})
    product.settle()
    with transaction(product.deps.engine) as connection:
        ann = shop.one(persons, email=ANN)
        row = {"shop_id": shop.id, "person_id": ann.id, "source": "metafield:custom.size", "value": "M"}
        connection.execute(insert(profile_fields), row)
    status = "https://goods.example/orders/x/authenticate?key=y"
    items = [line("Mug", quantity=2, product_id=MUG), {**line("Bowl", product_id=BOWL), "current_quantity": 0}]
    buy(shop, ANN, 9003, line_items=items, order_status_url=status, total_price="29.80", **by_customer(1, ANN))
    parcel = {"id": 77, "order_id": 9003, "status": "success", "created_at": product.now.isoformat()}
    sent = {"tracking_company": "PostNord", "tracking_number": "42SE", "tracking_url": "https://track.example/42SE"}
    shop.deliver("fulfillments/create", {**parcel, **sent, "line_items": []})
    expected = {"id": 1, "fulfillment_id": 77, "order_id": 9003, "status": "in_transit"}
    shop.deliver("fulfillment_events/create", {**expected, "estimated_delivery_at": (START + 3 * DAY).isoformat()})
    product.play(2 * HOUR)
    (mail,) = shop.mails(ANN)
    text = mail["text"]
    assert mail["subject"] == "About #9003"
    assert "fans" in text and "- Mug x 2: €29.80" in text and "Size M. Before: #9003." in text
    assert "PostNord" in text and "42SE" in text and "Expected on November 5, 2026" in text
    assert "Your points: 240" in text and "Points still to go for Gold: 260" in text
    assert listed(text, "Most bought") == ["Bowl", "Mug", "Kettle"]
    # The same category's best sellers, without what the order is about.
    assert listed(text, "Goes with it") == ["Kettle"]
    assert (listed(text, "You looked at"), listed(text, "You have")) == (["Lamp"], ["Mug"])
    assert listed(text, "Just in") == ["Lamp"], "the newest of all"
    assert "It never tips over." in text and "Too small." not in text and "Taken back." not in text
    assert "https://goods.example/cart/1010:2" in text, "what was sent back is not ordered again"
    assert status in text and "https://shop.example/p/" in text


def test_nothing_is_read_that_no_message_names(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    query = Store.query
    monkeypatch.setattr(Store, "query", lambda store, name, *more: asked.append(name) or query(store, name, *more))
    plain = "---\nsubject: Thank you\npurpose: marketing\n---\n<p>Thank you, {{ person.email }}.</p>\n"
    shop.publish(THANKS, thanks=plain)
    subscribe(shop, ANN)
    buy(shop, ANN, **by_customer(1, ANN))
    product.play(2 * HOUR)
    assert len(shop.mails(ANN)) == 1
    assert shop.rows(shelves) == [] and "goods_now" not in asked
    # The control: one that shows products has them drawn and asked for.
    shop.publish(THANKS, thanks=plain + "\n{% render 'products', list: products.bestsellers %}\n")
    buy(shop, ANN, 9005, line_items=[line("Mug", product_id=MUG)], **by_customer(1, ANN))
    product.play(2 * HOUR)
    assert len(shop.mails(ANN)) == 2
    assert shop.one(shelves).bestsellers == {"": [MUG], "Kitchen": [MUG]} and "goods_now" in asked


CART = """flow: cart
name: Cart
trigger: {on: checkout_abandoned, after: 1h, key: event.checkout_token}
cap: own
exit: [order_placed]
steps: [{email: reminder}]
"""
REMINDER = """---
subject: Your cart
purpose: marketing
deadline: 4h
---
{% render 'cart_items' %}
{% render 'button', label: "Back", url: checkout.recovery_url %}
"""


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


Act = Callable[[int], Any]


def left_behind(product: Installation, store: StoreProcess, webhooks: Receiver, then: Act) -> tuple[ConnectedShop, str]:
    """Two of a product at 20.00 are left in a cart; ``then`` happens before the store is heard of again. The text of
    the message that follows."""
    shop = product.connect(flows=[])
    shop.publish(CART, reminder=REMINDER)
    product.at(START - HOUR)
    goods = store.act("create_product", title="Tray", price="20.00", stock=5)["product_id"]
    begun = store.act("start_checkout", items=[{"product": goods, "quantity": 2}], email=ANN)
    product.at(START)
    store.act("update_checkout", checkout=begun["checkout_token"], accepts_marketing=True)
    hand_over(shop, webhooks.received)
    product.settle()
    # What the store does from here on nobody is told.
    store.post("unsubscribe")
    then(goods)
    product.play(3 * HOUR)
    (mail,) = shop.mails(ANN)
    return shop, mail["text"]


def test_prices_and_stock_are_read_again_before_a_message_shows_them(
    product: Installation, store: StoreProcess, webhooks: Receiver
) -> None:
    def dearer_and_gone(goods: int) -> None:
        store.act("change_product", product=goods, price="24.00")
        store.act("set_stock", product=goods, available=0)

    shop, text = left_behind(product, store, webhooks, dearer_and_gone)
    assert "- Tray x 2: €48.00 (Sold out at the moment)" in text
    assert "Prices have changed" in text and "€40.00" not in text and "as of" not in text
    kept = {row.kind: (row.price, row.available) for row in shop.rows(store_looks)}
    assert kept["product"][1] is False and str(kept["variant"][0]) == "24.00"


def test_a_store_that_does_not_answer_loses_no_message(
    product: Installation, store: StoreProcess, webhooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above, too: without the store's word the cart says what it said, and since when."""
    query = Store.query

    def deaf(asked: Store, name: str, *more: Any) -> Any:
        if name == "goods_now":
            raise Retry("shopify", "no answer")
        return query(asked, name, *more)

    monkeypatch.setattr(Store, "query", deaf)
    _, text = left_behind(
        product, store, webhooks, lambda goods: store.act("change_product", product=goods, price="9.00")
    )
    assert "- Tray x 2: €40.00" in text and "Total: €40.00" in text
    assert "Prices and availability as of November 2, 2026." in text


def test_what_was_asked_a_moment_ago_is_not_asked_again(
    product: Installation, store: StoreProcess, webhooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    take = looks.take
    monkeypatch.setattr(looks, "take", lambda deps, shop, wanted: asked.append(len(wanted)) or take(deps, shop, wanted))
    shop, text = left_behind(product, store, webhooks, lambda goods: None)
    assert "- Tray x 2: €40.00" in text and "Total: €40.00" in text and "as of" not in text
    assert asked == [2]
    goods = shop.rows(products)[-1].id
    variant = shop.rows(store_looks, kind="variant")[0].id
    begin_checkout(shop, BOB, "b", items=[{**line("Tray", "20.00", product_id=goods), "variant_id": variant}])
    product.play(HOUR + timedelta(minutes=2))
    begin_checkout(
        shop, "cid@example.com", "c", items=[{**line("Tray", "20.00", product_id=goods), "variant_id": variant}]
    )
    product.play(HOUR + timedelta(minutes=2))
    assert len(shop.mails()) == 3 and asked == [2, 2, 2]


BY_THE_DAY = """flow: by-the-day
name: By the day
trigger: {on: order_placed, key: event.order_id}
hold_after_purchase: none
reentry: always
steps:
  - wait: 1h
  - when: {now.weekday: {in: [saturday, sunday]}}
    then: [{email: weekend}]
    else: [{email: thanks}]
"""


@pytest.mark.row("S5-171", "S5-209", "S5-210")
def test_everybody_gets_their_variant(product: Installation, shop: ConnectedShop) -> None:
    head = "---\nsubject: {}\npurpose: marketing\n---\n"
    shelf = "{% render 'products', list: products.similar, rows: 1, heading: \"For you\" %}\n"
    messages = {
        "thanks": head.format("Thank you") + f"<p>Hello.</p>\n{shelf}",
        "thanks.de": head.format("Danke") + "<p>Hallo.</p>\n",
        "weekend": head.format("On a weekend") + "<p>Hello.</p>\n",
        "weekend.fans": head.format("Thank you, again") + "<p>Hello again.</p>\n",
    }
    shop.set(segments={"fans": {"person.orders_count": {"gte": 2}}})
    shop.publish(BY_THE_DAY, **messages)
    teller = teller_of(shop)
    for number, (email, locale) in enumerate(((ANN, "en"), (BOB, "de-AT"), ("cid@example.com", "fr")), start=1):
        subscribe(shop, email, number)
        product.settle("intake")
        shop.change(persons, {"locale": locale}, email=email)
        teller.tell("product_viewed", {"email": email}, product_id=LAMP, title="Lamp", category="Home")
    product.settle()
    buy(shop, BOB, 8000, line_items=[line("Lamp", product_id=LAMP), line("Mug", product_id=MUG)], **by_customer(2, BOB))
    buy(shop, ANN, 8001, line_items=[], **by_customer(1, ANN))
    buy(shop, "cid@example.com", 8002, line_items=[], **by_customer(3, "cid@example.com"))
    product.play(2 * HOUR)
    shop.change(persons, {"orders_count": 2}, email="cid@example.com")
    # A Saturday.
    product.play_to(START + 5 * DAY)
    buy(shop, "cid@example.com", 8003, line_items=[], **by_customer(3, "cid@example.com"))
    product.play(2 * HOUR)
    said = {(mail["to"], mail["subject"], mail["tags"][1]) for mail in shop.mails()}
    assert said == {
        (ANN, "Thank you", "thanks"),
        (BOB, "Danke", "thanks.de"),
        ("cid@example.com", "Thank you", "thanks"),
        ("cid@example.com", "Thank you, again", "weekend.fans"),
    }
    (german,) = shop.mails(BOB)
    assert "Abmelden" in german["text"] and 'lang="de"' in german["html"]
    # What the order tells of no category, the one that they looked at does.
    (ours,) = shop.mails(ANN)
    assert listed(ours["text"], "For you") == ["Lamp"]


LOOKED = """flow: looked
name: Looked
trigger: {on: product_viewed}
hold_after_purchase: none
steps: [{wait: 1h}, {email: look}]
"""
LOOK = """---
subject: "{{ product.title }}"
purpose: marketing
---
<p>{{ product.description | default: "Nobody has described it." }}</p>

{% render 'product', product: product %}
{% render 'button', label: "Buy it", url: product.buy_url %}
"""


@pytest.mark.row("S5-250")
def test_a_product_is_shown_as_the_store_describes_it(
    product: Installation, store: StoreProcess, webhooks: Receiver
) -> None:
    shop = product.connect(flows=[])
    shop.publish(LOOKED, look=LOOK)
    goods = store.act("create_product", title="Walnut tray", price="20.00", stock=5)["product_id"]
    hand_over(shop, webhooks.received)
    subscribe(shop, ANN)
    product.settle()
    teller_of(shop).tell(
        "product_viewed", {"email": ANN}, product_id=goods, title="Tray", price="19.00", currency="EUR"
    )
    product.play(2 * HOUR)
    (mail,) = shop.mails(ANN)
    variant = shop.one(store_looks, kind="variant").id
    assert mail["subject"] == "Walnut tray" and "Walnut tray: €20.00" in mail["text"]
    assert f"goods-{goods}.svg" in mail["html"] and f"/cart/{variant}:1" in mail["text"]
    assert mail["text"].startswith("Walnut tray\n") and "Nobody has described it." not in mail["text"]
