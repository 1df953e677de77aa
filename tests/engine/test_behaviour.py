"""What people do in the store's pages, on its way to flows; messages are counted at the provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from connector.locks import NORMALISE, lock_shop
from connector.models.activity import activities, segment_members
from connector.models.event import events
from connector.models.flow import runs, trail
from connector.models.mapping import profile_passes
from connector.models.person import identities, persons
from connector.scope import Scope
from flows.core import activity
from flows.core.problems import DefinitionError
from flows.engine.arming.anchors import of_people
from flows.engine.writes import Writes
from sync import consent, customer_signs, merging, people
from tests.api.teller import Teller, teller_of
from tests.engine.installation import HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import subscribe

ANN, BOB = "ann@example.com", "bob@example.com"
HELLO = """---
subject: Hello
purpose: marketing
deadline: 60d
---
<p>Hello</p>
"""
MUG = {"product_id": 7001, "title": "Mug", "category": "Mugs"}


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def teller(shop: ConnectedShop) -> Teller:
    return teller_of(shop)


def flow(trigger: str, *steps: str, name: str = "greeting") -> str:
    return f"flow: {name}\nname: Greeting\ntrigger: {trigger}\nsteps: [{', '.join(steps)}]\n"


def told(shop: ConnectedShop, name: str) -> int:
    return len(shop.rows(events, name=name))


@pytest.mark.row("S5-232")
def test_a_visitor_who_becomes_known_gets_the_browse_email_once(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """Two hours after the last look; Bob, who put it into a cart, is the control."""
    shop.publish(flow("{on: browse_abandoned, where: {event.category: Mugs}}", "{email: hello}"), hello=HELLO)
    subscribe(shop, ANN)
    subscribe(shop, BOB, 2)
    teller.tell("product_viewed", {"visitor_id": "v-1"}, **MUG)
    teller.tell("product_viewed", {"email": BOB}, **MUG)
    product.settle()
    assert shop.one(events, subject="visitor:v-1").person_id is None
    # By it the product's prices and stock find whom they interest.
    assert [row.key for row in shop.rows(events, name="product_viewed")] == ["7001", "7001"]
    product.play(HOUR)
    teller.tell("added_to_cart", {"email": BOB}, **MUG)
    # Now the browser has a name, and what was done with it is hers.
    again = teller.tell("product_viewed", {"email": ANN, "visitor_id": "v-1"}, **MUG)
    product.settle()
    assert shop.one(identities, kind="visitor").value == "v-1"
    product.play(timedelta(minutes=119))
    assert not shop.mails(ANN)
    product.play(timedelta(minutes=2))
    assert [at - START for _, at in shop.sent(ANN)] == [3 * HOUR] and not shop.mails(BOB)
    # The same word again, and a browser that is known by itself.
    body = {"id": again, "type": "product_viewed", "person": {"email": ANN, "visitor_id": "v-1"}, **MUG}
    assert teller.post(body).status_code == 202
    product.play(5 * HOUR)
    assert len(shop.mails(ANN)) == 1 and told(shop, "browse_abandoned") == 1


def test_what_is_told_of_pages_keeps_nothing_behind_the_address(shop: ConnectedShop, teller: Teller) -> None:
    secret = "https://goods.example/pages/x?token=secret#ann"
    teller.tell("page_viewed", {"visitor_id": "v-1"}, url=secret, referrer=secret)
    shop.installation.settle()
    assert shop.one(events).props == {
        "url": "https://goods.example/pages/x", "title": None, "referrer": "https://goods.example/pages/x",
    }  # fmt: skip
    assert not shop.rows(persons)


LEADS = "{on: score_reached, where: {event.score: lead, event.reached: 50}}"


@pytest.mark.row("S5-013", "S5-065")
@pytest.mark.row("S5-051")
def test_points_of_events_and_of_steps_reach_a_threshold_once(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """25 for asking, 20 of a step at once, 5 of another an hour later: exactly 50."""
    shop.publish(
        flow('{on: "custom:demo_requested"}', "{score: {lead: 20}}", "{wait: 1h}", "{score: {lead: 5}}", name="nurture")
    )
    shop.publish(flow(LEADS, "{email: hello}"), hello=HELLO)
    subscribe(shop, ANN)
    teller.tell("custom", {"email": ANN}, name="demo_requested")
    product.play(timedelta(minutes=59))
    assert told(shop, "score_reached") == 0
    product.play(timedelta(minutes=2))
    found = shop.one(events, name="score_reached")
    reached = {"score": "lead", "reached": 50, "points": 50, "caused_by": ["nurture"]}
    assert found.props == reached and len(shop.mails(ANN)) == 1
    assert [row.detail for row in shop.rows(trail, code="scored")] == [{"lead": 20}, {"lead": 5}]


def test_a_visit_that_dies_counts_nothing_and_its_repetition_once(
    product: Installation, shop: ConnectedShop, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish(flow(LEADS, "{end: here}"))
    teller.tell("custom", {"email": ANN}, name="demo_requested")
    whole = Writes.write

    def dies(self: Writes, scope: Scope) -> None:
        whole(self, scope)
        raise RuntimeError("dies")

    monkeypatch.setattr(Writes, "write", dies)
    with pytest.raises(RuntimeError):
        product.settle()
    assert not shop.rows(activities)
    monkeypatch.setattr(Writes, "write", whole)
    product.settle()
    assert activity.from_json(shop.one(activities).state).scores["lead"] == {"": 25}


def test_what_nobody_hears_of_is_remembered_and_counts_once_a_flow_asks(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """No flow listens while they look around: they are not even loaded, and known all the same. Bob, who objects to
    profiling, is known by his visits alone."""
    for email in (ANN, BOB):
        teller.tell("login", {"email": email})
    product.settle()
    ann, bob = (row.id for row in shop.rows(persons))
    with shop.scope() as scope:
        people.held_profile(scope, bob)
        consent.record(scope, bob, "any", "unsubscribed", source="merchant", evidence_at=START, purpose="profiling")
    for email in (ANN, ANN, ANN, BOB, BOB, BOB):
        teller.tell("product_viewed", {"email": email}, **MUG)
    product.settle()
    known = {row.person_id: activity.from_json(row.state) for row in shop.rows(activities)}
    assert len(known[ann].products.of["7001"].at) == 3 and not known[bob].products.of and not shop.rows(runs)
    assert known[ann].at("visit") == known[bob].at("visit") == START
    with shop.scope() as scope:
        anchors = of_people(scope.connection, shop.shop, "last_sign", [ann, bob])
    assert [one.at for one in anchors] == [START, START]
    shop.publish(
        flow(
            '{on: "custom:asked"}',
            "{when: {all: [{activity.views.7001: {gte: 3}}, {segment.active: true}, {score.engagement: 2}]},"
            " then: [{end: looked}]}",
        )
    )
    for email in (ANN, BOB):
        teller.tell("custom", {"email": email}, name="asked")
    product.settle()
    assert [row.outcome for row in sorted(shop.rows(runs), key=lambda row: row.person_id)] == ["looked", "completed"]


def test_the_fifths_are_drawn_for_a_flow_that_asks_and_a_segment_that_nobody_named_is_refused(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """The best of five is a regular; before the flow was published nobody could tell."""
    for n in range(5):
        teller.tell("login", {"email": f"{n}@example.com"})
    product.settle()
    bought = (
        "orders_count = id * 2, total_spent = id, last_order_at = :now + id * interval '1 s', first_order_at = :now"
    )
    with shop.scope() as scope:
        scope.connection.execute(text(f"UPDATE persons SET {bought}"), {"now": START - HOUR})
    asks = "{when: {segment.%s: true}, then: [{end: inside}], else: [{end: no}]}"
    with pytest.raises(DefinitionError, match="no segment “fans”; it has active"):
        shop.publish(flow("{on: login}", asks % "fans"))
    assert not shop.rows(profile_passes)
    shop.publish(flow("{on: login}", asks % "regular"))
    product.settle("profiles")
    for n in range(5):
        teller.tell("login", {"email": f"{n}@example.com"})
    product.settle()
    assert [row.outcome for row in sorted(shop.rows(runs), key=lambda row: row.person_id)] == ["no"] * 3 + [
        "inside"
    ] * 2
    # And every night anew.
    assert shop.one(profile_passes).due_at > product.now


def test_of_two_people_who_are_one_the_points_and_looks_are_added_and_nothing_is_told_twice(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.publish(flow("{on: product_viewed_n_times}", "{end: here}"))
    shop.publish(flow("{on: first_site_visit}", "{end: here}", name="first"))
    for email, looks in ((ANN, 2), (BOB, 1)):
        for _ in range(looks):
            teller.tell("product_viewed", {"email": email}, **MUG)
        teller.tell("custom", {"email": email}, name="demo_requested")
    product.settle()
    ann, bob = (row.id for row in shop.rows(persons))
    assert (told(shop, "first_site_visit"), told(shop, "product_viewed_n_times")) == (2, 0)
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        merging.merge(scope, ann, bob, reason="staff")
    row = shop.one(activities)
    assert row.person_id == ann and activity.from_json(row.state).scores["lead"] == {"": 50}
    for _ in range(2):
        teller.tell("product_viewed", {"email": BOB}, **MUG)
    product.settle()
    assert (told(shop, "first_site_visit"), told(shop, "product_viewed_n_times")) == (2, 1)


@pytest.mark.row("S5-049")
@pytest.mark.row("S5-050")
@pytest.mark.row("S5-237")
@pytest.mark.row("S1-17")
@pytest.mark.row("S3-18", "S1-18")
def test_the_stores_segments_start_flows_and_are_asked_for(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """Word of it in any order; of a segment that the store never spoke of nobody can tell."""
    shop.publish(flow("{on: segment_entered, where: {event.segment_id: 5}}", "{end: in}", name="in"))
    shop.publish(flow("{on: segment_left, where: {event.segment_id: 5}}", "{end: out}", name="out"))
    subscribe(shop, ANN)
    product.settle()
    customer = shop.one(persons).customer_id

    def moved(segment: int, minutes: int, entered: bool) -> None:
        with shop.scope() as scope:
            lock_shop(scope, NORMALISE)
            customer_signs.moved(scope, customer, segment, START + minutes * timedelta(minutes=1), entered=entered)

    moved(5, 0, True)
    product.settle()
    assert [row.outcome for row in shop.rows(runs)] == ["in"]
    moved(5, 2, False)
    moved(5, 1, True)
    moved(6, 1, True)
    product.settle()
    assert sorted(row.outcome for row in shop.rows(runs)) == ["in", "out"]
    assert {row.segment_id: row.member for row in shop.rows(segment_members)} == {5: False, 6: True}
    answers = {}
    for segment in (5, 6, 7):
        asked = f"{{when: {{person.store_segments.{segment}: true}}, then: [{{end: inside}}], else: [{{end: no}}]}}"
        shop.publish(flow(f'{{on: "custom:asked_{segment}"}}', asked, name=f"asks-{segment}"))
        teller.tell("custom", {"customer_id": customer}, name=f"asked_{segment}")
        product.settle()
        answers[segment] = shop.one(runs, flow=f"asks-{segment}").outcome
    branched: list[Any] = [row.detail["truth"] for row in shop.rows(trail, code="branched")]
    assert answers == {5: "no", 6: "inside", 7: "no"} and branched == ["no", "yes", "cannot tell"]
