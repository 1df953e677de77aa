"""Tasks, emails to staff, other systems and events of one's own: done once whatever happens on the way, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from connector.cli.task import task as command
from connector.cli.webhook import webhook
from connector.db.session import transaction
from connector.models.event import events
from connector.models.flow import runs, trail
from connector.models.outbox import attempts, outbox
from connector.models.outgoing import webhook_deliveries, webhook_endpoints
from connector.models.person import persons
from connector.models.staff import audit_log, staff, staff_shops
from connector.models.sync import feed
from connector.models.task import tasks
from flows.actions import ACTIONS
from flows.actions.notify import NOTIFY
from flows.engine import acting
from flows.engine.tasks import listed
from sync.merging.merge import Merge
from sync.merging.rules import RULES
from tests.engine.discounts import Death
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation, installation
from tests.engine.payloads import reported
from tests.engine.shoppers import subscribe
from tests.sandbox.provider_process import Provider
from tests.sync.outgoing.receiver import Receiver, receiving

ANN, BOB, SALES, LEAD = "ann@example.com", "bob@example.com", "sales@shop.example", "lead@shop.example"
ALL = """
flow: leads
name: Leads
trigger: {on: newsletter_subscribed}
steps:
  - task: {title: "Call {{ person.email }}", details: "Of {{ person.city }}", assignee: Sales@shop.example, due: 2d}
  - notify: {subject: "A lead: {{ person.email }}", text: "Call {{ person.first_name }} <soon>"}
  - webhook: {endpoint: crm, data: {email: person.email, source: event.source, stage: new}}
  - event: {name: lead_told, properties: {email: person.email, orders: person.orders_count}}
