"""What other systems tell, on its way to people and messages, counted at the provider."""

from __future__ import annotations

import pytest

from connector.locks import NORMALISE, lock_shop
from connector.models.event import events
from connector.models.outbox import outbox
from connector.models.person import consents, persons
from connector.models.shop import shops
from connector.models.told import form_answers, support_tickets
from sync import merging, tickets
from sync.mapping import document
from tests.api.teller import Teller, teller_of
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.shoppers import subscribe

ANN, BOB = "ann@example.com", "bob@example.com"
HELLO = """---
subject: Hello
purpose: {purpose}
deadline: 60d
---
<p>Hello</p>
"""
GREETING = "flow: greeting\nname: Greeting\ntrigger: {on: newsletter_subscribed}\nsteps: [{email: hello}]\n"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def teller(shop: ConnectedShop) -> Teller:
    return teller_of(shop)


def sent(shop: ConnectedShop, to: str = ANN) -> int:
    return len(shop.mails(to))


# --- support tickets


@pytest.mark.row("S5-165")
def test_an_open_ticket_holds_marketing_and_its_end_lets_it_go(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    """Bob, who waits for nothing, is the control."""
    shop.publish(GREETING, hello=HELLO.format(purpose="marketing"))
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="4711")
    for number, email in enumerate((ANN, BOB), start=1):
        subscribe(shop, email, number)
    product.play(3 * DAY)
    assert (sent(shop), sent(shop, BOB)) == (0, 1)
    assert shop.reasons() == [("hello", "due", "held"), ("hello", "sent", None)]
    # At once, not when it would have been asked for again.
    closed = product.now
    teller.tell("support_ticket_closed", {"email": ANN}, ticket="4711")
    product.settle()
    assert [at for _, at in shop.sent(ANN)] == [closed]


def test_what_is_no_marketing_is_not_held(product: Installation, shop: ConnectedShop, teller: Teller) -> None:
    shop.publish(GREETING, hello=HELLO.format(purpose="transactional"))
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="4711")
    subscribe(shop, ANN)
    product.settle()
    assert sent(shop) == 1


def test_a_ticket_that_nobody_closes_holds_for_so_many_days(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.set(support_ticket_days=2)
    shop.publish(GREETING, hello=HELLO.format(purpose="marketing"))
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="4711")
    subscribe(shop, ANN)
    product.play_to(START + 2 * DAY - HOUR)
    assert sent(shop) == 0
    product.play(7 * HOUR)
    assert sent(shop) == 1


def test_of_two_tickets_both_must_be_settled_and_order_does_not_matter(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.publish(GREETING, hello=HELLO.format(purpose="marketing"))
    early, late = (START - 2 * HOUR).isoformat(), (START - HOUR).isoformat()
    # Closed before we hear that it was opened; and one that was opened again.
    teller.tell("support_ticket_closed", {"email": ANN}, ticket="1", occurred_at=late)
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="1", occurred_at=early)
    teller.tell("support_ticket_closed", {"email": ANN}, ticket="2", occurred_at=early)
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="2", occurred_at=late)
    subscribe(shop, ANN)
    product.settle()
    assert (sent(shop), shop.one(outbox).reason) == (0, "held")
    teller.tell("support_ticket_closed", {"email": ANN}, ticket="2")
    product.settle()
    assert sent(shop) == 1
    assert {row.ticket for row in shop.rows(support_tickets)} == {"1", "2"}


def test_a_ticket_that_is_not_kept_holds_nobody(
    product: Installation, shop: ConnectedShop, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(tickets, "opened", lambda *_: None)
    shop.publish(GREETING, hello=HELLO.format(purpose="marketing"))
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="4711")
    subscribe(shop, ANN)
    product.settle()
    assert sent(shop) == 1


