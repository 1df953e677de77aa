"""People who were there before get their clocks by an act of staff: by their own day or by a daily ration, once, and
like any other clock from then on. Counted at the provider.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from uuid import uuid5

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from connector.cli import sync as command
from connector.db.session import autocommitted, transaction
from connector.errors import InvalidInput
from connector.models.arming import armings
from connector.models.event import events
from connector.models.flow import timers
from connector.models.person import consents, identities, person_work, persons
from connector.models.staff import audit_log
from flows.engine import arming
from flows.engine.arming import Choice, Preview, previewing, rations, slices
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import begin_checkout, buy, subscribe
from tests.sync.world import SPACE

WIN_BACK = """
flow: win-back
name: Win-back
trigger: {on: lapsed, after: 60d}
reentry: always
steps: [{email: hello}]
"""
YEARS = """
flow: years
name: Years
trigger: {on: first_order_anniversary}
reentry: always
steps: [{email: hello}]
"""
HELLO = "---\nsubject: Hello again\npurpose: marketing\n---\n<p>Hello again</p>\n"
LONG_AGO, LATELY = 40, 5


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    shop = product.connect(flows=["cart-recovery"], marketing_cap={"count": 100, "days": 1})
    shop.publish(WIN_BACK, hello=HELLO)
    return shop


def customers(shop: ConnectedShop, ages: dict[str, timedelta]) -> dict[str, int]:
    """People of the past who agreed to newsletters, by address, with the age of their last and only order."""
    ids = {}
    with transaction(shop.deps.engine) as connection:
        for email, age in ages.items():
            at = shop.installation.now - age
            row = {
                "shop_id": shop.id, "seed": uuid5(SPACE, email), "email": email, "tags": [], "orders_count": 1,
                "total_spent": 10, "first_order_at": at, "last_order_at": at, "version": 1, "created_at": START,
            }  # fmt: skip
            ids[email] = person = connection.execute(insert(persons).values(row).returning(persons.c.id)).scalar_one()
            mine = {"shop_id": shop.id, "person_id": person}
            connection.execute(insert(person_work).values(**mine, pending=False, since_real=START))
            connection.execute(insert(identities).values(**mine, kind="email", value=email, since=at))
            agreed = {"state": "subscribed", "source": "test", "evidence_at": at, "purpose": "newsletter"}
            connection.execute(insert(consents).values(**mine, channel="email", **agreed))
    return ids


def crowd(shop: ConnectedShop) -> dict[str, int]:
    """Some whose moment has passed long ago, and some whose moment comes in the next days."""
    late = {f"late-{n}@x.test": (100 + n) * DAY for n in range(LONG_AGO)}
    return customers(shop, late | {f"soon-{n}@x.test": (60 - n) * DAY - HOUR for n in range(1, LATELY + 1)})


def previewed(shop: ConnectedShop, choice: Choice, most: int | None = None) -> Preview:
    with autocommitted(shop.deps.engine) as connection:
        return arming.preview(connection, shop.shop, choice, shop.installation.now, most=most)


def arm(shop: ConnectedShop, choice: Choice) -> int:
    with shop.scope() as scope:
        number = arming.start(scope, choice, by="cli")
    shop.installation.settle("arming")
    return number


def act(shop: ConnectedShop, number: int) -> arming.Arming:
    with autocommitted(shop.deps.engine) as connection:
        return arming.progress(connection, shop.id, number)


def mailed(shop: ConnectedShop) -> Counter[str]:
    return Counter(mail["to"] for mail in shop.mails() if mail["tags"][1] == "hello")


def by_day(shop: ConnectedShop) -> Counter[date]:
    return Counter(at.date() for _, at in shop.sent())


def test_whoever_waits_for_a_preview_sees_the_first_people_and_that_there_are_more(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(shop)
    monkeypatch.setattr(previewing, "PAGE", 10)
    choice = Choice("lapsed", daily=10)
    some, enough = previewed(shop, choice, 20), previewed(shop, choice, LONG_AGO + LATELY + 10)
    assert (some.total, some.partial) == (20, True)
    assert (enough.total, enough.partial) == (LONG_AGO + LATELY, False)


@pytest.mark.row("S2-09")
def test_a_ration_a_day_and_nobody_twice(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)
    choice = Choice("lapsed", daily=10)
    before = previewed(shop, choice)
    assert (before.late, before.in_time, before.agreed, before.flows) == (LONG_AGO, LATELY, 45, ("win-back",))
    assert shop.rows(timers) == [], "a preview writes nothing"
    number = arm(shop, choice)
    found = act(shop, number)
    assert (found.state, found.late, found.in_time, found.waiting) == ("done", LONG_AGO, LATELY, 45)
    assert mailed(shop) == Counter(), "nothing leaves because of the act itself"

    # Once more while they wait: nobody is armed twice.
    waiting = [(row.owner, row.due_at) for row in shop.rows(timers)]
    again = act(shop, arm(shop, choice))
    assert (again.late, again.in_time, again.running) == (0, 0, 45)
    assert [(row.owner, row.due_at) for row in shop.rows(timers)] == waiting

    product.play(7 * DAY)
    assert set(mailed(shop).values()) == {1} and len(mailed(shop)) == 45
    days = by_day(shop)
    assert days == {one.day: one.in_time + one.late for one in before.days}, "as the preview said"
    assert all(one.late <= 10 for one in before.days) and len([one for one in before.days if one.late]) == 4
    assert all(8 < at.hour < 19 for _, at in shop.sent())

    # Once more when all is told: still nobody.
    last = act(shop, arm(shop, choice))
    assert (last.late, last.in_time, last.told, last.running) == (0, 0, 45, 0) and shop.rows(timers) == []


@pytest.mark.long
def test_control_without_a_ration_everybody_is_written_to_at_once(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(shop)
    monkeypatch.setattr(rations.Rations, "place", lambda self, *_: self.counts and product.now)
    arm(shop, Choice("lapsed", daily=10))
    product.settle()
    assert len(mailed(shop)) == LONG_AGO


def test_control_without_the_look_into_the_log_the_same_are_armed_again(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, {"ann@x.test": 90 * DAY})
    arm(shop, Choice("lapsed", daily=1))
    product.play(2 * DAY)
    assert len(shop.mails()) == 1
    monkeypatch.setattr("flows.engine.arming.planning._told", lambda *asked: frozenset())
    assert previewed(shop, Choice("lapsed", daily=1)).late == 1


def test_whose_moment_passed_long_ago_may_be_left_out(shop: ConnectedShop) -> None:
    crowd(shop)
    # The oldest order is 139 days old, which is 79 days late.
    some = previewed(shop, Choice("lapsed", daily=10, longest_days=49))
    assert (some.late, some.left_out, some.in_time) == (10, 30, LATELY)
    none = act(shop, arm(shop, Choice("lapsed")))
    assert (none.late, none.left_out, none.in_time, none.waiting) == (0, LONG_AGO, LATELY, LATELY)


@pytest.mark.row("S5-047")
def test_an_order_meanwhile_starts_the_clock_anew(product: Installation, shop: ConnectedShop) -> None:
    ids = customers(shop, {"ann@x.test": 90 * DAY, "bob@x.test": 59 * DAY, "eve@x.test": 90 * DAY})
    arm(shop, Choice("lapsed", daily=5))
    buy(shop, "ann@x.test", 9001)
    buy(shop, "bob@x.test", 9002)
    product.settle()
    due = {row.person_id: (row.due_at, row.arming_id) for row in shop.rows(timers) if row.key == "lapsed:"}
    assert due[ids["ann@x.test"]] == due[ids["bob@x.test"]] == (product.now + 60 * DAY, None)
    product.play(5 * DAY)
    assert mailed(shop) == {"eve@x.test": 1}
    product.play(57 * DAY)
    assert mailed(shop) == {"ann@x.test": 1, "bob@x.test": 1, "eve@x.test": 1}


@pytest.mark.row("S3-08")
@pytest.mark.parametrize(("reentry", "mails"), [("never", 1), ("always", 2)])
def test_a_second_lapse_of_somebody_writes_again_only_where_the_flow_says_so(
    product: Installation, shop: ConnectedShop, reentry: str, mails: int
) -> None:
    shop.publish(WIN_BACK.replace("always", reentry), hello=HELLO)
    customers(shop, {"ann@x.test": 59 * DAY})
    arm(shop, Choice("lapsed"))
    product.play(2 * DAY)
    assert mailed(shop) == {"ann@x.test": 1}
    buy(shop, "ann@x.test")
    product.play(61 * DAY)
    assert mailed(shop) == {"ann@x.test": mails}
    told = [row.props["after_seconds"] for row in shop.rows(events, name="lapsed")]
    assert told == [60 * 86400] * 2, "the signal is told of each lapse"


def test_what_has_not_rung_is_taken_back(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)
    subscribe(shop, "new@x.test")
    buy(shop, "new@x.test")
    product.settle()
    number = arm(shop, Choice("lapsed", daily=10))
    product.play(2 * DAY)
    told = len(mailed(shop))
    assert 0 < told < 45
    with shop.scope() as scope:
        assert arming.stop(scope, number, by="staff:1")
    product.settle("arming")
    found = act(shop, number)
    assert (found.state, found.taken_back, found.waiting) == ("stopped", 45 - told, 0)
    assert [row.arming_id for row in shop.rows(timers)] == [None], "what an event armed stays"
    product.play(7 * DAY)
    assert len(mailed(shop)) == told
    with shop.scope() as scope:
        assert not arming.stop(scope, number, by="staff:1")
    acts = [(row.act, row.actor) for row in shop.rows(audit_log)]
    assert acts == [("arming.start", "cli"), ("arming.stop", "staff:1")]
    # Who was taken back can be armed again; who was told is not.
    again = previewed(shop, Choice("lapsed", daily=100))
    assert again.late + again.in_time == 45 - told and again.running == 1


@pytest.mark.row("S1-16")
def test_other_thresholds_move_the_clocks_that_run(product: Installation, shop: ConnectedShop) -> None:
    customers(shop, {"ann@x.test": 20 * DAY, "bob@x.test": 40 * DAY})
    arm(shop, Choice("lapsed", daily=5))
    shop.publish(WIN_BACK.replace("60d", "30d"), hello=HELLO)
    found = act(shop, arm(shop, Choice("lapsed", daily=5)))
    assert (found.moved, found.in_time, found.late) == (2, 1, 1)
    product.play(11 * DAY)
    assert mailed(shop) == {"ann@x.test": 1, "bob@x.test": 1}


def test_slices_come_to_the_same(product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(shop)
    choice = Choice("lapsed", daily=7)
    expected = previewed(shop, choice)
    monkeypatch.setattr(slices, "SLICE", 8)
    with shop.scope() as scope:
        number = arming.start(scope, choice, by="cli")
    for kept in range(1, 4):
        slices.arm_due(shop.deps, shop.shop)
        assert len(shop.rows(timers)) == 8 * (kept - 1)
    # Somebody dies in a slice: nothing of it is there, and the next who comes does it.
    with pytest.raises(ZeroDivisionError), monkeypatch.context() as patched:
        patched.setattr(slices, "_keep", lambda *_, **__: 1 // 0)
        slices.arm_due(shop.deps, shop.shop)
    assert len(shop.rows(timers)) == 16
    product.settle("arming")
    assert act(shop, number).late == LONG_AGO
    counted = Counter(row.due_at.date() for row in shop.rows(timers))
    assert counted == {one.day: one.in_time + one.late for one in expected.days}


@pytest.mark.row("S1-15", "S2-10")
def test_the_anniversary_of_the_first_order(product: Installation, shop: ConnectedShop) -> None:
    customers(shop, {"ann@x.test": 363 * DAY, "bob@x.test": 728 * DAY, "eve@x.test": 10 * DAY})
    with pytest.raises(InvalidInput, match="No active flow starts on"):
        arm(shop, Choice("first_order_anniversary"))
    shop.publish(YEARS, hello=HELLO)
    found = previewed(shop, Choice("first_order_anniversary"))
    assert (found.in_time, found.late) == (3, 0)
    arm(shop, Choice("first_order_anniversary"))
    product.play(3 * DAY)
    assert mailed(shop) == {"ann@x.test": 1, "bob@x.test": 1}
    due = sorted(row.due_at for row in shop.rows(timers))
    assert due == [START + 355 * DAY, START + 367 * DAY, START + 367 * DAY], "and the next one waits"


def test_a_checkout_that_is_open_when_the_past_is_armed(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, "ann@x.test", "tok-1")
    product.settle()
    shop.change(timers, {"owner": "0", "person_id": 0}, kind="signal")
    with transaction(shop.deps.engine) as connection:
        connection.execute(timers.delete())
    found = act(shop, arm(shop, Choice("checkout_abandoned")))
    assert (found.in_time, found.left_out) == (1, 0)
    (row,) = shop.rows(timers)
    assert (row.key, row.due_at) == ("checkout_abandoned:tok-1", product.now + HOUR)
    product.at(product.now + 2 * HOUR)
    assert previewed(shop, Choice("checkout_abandoned")).running == 1
    with transaction(shop.deps.engine) as connection:
        connection.execute(timers.delete())
    assert previewed(shop, Choice("checkout_abandoned")).left_out == 1, "an old cart is of no use any more"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice("first_order"), "has no clock to arm"),
        (Choice("lapsed", daily=0), "daily ration"),
        (Choice("lapsed", longest_days=0), "longest delay"),
        (Choice("checkout_abandoned", daily=5), "of no use late"),
    ],
)
def test_choices_that_make_no_sense(shop: ConnectedShop, choice: Choice, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        arm(shop, choice)
    assert shop.rows(armings) == []


def test_one_at_a_time_and_none_of_a_shop_that_left(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)
    with shop.scope() as scope:
        number = arming.start(scope, Choice("lapsed", daily=10), by="cli")
    with pytest.raises(InvalidInput, match="under way"), shop.scope() as scope:
        arming.start(scope, Choice("lapsed"), by="cli")
    shop.deliver("app/uninstalled", {"id": 1, "name": "A", "domain": None, "myshopify_domain": None})
    product.settle("intake")
    product.settle("closing", "arming")
    assert act(shop, number).state == "stopped" and shop.rows(timers) == []


def test_at_the_terminal(product: Installation, shop: ConnectedShop) -> None:
    crowd(shop)

    def say(name: str, *more: str) -> str:
        arguments = [name, "--shop", shop.shop.domain, *more]
        done = CliRunner().invoke(command.sync, arguments, obj=shop.deps.settings)
        assert done.exit_code == 0, done.output
        return done.output

    shown = say("arm", "--signal", "lapsed", "--daily", "20", "--preview")
    assert "lapsed: 45 clocks, heard by win-back." in shown and "2026-11-03" in shown
    assert "Nothing was armed yet." in say("armings") and shop.rows(armings) == []
    told = orjson.loads(say("arm", "--signal", "lapsed", "--daily", "20", "--json"))
    assert (told["preview"]["late"], told["preview"]["in_time"]) == (LONG_AGO, LATELY)
    assert sum(one["late"] + one["in_time"] for one in told["preview"]["days"]) == 45
    product.settle("arming")
    assert "40 late; 45 still wait" in say("armings")
    number = str(told["arming"])
    assert "is taken back." in say("disarm", number)
    product.settle("arming")
    assert "0 still wait, 45 taken back" in say("armings") and "was taken back already" in say("disarm", number)


def test_no_day_has_more_than_its_ration_whatever_chance_says() -> None:
    many = rations.Rations(rations.Rations.of(1000, 30), 30, START, "Europe/Paris")
    days = Counter(many.place("lapsed", str(number), "").date() for number in range(1100))
    assert max(days.values()) == 30 and sum(days.values()) == 1100
    assert min(days) == (START + DAY).date() and len(days) == 37
