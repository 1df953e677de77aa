"""A day with lost deliveries and two hours without the app: after one reconciliation we agree with the store, nothing
has fired twice and nothing for history."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy import text

from tests.sync.reconcile.outage import HELLO, MESSAGE, REMIND, THANKS, Day

QUARTER = timedelta(minutes=15)


def test_after_one_reconciliation_we_agree_with_the_store_and_nothing_fires_twice(day: Day) -> None:
    day.populate(customers=60, orders=80, products=20, collections=4)
    day.shop.publish(THANKS, hello=MESSAGE.format(deadline=""))
    day.shop.publish(REMIND, hello=MESSAGE.format(deadline="deadline: 30m\n"))
    day.shop.publish(HELLO, hello=MESSAGE.format(deadline=""))
    day.backfill()
    assert day.differing() == {}
    day.store.post("faults", faults=[{"kind": "drop", "shop": day.shop.shop.domain, "probability": 0.2}])
    ordered: Counter[str] = Counter()
    created = set()
    for n in range(30):
        day.down = 14 <= n < 22
        email = f"new-{n % 20}@x.test"
        if n < 20:
            day.act("create_customer", email=email, accepts_marketing=True)
            created.add(email)
        day.act("create_order", email=email)
        ordered[email] += 1
        if n % 5 == 0:
            day.act("create_product", title=f"Mug {n}")
        day.pass_time(QUARTER)
    day.down = False
    for kind, number in (("orders", 3), ("products", 2), ("collections", 1)):
        day.store.post("delete", shop=day.shop.shop.domain, kind=kind, count=number)
    day.settle()
    before = day.differing()
    assert min(before[kind] for kind in ("customers", "orders", "products")) > 0, "control: they do disagree"

    report = day.reconcile()
    assert day.differing() == {} and report.whole
    told = report.findings["records"]
    assert all(one["repaired"] == one["missed"] + one["behind"] + one["gone"] for one in told.values())
    assert [told[kind]["gone"] for kind in ("orders", "products", "collections")] == [3, 2, 1]
    # What was due in the outage and has a deadline did not leave any more; what has none left late.
    said = report.findings["messages"]
    assert said["expired"] > 0 and said["delayed"] > 0 and said["late"] == 0
    assert any("orders were missed" in one and " expired, " in one for one in report.words("UTC"))
    sent = Counter(mail["to"] for mail in day.shop.mails() if mail["tags"][0] == "thanks")
    assert sent == ordered, "every order was thanked for once, and none of the past was"
    assert Counter(mail["to"] for mail in day.shop.mails() if mail["tags"][0] == "hello") == dict.fromkeys(created, 1)
    with day.shop.deps.engine.connect() as connection:
        late = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE props ->> 'found_by' = 'reconcile' AND NOT historical) AS said,"
                " count(*) FILTER (WHERE historical AND occurred_at >= :live) AS buried,"
                " count(*) FILTER (WHERE NOT historical AND occurred_at < :live) AS dug_up"
                " FROM events WHERE shop_id = :shop AND name = 'order_placed'"
            ),
            {"shop": day.shop.id, "live": day.shop.shop.live_since},
        ).one()
    assert late.said >= 8 and late.buried == late.dug_up == 0
