"""What flows do in the store, at the loyalty programme and at Brevo: done once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connector.brevo.client import BrevoAccount
from connector.errors import Retry
from connector.models.event import events
from connector.models.flow import runs, trail
from connector.models.loyalty import loyalty_states
from connector.models.outbox import attempts, outbox
from connector.models.person import persons
from flows import actions
from flows.core import standing
from sandbox.store.apps import GRANTED
from sync import acts, attributes
from sync.mapping import contact as mapping
from tests.engine.discounts import Deaf, Death, die_at, recover
from tests.engine.installation import HOUR, ConnectedShop, Installation, installation
from tests.engine.payloads import customer
from tests.engine.shoppers import agree, begin_checkout, hand_over
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

_numbers = count(1)
TIERS = [{"name": "Bronze", "points": 0}, {"name": "Silver", "points": 200}, {"name": "Gold", "points": 500}]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One of its own: what others have subscribed to would keep it busy."""
    with StoreProcess(tmp_path_factory.mktemp("store")) as process:
        yield process


@pytest.fixture
def http() -> Deaf:
    return Deaf(b"")


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, http: Deaf
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store, http) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[], contact_mapping={"TAGS": {"from": "tags", "type": "text"}})


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


@pytest.fixture
def ann(store: StoreProcess) -> dict[str, Any]:
    """A customer of the store with an address of her own."""
    email = f"ann-{next(_numbers)}@actions.example"
    made = store.act("create_customer", email=email, accepts_marketing=True, shop=SHOP)
    return {"id": made["customer_id"], "email": email}


def flow(*steps: str, name: str = "acts", on: str = "newsletter_subscribed", **entries: str) -> str:
    more = "".join(f"{entry}: {value}\n" for entry, value in entries.items())
    listed = "".join(f"  - {step}\n" for step in steps)
    return f"flow: {name}\nname: {name.title()}\ntrigger: {{on: {on}}}\n{more}steps:\n{listed}"


def arrive(shop: ConnectedShop, ann: Mapping[str, Any]) -> None:
    """She is told of by the store, as one who agrees to emails."""
    shop.deliver("customers/create", customer(ann["id"], ann["email"], shop.installation.now))
    agree(shop, ann["email"], ann["id"])


def tags(store: StoreProcess, ann: Mapping[str, Any]) -> list[str]:
    people = store.get("state")["shops"][SHOP]["customers"]
    return next(one["tags"] for one in people if one["id"] == ann["id"])  # type: ignore[no-any-return]


def codes(shop: ConnectedShop, flow: str = "acts") -> list[str]:
    return [line.code for line in shop.rows(trail, flow=flow) if line.step and "wanted" not in line.code]


def hear(product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver) -> int:
    """Hand over what the store has sent since; how much that was."""
    store.settle()
    received = list(webhooks.received)
    webhooks.received.clear()
    hand_over(shop, received)
    product.settle()
    return len(received)


# --- tags

TAGGING = flow("tag: {add: [VIP], remove: [lead]}", "when: {person.tags: {contains: VIP}}\n    then: [{end: known}]")