"""


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path, provider: Provider) -> Iterator[Installation]:
    """Without a store, which has nothing to do with any of this."""
    with installation(database_url, redis_url, tmp_path, provider, merchant_url_loopback=True) as made:
        made.clock.hold()
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[], notify=[SALES])


def settle(product: Installation) -> None:
    product.settle("intake", "flows", "deliver", "outgoing")


def join(product: Installation, shop: ConnectedShop, email: str = ANN, number: int = 1) -> None:
    subscribe(shop, email, number, first_name="Ann")
    settle(product)


def endpoint(shop: ConnectedShop, merchant: Receiver, *more: str) -> None:
    done = CliRunner().invoke(
        webhook, ["add", shop.shop.domain, merchant.url, "--name", "crm", *more], obj=shop.deps.settings
    )
    assert done.exit_code == 0, done.output
    shop.set()


def say(shop: ConnectedShop, *words: object) -> str:
    done = CliRunner().invoke(command, [*map(str, words), "--shop", shop.shop.domain], obj=shop.deps.settings)
    return done.output


def colleague(shop: ConnectedShop, email: str, *, every_shop: bool = False, here: bool = True) -> None:
    with transaction(shop.deps.engine) as connection:
        row = {
            "email": email,
            "role": "support",
            "password_hash": "",
            "every_shop": every_shop,
            "created_at": shop.installation.now,
        }
        made = connection.execute(insert(staff).values(row).returning(staff.c.id)).scalar_one()
        if here:
            connection.execute(insert(staff_shops).values(shop_id=shop.id, staff_id=made))


def codes(shop: ConnectedShop) -> list[str]:
    return [line.code for line in shop.rows(trail)]


def once(shop: ConnectedShop, merchant: Receiver) -> None:
    """Each of them was done, and once."""
    assert [row.title for row in shop.rows(tasks)] == [f"Call {ANN}"]
    assert [mail["subject"] for mail in shop.mails()] == [f"A lead: {ANN}"]
    assert [told.body["type"] for told in merchant.told] == ["flow_webhook"]
    assert [row.name for row in shop.rows(events) if row.name.startswith("custom:")] == ["custom:lead_told"]
    assert [row.outcome for row in shop.rows(runs)] == ["completed"]


@pytest.mark.row("S2-21")
@pytest.mark.row("S2-22")
@pytest.mark.row("S5-066")
def test_staff_get_a_task_and_an_email_another_system_is_told_and_flows_hear_it(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.publish(ALL)
    shop.set(event_mapping={"custom:lead_told": {"as": "lead_told", "properties": ["properties"]}})
    with receiving() as merchant:
        endpoint(shop, merchant)
        join(product, shop)
        once(shop, merchant)
        (told,) = merchant.told
    row, whose = shop.one(tasks), shop.one(persons)
    assert (row.person_id, row.assignee, row.details) == (whose.id, SALES, "Of (not known)")
    assert (row.made_at, row.due_at, row.state) == (product.now, product.now + 2 * DAY, "open")
    (mail,) = shop.mails()
    assert (mail["to"], mail["custom"]) == (SALES, None) and "Call Ann &lt;soon&gt;" in mail["html"]
    data, began = told.body["data"], shop.one(events, name="newsletter_subscribed")
    assert data["properties"] == {
        "endpoint": "crm", "flow": "leads", "step": "webhook-crm",
        "data": {"email": ANN, "source": began.props["source"], "stage": "new"},
    }  # fmt: skip
    heard = shop.one(events, name="custom:lead_told")
    assert heard.props["properties"] == {"email": ANN, "orders": 0} and heard.person_id == whose.id
    assert [one.body["event_properties"]["properties"]["email"] for one in shop.rows(feed, name="lead_told")] == [ANN]
    assert {"task_given", "staff_notified", "endpoint_told", "event_told"} <= set(codes(shop))


_LATER = [pytest.param(one, marks=pytest.mark.long) for one in ("act.claimed", "act.recorded")]


@pytest.mark.parametrize("point", ["act.leased", "act.answered", *_LATER])
def test_deaths_at_any_point_do_nothing_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    shop.publish(ALL)
    with receiving() as merchant:
        endpoint(shop, merchant)
        deaths = dying_at(point, monkeypatch)
        subscribe(shop, ANN)
        recover(product)
        assert len(deaths) == 3, "once in each of the three"
        once(shop, merchant)


def test_control_who_does_not_look_first_tells_staff_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(scope: Any, task: Any) -> Any:
        return {**NOTIFY.prepare(scope, task), "doubted": False}

    monkeypatch.setitem(ACTIONS, "notify", replace(NOTIFY, prepare=careless))  # type: ignore[arg-type]
    shop.account.settings(honour_idempotency=False)
    shop.publish(ALL.replace("  - task:", "  #").partition("  - webhook")[0])
    dying_at("act.answered", monkeypatch)
    subscribe(shop, ANN)
    recover(product)
    assert len(shop.mails()) == 2


def dying_at(point: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each action dies there the first time that it comes there."""
    died: list[int] = []
    claimed: list[int] = []
    real = acting._Judge.claim

    def claim(judge: Any, row: Any) -> Any:
        claimed.append(row["id"])
        return real(judge, row)

    def reach(name: str) -> None:
        if name == point and claimed[-1] not in died:
            died.append(claimed[-1])
            raise Death(name)

    monkeypatch.setattr(acting._Judge, "claim", claim)
    monkeypatch.setattr(acting, "reach", reach)
    return died


def recover(product: Installation) -> None:
    for _ in range(6):
        try:
            settle(product)
        except Death:
            pass
        product.skip(600)


@pytest.mark.parametrize("kind", ["accept_then_cut", "cut"])
def test_an_email_to_staff_whose_answer_nobody_read_is_looked_for_and_not_sent_again(
    product: Installation, shop: ConnectedShop, kind: str
) -> None:
    shop.account.settings(honour_idempotency=False)
    shop.account.fault(kind, path="/smtp/email", count=1)
    shop.publish(ALL.partition("  - webhook")[0])
    join(product, shop)
    assert len(shop.mails()) == (kind == "accept_then_cut")
    product.skip(50)
    settle(product)
    assert [row.result for row in shop.rows(attempts)] == ["accepted", "retry"], "the log has time to show it"
    product.skip(15)
    settle(product)
    assert len(shop.mails()) == 1 and codes(shop).count("staff_notified") == 1


