"""What is looked at beside records: subscriptions, runs that nothing would wake, and a sample of both sides."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, update

from connector.cli.reconcile import reconcile as command
from connector.install import resubscribing
from connector.models.event import pending_events
from connector.models.flow import runs, timers
from connector.models.outbox import outbox
from connector.models.person import persons
from connector.shopify.subscriptions import standing
from flows.engine import stuck
from sync.reconcile import sample
from tests.sync.reconcile.outage import MESSAGE, Day

PATIENT = (
    "flow: patient\nname: patient\ntrigger: {on: order_placed}\nreentry: always\n"
    "steps: [{email: hello}, {wait: 1d}, {email: hello}]\n"
)


def test_subscriptions_that_the_store_deleted_are_made_again(day: Day) -> None:
    assert resubscribing.renew(day.shop.deps, day.shop.shop) == []
    day.store.post("unsubscribe", shop=day.shop.shop.domain, topics=["orders/create", "customers/update"])
    (said,) = resubscribing.renew(day.shop.deps, day.shop.shop)
    assert "customers/update, orders/create" in said
    there = {one.topic for one in standing(day.shop.deps.store(day.shop.shop))}
    assert {"ORDERS_CREATE", "CUSTOMERS_UPDATE"} <= there


def test_a_run_whose_clock_is_gone_goes_on(day: Day) -> None:
    day.shop.publish(PATIENT, hello=MESSAGE.format(deadline=""))
    day.act("create_order", email="patient@x.test")
    day.settle()
    assert stuck.mend(day.shop.deps, day.shop.shop) == [], "a run that waits for its clock waits for something"
    before = day.shop.one(timers)
    with day.shop.scope() as scope:
        scope.connection.execute(delete(timers).where(timers.c.shop_id == day.shop.id))
    assert stuck.mend(day.shop.deps, day.shop.shop) == ["1 run waited for nothing and goes on."]
    assert day.shop.one(timers) == before
    day.shop.installation.play_to(before.due_at)
    assert len(day.shop.mails("patient@x.test")) == 2 and day.shop.one(runs).state == "done"


def test_a_run_that_did_not_hear_of_its_message_hears_of_it(day: Day) -> None:
    day.shop.publish(PATIENT, hello=MESSAGE.format(deadline=""))
    day.act("create_order", email="deaf@x.test")
    day.shop.installation.settle("intake", "fetch", "flows", "deliver")
    # As if the word on the first message had been lost.
    run = day.shop.one(runs)
    effect = str(run.id)
    with day.shop.scope() as scope:
        scope.connection.execute(delete(timers).where(timers.c.shop_id == day.shop.id))
        first = dict(run.position)
        key = str(scope.connection.scalar(select(outbox.c.key).where(outbox.c.shop_id == day.shop.id)))
        first |= {"at": key.split(":")[1], "waiting": {"token": effect, "wakes_on": [["effect", key]], "due_at": None}}
        scope.connection.execute(update(runs).where(runs.c.shop_id == day.shop.id).values(position=first))
    assert stuck.mend(day.shop.deps, day.shop.shop) == ["1 run waited for nothing and goes on."]
    assert len(day.shop.rows(pending_events)) == 1
    day.settle()
    assert day.shop.one(timers).kind == "run", "it waits for its clock again"


def test_a_sample_finds_what_differs_on_either_side_and_repairs_it(day: Day) -> None:
    day.act("create_customer", email="drift@x.test", first_name="Ann", accepts_marketing=True)
    day.shop.installation.settle("intake", "fetch", "flows", "sync")
    deps, shop = day.shop.deps, day.shop.shop
    assert sample.compare(deps, shop) == []
    day.shop.change(persons, {"first_name": "Bob"}, email="drift@x.test")
    (said,) = sample.compare(deps, shop)
    assert said.startswith("Of 1 contact that were compared, 1 differed from the store and 0 at Brevo (first_name")
    day.shop.installation.settle("fetch", "sync", "imports", "reruns")
    assert day.shop.one(persons, email="drift@x.test").first_name == "Ann"


def test_the_command_says_the_newest_report(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day.down = True
    day.act("create_order", email="cli@x.test")
    day.down = False
    report = day.reconcile()
    monkeypatch.setattr("connector.cli.connected.Deps.build", lambda *a, **k: day.shop.deps)
    monkeypatch.setattr("connector.deps.Deps.close", lambda self: None)
    last = ["--shop", day.shop.shop.domain, "--last"]
    told = CliRunner().invoke(command, [*last, "--json"], obj=day.shop.deps.settings)
    assert told.exit_code == 0 and json.loads(told.output)["id"] == report.id
    assert json.loads(told.output)["records"]["orders"]["missed"] == 1
    said = CliRunner().invoke(command, last, obj=day.shop.deps.settings)
    assert "1 order was missed, 1 repaired" in said.output