@pytest.mark.row("S2-18")
@pytest.mark.row("S5-012")
@pytest.mark.parametrize("point", ["act.leased", "act.answered"])
def test_tags_are_given_once_at_the_store_wherever_somebody_dies(
    product: Installation,
    shop: ConnectedShop,
    store: StoreProcess,
    webhooks: Receiver,
    ann: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    store.act("add_tags", customer=ann["id"], tags=["lead", "early"])
    attributes.ensure(shop.deps.brevo(shop.shop), mapping.of_shop(shop.shop))
    shop.publish(TAGGING)
    arrive(shop, ann)
    product.settle("intake", "fetch", "sync")
    webhooks.received.clear()
    die_at(point, monkeypatch)
    with pytest.raises(Death):
        product.settle()
    recover(product)
    assert tags(store, ann) == ["early", "VIP"]
    # Known to the flow before the store has told anybody.
    assert shop.one(runs).outcome == "known" and shop.one(persons).tags == ["early", "VIP"]
    store.settle()
    assert sorted(one.topic for one in webhooks.received if "tags" in one.topic) == [
        "customer.tags_added", "customer.tags_removed",
    ]  # fmt: skip
    hear(product, shop, store, webhooks)
    assert [row.props["caused_by"] for row in shop.rows(events, name="tag_added")] == [["acts"]]
    assert shop.contacts()[ann["email"]]["attributes"]["TAGS"] == "early, VIP"


PING = flow(
    "tag: {add: [ping], remove: [pong]}", name="ping", on="tag_added, where: {event.tag: pong}", reentry="always"
)
PONG = flow(
    "tag: {add: [pong], remove: [ping]}", name="pong", on="tag_added, where: {event.tag: ping}", reentry="always"
)


def play_ping_pong(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver, ann: dict[str, Any]
) -> int:
    """How many runs there are of flows that answer each other's tags, after eight rounds."""
    shop.publish(PING)
    shop.publish(PONG)
    arrive(shop, ann)
    product.settle()
    store.act("add_tags", customer=ann["id"], tags=["ping"])
    for _ in range(8):
        product.at(product.now + timedelta(seconds=5))
        if not hear(product, shop, store, webhooks):
            break
    return len(shop.rows(runs))


def test_flows_that_answer_each_others_tags_come_to_an_end(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver, ann: dict[str, Any]
) -> None:
    assert play_ping_pong(product, shop, store, webhooks, ann) == 2
    assert [line.flow for line in shop.rows(trail, code="moved_in_circles")] == ["pong"]


def test_control_without_a_cause_they_go_on_and_on(
    product: Installation,
    shop: ConnectedShop,
    store: StoreProcess,
    webhooks: Receiver,
    ann: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "causes", lambda run, now: [])
    assert play_ping_pong(product, shop, store, webhooks, ann) > 4


def test_a_tag_that_staff_give_is_nobodys_doing(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver, ann: dict[str, Any]
) -> None:
    shop.publish(TAGGING)
    arrive(shop, ann)
    product.settle()
    hear(product, shop, store, webhooks)
    product.at(product.now + HOUR)
    store.act("remove_tags", customer=ann["id"], tags=["VIP"])
    store.act("add_tags", customer=ann["id"], tags=["VIP"])
    hear(product, shop, store, webhooks)
    told = shop.rows(events, name="tag_added")
    assert sorted("caused_by" in row.props for row in told) == [False, True]


def test_without_the_scope_and_without_a_customer_the_flow_goes_on(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: dict[str, Any]
) -> None:
    shop.publish(flow("tag: {add: [VIP]}", "end: there"))
    shop.publish(flow("tag: {add: [VIP]}", "end: there", name="guests", on="checkout_started"))
    store.act("update_scopes", scopes=[one for one in GRANTED if one != "write_customers"])
    try:
        arrive(shop, ann)
        product.settle()
    finally:
        store.act("update_scopes", scopes=list(GRANTED))
    assert codes(shop)[:2] == ["action_skipped", "tag_skipped"] and tags(store, ann) == []
    begin_checkout(shop, "guest@actions.example")
    product.settle()
    assert {(row.flow, row.reason) for row in shop.rows(outbox)} >= {("acts", "no_scope"), ("guests", "no_customer")}
    assert {row.outcome for row in shop.rows(runs)} == {"there"}


def test_tags_whose_answer_was_not_heard_are_asked_for_again(
    product: Installation, shop: ConnectedShop, store: StoreProcess, http: Deaf, ann: dict[str, Any]
) -> None:
    shop.publish(TAGGING)
    arrive(shop, ann)
    product.settle("intake", "fetch", "sync")
    http.turn_deaf(b"tagsAdd")
    product.settle()
    assert [row.state for row in shop.rows(outbox)] == ["due"] and tags(store, ann) == ["VIP"]
    recover(product)
    assert tags(store, ann) == ["VIP"] and [row.result for row in shop.rows(attempts)] == ["retry", "accepted"]


# --- Shopify Flow

STARTING = flow("shopify_flow: connector-step\n    payload: {Stage: event.channel}", "end: there")


def started(store: StoreProcess, ann: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [one for one in store.get("log")["entries"] if one["kind"] == "flow_trigger"]
    return [one for one in found if one["payload"].get("customer_id") == ann["id"]]


@pytest.mark.parametrize(("point", "times"), [("act.claimed", 1), ("act.leased", 0), ("act.answered", 1)])
def test_a_workflow_is_started_at_most_once(
    product: Installation,
    shop: ConnectedShop,
    store: StoreProcess,
    ann: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    times: int,
) -> None:
    """Whoever dies with the row leased may have called: then nobody calls again, and the trail says so."""
    shop.publish(STARTING)
    die_at(point, monkeypatch)
    arrive(shop, ann)
    with pytest.raises(Death):
        product.settle()
    recover(product)
    assert len(started(store, ann)) == times and shop.one(runs).outcome == "there"
    assert shop.one(outbox).reason == (None if point == "act.claimed" else "no_answer")


def deafly(product: Installation, shop: ConnectedShop, http: Deaf, ann: dict[str, Any]) -> None:
    shop.publish(STARTING)
    arrive(shop, ann)
    product.settle("intake", "fetch", "sync")
    http.turn_deaf(b"flowTriggerReceive")
    product.settle()
    recover(product)


def test_a_workflow_of_which_no_answer_was_heard_is_not_started_again(
    product: Installation, shop: ConnectedShop, store: StoreProcess, http: Deaf, ann: dict[str, Any]
) -> None:
    deafly(product, shop, http, ann)
    (one,) = started(store, ann)
    assert one["payload"] == {"customer_id": ann["id"], "Stage": "email"} and one["handle"] == "connector-step"
    assert "shopify_flow_skipped" in codes(shop)
    assert shop.one(outbox).reason == "no_answer"


def test_control_who_tries_again_starts_two(
    product: Installation,
    shop: ConnectedShop,
    store: StoreProcess,
    http: Deaf,
    ann: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = replace(actions.ACTIONS["shopify_flow"], repeats=True)
    monkeypatch.setitem(actions.ACTIONS, "shopify_flow", again)  # type: ignore[arg-type]
    deafly(product, shop, http, ann)
    assert len(started(store, ann)) == 2


def test_a_trigger_that_the_app_does_not_declare_fails_and_the_flow_goes_on(
    product: Installation, shop: ConnectedShop, ann: dict[str, Any]
) -> None:
    shop.publish(flow("shopify_flow: nobodys", "end: there"))
    arrive(shop, ann)
    product.settle()
    assert shop.one(outbox).state == "failed" and "No trigger" in shop.one(outbox).reason
    assert shop.one(runs).outcome == "there" and "shopify_flow_failed" in codes(shop)


# --- points and tier


def keeps(shop: ConnectedShop, source: str = "metafields") -> None:
    shop.set(loyalty={"source": source, "tiers": TIERS})
    attributes.ensure(shop.deps.brevo(shop.shop), mapping.of_shop(shop.shop))


def held(store: StoreProcess, ann: Mapping[str, Any]) -> dict[str, str]:
    query = "query($id: ID!) { customer(id: $id) { metafields(first: 9) { nodes { namespace key value } } } }"
    found = store.data(query, shop=SHOP, id=f"gid://shopify/Customer/{ann['id']}")["customer"]["metafields"]["nodes"]
    return {one["key"]: one["value"] for one in found if one["namespace"] == "loyalty"}


@pytest.mark.row("S2-20")
@pytest.mark.parametrize("point", ["act.answered", "act.recorded"])
def test_points_are_added_once_wherever_somebody_dies(
    product: Installation,
    shop: ConnectedShop,
    store: StoreProcess,
    ann: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    """By two flows at the same time: neither addition is lost. A third answers what it has led to itself once."""
    keeps(shop)
    shop.publish(flow("points: {add: 50, reason: Welcome}", "wait: 1h", name="welcome-points"))
    shop.publish(flow("points: {add: 30}"))
    shop.publish(flow("points: {add: 1}", name="thanks", on="points_earned, key: event.balance", reentry="always"))
    store.act(
        "set_metafield", customer=ann["id"], namespace="loyalty", key="points", type="number_integer", value="100"
    )
    arrive(shop, ann)
    product.settle("intake", "fetch")
    die_at(point, monkeypatch)
    with pytest.raises(Death):
        product.settle()
    recover(product)
    told = [row.props for row in shop.rows(events, name="points_earned")]
    assert sorted(one["points"] for one in told) == [1, 1, 30, 50]
    assert {one.get("reason") for one in told} == {None, "Welcome"}
    assert shop.one(loyalty_states).points == 182 and held(store, ann)["points"] == "182"
    assert shop.contacts()[ann["email"]]["attributes"]["LOYALTY_POINTS"] == 182
    assert {line.detail["caused_by"][-1] for line in shop.rows(trail, code="moved_in_circles")} == {"thanks"}


def test_control_points_that_are_recorded_after_somebody_else_are_not_added_again(
    product: Installation, shop: ConnectedShop, ann: dict[str, Any]
) -> None:
    """Of two who hold the row one after the other the second to be done finds it settled; one who does not look adds
    twice."""
    keeps(shop, "api")
    shop.publish(flow("points: {add: 50}"))
    arrive(shop, ann)
    product.settle()
    assert shop.one(loyalty_states).points == 50
    action = actions.ACTIONS["points"]
    prepared = {"add": 50, "reason": "", "person_id": shop.one(persons).id, "records": acts}
    with shop.scope() as scope:
        assert action.record(scope, {**prepared, "settled": True}, {}) == {}
    assert shop.one(loyalty_states).points == 50
    with shop.scope() as scope:
        assert action.record(scope, {**prepared, "settled": False}, {}) == {"points": 100, "before": 50}


@pytest.mark.row("S2-19")
def test_a_tier_is_given_moved_up_and_down_and_told(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: dict[str, Any]
) -> None:
    keeps(shop)
    steps = ("tier: {move: up}", "tier: {move: up}", "tier: {set: gold}", "tier: {move: up}", "tier: {move: down}")
    shop.publish(flow(*steps, "points: {add: -1}", "tier: {set: Platinum}"))
    arrive(shop, ann)
    product.settle()
    assert held(store, ann)["tier"] == "Silver" == shop.one(loyalty_states).tier
    reasons = [row.reason for row in shop.rows(outbox)]
    assert reasons == [None, None, None, "highest_tier", None, "too_few_points", "no_such_tier"]
    told = [row for row in shop.rows(events) if row.name in ("tier_upgraded", "tier_downgraded")]
    told.sort(key=lambda row: row.seq)
    assert [(row.name[5:], row.props["new"]) for row in told] == [
        ("upgraded", "Bronze"), ("upgraded", "Silver"), ("upgraded", "Gold"), ("downgraded", "Silver"),
    ]  # fmt: skip


def test_without_a_programme_and_with_tiers_in_tags_the_flow_goes_on(
    product: Installation, shop: ConnectedShop, ann: dict[str, Any]
) -> None:
    shop.publish(flow("points: {add: 5}", "tier: {set: Gold}", "wait: 1h", "tier: {set: Gold}", "end: there"))
    arrive(shop, ann)
    product.settle()
    keeps(shop, "tags")
    product.play(2 * HOUR)
    assert [row.reason for row in shop.rows(outbox)] == ["no_programme", "no_programme", "kept_in_tags"]
    assert shop.one(runs).outcome == "there"


def test_points_wait_for_a_store_that_has_yet_to_tell_the_standing(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: dict[str, Any]
) -> None:
    keeps(shop)
    shop.publish(flow("points: {add: 5}"))
    store.act(
        "set_metafield", customer=ann["id"], namespace="loyalty", key="points", type="number_integer", value="100"
    )
    arrive(shop, ann)
    product.settle("intake", "flows")
    product.settle("deliver")
    assert shop.one(outbox).reason == "standing_unknown" and not shop.rows(loyalty_states)
    product.settle()
    product.play(timedelta(minutes=5))
    assert shop.one(loyalty_states).points == 105


# --- Brevo


def test_attributes_are_made_and_written_as_far_as_they_fit(
    product: Installation, shop: ConnectedShop, ann: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = shop.deps.brevo(shop.shop)
    attributes.ensure(account, mapping.of_shop(shop.shop))
    account.create_attribute("normal", "QUIZ_AT", "date")
    shop.publish(
        flow("attribute: {QUIZ: coffee, QUIZ_SCORE: 7.5, QUIZ_AT: soon, FIRSTNAME: Eve, WANTS: event.channel}")
    )
    die_at("act.answered", monkeypatch)
    arrive(shop, ann)
    with pytest.raises(Death):
        product.settle()
    recover(product)
    found = shop.contacts()[ann["email"]]["attributes"]
    assert (found["QUIZ"], found["QUIZ_SCORE"], found["WANTS"]) == ("coffee", 7.5, "email")
    assert "QUIZ_AT" not in found and found.get("FIRSTNAME") != "Eve"
    (line,) = shop.rows(trail, code="attributes_written")
    assert line.detail["written"] == ["QUIZ", "QUIZ_SCORE", "WANTS"]
    assert line.detail["left_out"] == {"FIRSTNAME": "the mapping fills it", "QUIZ_AT": "“soon” is no date"}


@pytest.mark.row("S5-064")
def test_a_list_is_made_once_and_the_contact_is_on_it(
    product: Installation, shop: ConnectedShop, ann: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = BrevoAccount.create_list, []

    def deaf(self: BrevoAccount, name: str, folder: int) -> int:
        calls.append(real(self, name, folder))
        raise Retry("brevo", "the answer was not read")

    monkeypatch.setattr(BrevoAccount, "create_list", deaf)
    shop.publish(
        flow("list: {add: Quiz takers}", "wait: 1h", "list: {remove: Quiz takers, add: 2}", "list: {remove: No}")
    )
    arrive(shop, ann)
    product.settle()
    recover(product)
    lists = {one["name"]: one["id"] for one in shop.deps.brevo(shop.shop).lists()}
    assert calls == [lists["Quiz takers"]] and lists["Quiz takers"] in shop.contacts()[ann["email"]]["listIds"]
    product.play(2 * HOUR)
    assert set(shop.contacts()[ann["email"]]["listIds"]) & {2, *calls} == {2}
    assert [row.reason for row in shop.rows(outbox)] == [None, None, None]


def test_the_lists_of_those_who_agreed_are_left_alone(
    product: Installation, shop: ConnectedShop, ann: dict[str, Any]
) -> None:
    shop.set(lists={"newsletter": 2})
    shop.publish(flow("list: {remove: Your first list}", "end: there"))
    arrive(shop, ann)
    product.settle()
    assert shop.one(outbox).reason == "list_of_consent" and 2 in shop.contacts()[ann["email"]]["listIds"]


def test_a_contact_is_never_made_by_an_action(product: Installation, shop: ConnectedShop, ann: dict[str, Any]) -> None:
    """Of somebody of whom Brevo has not been told: it waits until it has been, with what they agreed to."""
    shop.publish(flow("list: {add: 2}"))
    arrive(shop, ann)
    product.settle("intake", "fetch", "flows")
    product.settle("deliver")
    assert shop.one(outbox).reason == "contact_not_there_yet" and ann["email"] not in shop.contacts()
    product.settle()
    product.play(timedelta(minutes=5))
    assert 2 in shop.contacts()[ann["email"]]["listIds"]