def test_what_becomes_of_an_email_to_staff_is_nobodys_message(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(ALL.partition("  - webhook")[0])
    join(product, shop)
    (mail,) = shop.mails()
    about = {"message-id": mail["message_id"], "tags": mail["tags"]}
    for word in ("delivered", "opened", "unsubscribed"):
        shop.deliver("transactional", reported(word, SALES, product.now, **about), source="brevo")
    settle(product)
    heard = ("message_de", "message_o", "unsub")
    assert [row.name for row in shop.rows(events) if row.name.startswith(heard)] == []
    assert [(row.opened_at, row.delivered_at) for row in shop.rows(outbox, channel="notify")] == [(None, None)]
    told = reported("delivered", SALES, product.now, **{**about, "tags": ["leads"]})
    shop.deliver("transactional", told, source="brevo")
    settle(product)
    assert any(row.name.startswith(heard) for row in shop.rows(events)), "the control: without its tag it counts"


def test_nobody_but_staff_is_told_of_a_customer(product: Installation, shop: ConnectedShop) -> None:
    stranger, elsewhere, boss = "someone@else.example", "other@shop.example", "boss@shop.example"
    colleague(shop, LEAD)
    colleague(shop, elsewhere, here=False)
    colleague(shop, boss, every_shop=True, here=False)
    to = f"{{to: [{stranger}, {LEAD.upper()}, {elsewhere}, {boss}], subject: A lead, text: Call}}"
    shop.publish(
        ALL.partition("  - task")[0]
        + f"  - notify: {to}\n  - notify: {{to: [{stranger}], subject: A lead, text: Call}}\n"
        + "".join(f"  - task: {{title: Call, assignee: {who}}}\n" for who in (stranger, elsewhere, LEAD))
    )
    join(product, shop)
    assert sorted(mail["to"] for mail in shop.mails()) == [boss, LEAD]
    assert [row.assignee for row in shop.rows(tasks)] == [None, None, LEAD], "no task is lost for it"
    assert [line.detail for line in shop.rows(trail, code="notify_skipped")] == [{"reason": "not_staff"}]
    shop.set(notify=[])
    shop.publish(ALL.partition("  - task")[0].replace("leads", "more") + "  - notify: {subject: A lead, text: Call}\n")
    join(product, shop, BOB, 2)
    assert [line.detail for line in shop.rows(trail, code="notify_skipped", flow="more")] == [
        {"reason": "nobody_to_notify"}
    ]


def test_an_endpoint_that_is_not_there_or_is_off_is_told_nothing(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(ALL)
    join(product, shop)
    with receiving() as merchant:
        # Also told of every such event, it is told once.
        endpoint(shop, merchant, "--event", "flow_webhook", "--include-person")
        join(product, shop, BOB, 2)
        (told,) = merchant.told
        assert told.body["data"]["person"]["email"] == BOB
        shop.change(webhook_endpoints, {"state": "disabled", "reason": "by_staff"})
        shop.set()
        join(product, shop, "cee@example.com", 3)
        assert len(merchant.told) == len(shop.rows(webhook_deliveries)) == 1
    assert [line.detail["reason"] for line in shop.rows(trail, code="webhook_skipped")] == [
        "no_endpoint",
        "endpoint_off",
    ]
    assert {row.outcome for row in shop.rows(runs)} == {"completed"}, "the flow goes on"


def test_endpoints_have_names_of_their_own(shop: ConnectedShop) -> None:
    def run(*words: object) -> str:
        return CliRunner().invoke(webhook, [*map(str, words)], obj=shop.deps.settings).output

    with receiving() as merchant:
        domain = shop.shop.domain
        assert "or what flows call it" in run("add", domain, merchant.url)
        endpoint(shop, merchant)
        assert "is called crm already" in run("add", domain, merchant.url, "--name", "crm")
        run("add", domain, merchant.url, "--event", "order_placed")
        second = max(row.id for row in shop.rows(webhook_endpoints))
        assert "a name has small letters" in run("name", domain, second, "The ERP")
        assert "is called crm already" in run("name", domain, second, "crm")
        assert "webhook: {endpoint: erp}" in run("name", domain, second, "erp")
        shown = run("list", domain)
        assert "(crm)" in shown and "told of what flows tell it" in shown and f"{second} (erp)" in shown


WAITING = """
flow: calls
name: Calls
trigger: {on: newsletter_subscribed}
steps:
  - task: {title: Call, due: 1d}
  - wait: {for: task_done, at_most: 3d, where: {event.flow: calls, event.outcome: done}}
    then: [{event: {name: called}}]
    else: [{event: {name: never_called}}]
"""


def test_staff_close_tasks_and_the_flow_hears_of_it(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(WAITING)
    join(product, shop)
    join(product, shop, BOB, 2)
    first, second = (row.id for row in shop.rows(tasks))
    shown = say(shop, "list")
    assert (
        f"{first}: Call" in shown and f"about {ANN}" in shown and "for everybody, due " in shown and "late" not in shown
    )
    assert "is not on the staff" in say(shop, "assign", first, "someone@else.example")
    assert f"for {SALES}" in say(shop, "assign", first, SALES.upper())
    assert say(shop, "assign", second, SALES) and "for everybody" in say(shop, "assign", second)
    assert f"{second}: Call" in say(shop, "list", "--for", LEAD) and f"{first}: Call" not in say(
        shop, "list", "--for", LEAD
    )
    assert "is done." in say(shop, "done", first) and "is done already" in say(shop, "done", first)
    assert "is dropped." in say(shop, "done", second, "--dropped") and "is dropped already" in say(
        shop, "assign", second, SALES
    )
    assert "no task 99" in say(shop, "done", 99) and "nothing to do" in say(shop, "list")
    assert "by cli" in say(shop, "list", "--all")
    settle(product)
    assert [row.name for row in shop.rows(events) if row.name.startswith("custom:")] == ["custom:called"]
    for _ in range(4):
        product.at(product.now + DAY)
        settle(product)
    names = [row.name for row in shop.rows(events) if row.name.startswith("custom:")]
    assert sorted(names) == ["custom:called", "custom:never_called"], "what was dropped is not done"
    acts = [line.act for line in shop.rows(audit_log) if line.object_kind == "task"]
    assert acts == ["task.assign", "task.assign", "task.assign", "task.done", "task.dropped"]


def test_a_task_whose_time_is_over_is_late_and_follows_its_person(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(WAITING)
    join(product, shop)
    join(product, shop, BOB, 2)
    kept, gone = (row.id for row in shop.rows(persons))
    with shop.scope() as scope:
        assert RULES["tasks"](Merge(scope, kept, gone)) == 1
    assert {row.person_id for row in shop.rows(tasks)} == {kept}
    product.at(product.now + DAY)
    with shop.scope() as scope:
        assert [one.late for one in listed(scope.connection, shop.id, scope.now)] == [True, True]
        assert [one.late for one in listed(scope.connection, shop.id, scope.now - HOUR)] == [False, False]


ECHO = """
flow: {flow}
name: Echo
trigger: {{on: "custom:{hears}"}}
reentry: always
steps:
  - wait: 1h
  - event: {{name: {tells}}}
"""


def test_flows_that_answer_one_another_come_to_an_end(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(ALL.partition("  - task")[0] + "  - event: {name: ping}\n")
    shop.publish(ECHO.format(flow="ping", hears="ping", tells="pong"))
    shop.publish(ECHO.format(flow="pong", hears="pong", tells="ping"))
    join(product, shop)
    for _ in range(8):
        product.at(product.now + HOUR)
        settle(product)
    told = [row.name for row in shop.rows(events) if row.name.startswith("custom:")]
    assert sorted(told) == ["custom:ping", "custom:ping", "custom:pong"]
    assert [(line.flow, line.code) for line in shop.rows(trail, code="moved_in_circles")] == [
        ("ping", "moved_in_circles")
    ]


def test_a_push_message_is_skipped_and_the_next_email_leaves(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(
        ALL.partition("  - task")[0] + "  - push: hey\n  - email: hello\n",
        hey="---\nchannel: push\npurpose: marketing\ntitle: Hello\nurl: https://shop.example/\n---\nHello\n",
        hello="---\nsubject: Hello\npurpose: marketing\n---\n<p>Hello</p>\n",
    )
    join(product, shop)
    assert shop.reasons() == [("hey", "skipped", "channel_unavailable"), ("hello", "sent", None)]
    assert [mail["to"] for mail in shop.mails()] == [ANN]