def test_of_two_people_who_are_one_the_newer_answers_count_and_both_wait_for_help(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    hour = {n: (START - n * HOUR).isoformat() for n in (1, 2)}
    teller.tell("form_submitted", {"email": ANN}, form="a", answers={"x": 1, "y": 1}, occurred_at=hour[1])
    teller.tell("form_submitted", {"email": BOB}, form="b", answers={"x": 2, "z": 2}, occurred_at=hour[2])
    teller.tell("form_submitted", {"email": BOB}, form="b", answers={"y": 2})
    teller.tell("support_ticket_opened", {"email": BOB, "external_id": "crm-2"}, ticket="4711")
    product.settle("intake")
    ann, bob = (row.id for row in shop.rows(persons))
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        merging.merge(scope, ann, bob, reason="staff")
    assert {row.name: (row.value, row.person_id) for row in shop.rows(form_answers)} == {
        "x": (1, ann), "y": (2, ann), "z": (2, ann),
    }  # fmt: skip
    assert shop.one(support_tickets).person_id == ann
    # What is told of the one who is gone is about who they are now.
    teller.tell("support_ticket_closed", {"external_id": "crm-2"}, ticket="4711")
    product.settle("intake")
    assert shop.one(events, name="support_ticket_closed").person_id == ann


# --- events of the merchant's own, forms

QUIZ = """
flow: quiz
name: After the quiz
trigger: {on: "custom:quiz_done", where: {event.properties.score: {gte: 5}}}
goal: {on: "custom:shelf_built", within: 7d}
exit: ["custom:shelf_returned"]
steps:
  - when: {person.answers.style: casual}
    then: [{email: picks}]
    else: [{email: picks}]
  - wait: 2d
  - email: picks
"""
PICKS = """---
subject: 'For {{ event.properties.nickname }}'
purpose: transactional
deadline: 6h
---
<p>You like it {{ person.answers.style }}, in {{ person.answers.sizes | join: ' and ' }}.</p>
"""


@pytest.mark.row("S5-152")
def test_a_flow_starts_on_an_event_of_the_merchants_own_and_its_message_knows_the_answers(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.publish(QUIZ, picks=PICKS)
    own = document.read("events: {custom:quiz_done: {as: quiz_done, properties: {properties: answers}}}")
    shop.set(event_mapping=dict(own.events))
    for email, style, score in ((ANN, "casual", 8), (BOB, "formal", 3)):
        teller.tell("form_submitted", {"email": email}, form="quiz", answers={"style": style, "sizes": ["S", "M"]})
        told = {"score": score, "nickname": email[:3], "anchor_at": "no time", "excluded": True}
        teller.tell("custom", {"email": email}, name="quiz_done", properties=told)
    teller.tell("custom", {"email": ANN}, name="quiz_begun", properties={"score": 9})
    product.settle()
    assert sent(shop, BOB) == 0, "the condition"
    (mail,) = shop.mails(ANN)
    assert mail["subject"] == "For ann"
    assert "You like it casual, in S and M." in mail["html"]
    told = [event for event in shop.account.state()["events"] if event["event_name"] == "quiz_done"]
    assert sorted(event["event_properties"]["answers"]["score"] for event in told) == [3, 8]
    # Ended by another of their own events.
    teller.tell("custom", {"email": ANN}, name="shelf_returned")
    product.play(4 * DAY)
    assert sent(shop, ANN) == 1
    assert {row.name for row in shop.rows(events, source="api")} >= {"custom:quiz_done", "form_submitted"}


def test_the_newest_answer_counts_and_goes_where_the_mapping_says(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.account.post("/contacts/attributes/normal/STYLE", {"type": "text"})
    shop.set(contact_mapping={"STYLE": {"from": "answer:style", "type": "text"}})
    now, before = START.isoformat(), (START - DAY).isoformat()
    teller.tell("form_submitted", {"email": ANN}, form="quiz", answers={"style": "casual", "size": 4}, occurred_at=now)
    teller.tell(
        "form_submitted", {"email": ANN}, form="old", answers={"style": "formal", "hat": True}, occurred_at=before
    )
    product.settle()
    assert {row.name: (row.value, row.form) for row in shop.rows(form_answers)} == {
        "style": ("casual", "quiz"), "size": (4, "quiz"), "hat": (True, "old"),
    }  # fmt: skip
    assert shop.contacts()[ANN]["attributes"]["STYLE"] == "casual"
    teller.tell("form_submitted", {"email": ANN}, form="quiz", answers={"style": "sportive"})
    product.settle()
    assert shop.contacts()[ANN]["attributes"]["STYLE"] == "sportive"


# --- who it is about


def people(shop: ConnectedShop) -> list[tuple[str | None, int | None]]:
    return [(row.email, row.customer_id) for row in shop.rows(persons) if row.merged_into is None]


def test_it_is_about_whoever_is_known_and_makes_nobody_one_with_anybody(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.deliver("customers/create", customer(1, ANN, START, phone="+4915112345678"))
    shop.deliver("customers/create", customer(2, BOB, START))
    product.settle("intake")
    ann, bob = (row.id for row in shop.rows(persons))
    stories = [
        ({"customer_id": 1}, ann),
        ({"email": " Bob@Example.com".strip()}, bob),
        ({"phone": "+4915112345678"}, ann),
        # They contradict each other: the id decides, and Bob's address stays Bob's.
        ({"customer_id": 1, "email": BOB, "external_id": "crm-1"}, ann),
        ({"external_id": "crm-1"}, ann),
        ({"external_id": "crm-1", "email": BOB}, ann),
        ({"external_id": "nobody"}, None),
        ({"phone": "+4915100000000"}, None),
    ]
    ids = [teller.tell("login", named) for named, _ in stories]
    product.settle("intake")
    logins = shop.rows(events, name="login")
    assert len(logins) == len(ids)
    by_subject = sorted((row.subject, row.person_id) for row in logins)
    assert [one for _, one in by_subject].count(ann) == 5
    assert [one for _, one in by_subject].count(bob) == 1
    assert [one for _, one in by_subject].count(None) == 2
    assert people(shop) == [(ANN, 1), (BOB, 2)]
    # Whoever is bound to the id later gets what was told of it.
    teller.tell("login", {"external_id": "nobody", "email": BOB})
    product.settle("intake")
    assert [row.person_id for row in shop.rows(events, subject="external:nobody")] == [bob]


def test_of_a_number_that_two_have_nobody_can_tell_whose_it_is(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    for number, email in enumerate((ANN, BOB), start=1):
        shop.deliver("customers/create", customer(number, email, START, phone="+4915112345678"))
    product.settle("intake")
    teller.tell("login", {"phone": "+4915112345678"})
    product.settle("intake")
    assert shop.one(events, name="login").person_id is None


def test_somebody_new_is_made_from_an_address_and_has_agreed_to_nothing(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    shop.publish(
        "flow: back\nname: Back\ntrigger: {on: login}\nsteps: [{email: hello}]\n",
        hello=HELLO.format(purpose="marketing"),
    )
    teller.tell("login", {"email": ANN, "phone": "+4915112345678"})
    product.settle()
    assert (shop.one(persons).email, shop.one(persons).phone) == (ANN, "+4915112345678")
    assert shop.rows(consents) == []
    assert shop.reasons() == [("hello", "skipped", "consent_unknown")] and sent(shop) == 0


def test_what_happened_before_the_shop_was_connected_starts_nothing(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    with shop.deps.engine.begin() as connection:
        connection.execute(shops.update().where(shops.c.id == shop.id).values(live_since=START - HOUR))
    shop.publish(QUIZ, picks=PICKS)
    for hours in (2, 0):
        at = (START - hours * HOUR).isoformat()
        properties = {"score": 8, "nickname": "Ann"}
        teller.tell("custom", {"email": ANN}, name="quiz_done", properties=properties, occurred_at=at)
    product.settle("intake", "flows")
    assert sorted(row.historical for row in shop.rows(events, name="custom:quiz_done")) == [False, True]
    assert len(shop.rows(outbox)) == 1


def test_each_type_tells_what_flows_may_ask_for(product: Installation, shop: ConnectedShop, teller: Teller) -> None:
    teller.tell("review_submitted", {"email": ANN}, rating=4, product_id=17)
    teller.tell("loyalty", {"email": ANN}, points=120, tier="gold", expires_at="2027-01-01T00:00:00Z")
    teller.tell("support_ticket_opened", {"email": ANN}, ticket="1")
    product.settle("intake")
    told = {row.name: row.props for row in shop.rows(events, source="api")}
    assert told == {
        "review_submitted": {"rating": 4, "product_id": 17, "review_id": None},
        "loyalty_told": {"points": 120, "tier": "gold", "reward": None, "expires_at": "2027-01-01T00:00:00+00:00"},
        "support_ticket_opened": {"ticket": "1"},
    }
