"""What a trial says would happen is what happens; it writes nothing and sends nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from connector.db.schema import metadata
from connector.db.session import reading
from connector.models.event import events
from connector.models.person import persons
from connector.scope import Scope
from flows.content.source import parse
from flows.core.model import FlowVersion
from flows.definition_files import compile_texts
from flows.engine import trying
from flows.engine.book import Published
from flows.engine.trying import Deed, Letter, Move, Trial, playing
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.engine.shoppers import agree, buy, by_customer, subscribe

EMAIL = "ann@example.com"
MAIL = """---
subject: "{name} for {{{{ person.first_name | default: 'you' }}}}"
preview: "{{{{ event.order_name }}}}"
purpose: marketing
deadline: 20d
---
<p>Of {{{{ event.total }}}}. Code {{{{ coupon.offer.code | default: "none" }}}}.</p>
"""
FLOW = """
flow: thanks
name: Thanks
trigger: {on: order_placed, where: {event.total: {gte: 10}}}
audience: {person.consent.email: subscribed}
reentry: always
cap: count
steps:
  - email: first
  - wait: 1d
  - coupon: {as: offer, percent: 10, valid: 30d, prefix: THX}
  - when: {all: [{event.total: {gte: 50}}, {person.first_name: Ann}]}
    then: [{email: big}]
    else: [{email: small}]
  - split: {name: arm, shares: {a: 50, b: 50}, arms: {a: [{wait: 1h}], b: [{wait: 2h}]}}
  - wait: {until: "22:30"}
  - email: night
  - wait: {for: order_delivered, at_most: 2d}
  - email: last
"""
ABANDONED = """
flow: thanks
name: Abandoned
trigger: {on: checkout_abandoned, after: 2h, key: event.checkout_token}
steps:
  - coupon: {as: offer, percent: 10, valid: 30d}
  - wait: {until: +5h from trigger}
  - when: {checkout.total: {gte: 80}}
    then: [{email: first}]
"""
NAMES = ("first", "big", "small", "night", "last")


def written(definition: str = FLOW, version: int = 1) -> Published:
    texts = {name: MAIL.format(name=name) for name in NAMES if f"email: {name}" in definition}
    folder = compile_texts(definition, texts, "flow.yaml")
    flow = FlowVersion(**{name: getattr(folder.flow, name) for name in FlowVersion.__slots__} | {"version": version})
    return Published(flow, {name: parse(f"thanks/{name}", body) for name, body in texts.items()})


def published(shop: ConnectedShop) -> None:
    shop.publish(FLOW, **{name: MAIL.format(name=name) for name in NAMES})


def tried(shop: ConnectedShop, flow: Published, event: str = "order_placed", facts: Any = None) -> Trial:
    """Tried on the one person, in a transaction in which PostgreSQL refuses to write."""
    deps, person = shop.deps, shop.one(persons).id
    with reading(deps.engine) as connection:
        scope = Scope(connection, shop.shop, deps.clock.now(), deps.clock.machine(), deps.settings)
        return trying.play(scope, flow, person, trying.suppose(scope, flow.flow, person, event, facts))


def sent(trial: Trial) -> list[tuple[str, datetime]]:
    return [(one.message, one.at) for one in trial.lines if isinstance(one, Letter) and one.sent]


def said(trial: Trial) -> list[str]:
    return [one.message if isinstance(one, Letter) else one.code for one in trial.lines if not isinstance(one, Deed)]


def tables(shop: ConnectedShop) -> dict[str, Any]:
    with shop.deps.engine.connect() as connection:
        query = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t"
        return {name: connection.scalar(text(query.format(name))) for name in metadata.tables}


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """With somebody who agreed to emails, whose cap has room for three of the flow's four."""
    shop = product.connect(flows=[], quiet_hours={"start": "21:00", "end": "08:00"})
    # Somebody else's flow, which the same event starts: it is there as it would be.
    shop.publish("flow: parcels\nname: Parcels\ntrigger: {on: order_placed}\ntags: [parcels]\nsteps: [{wait: 20d}]\n")
    subscribe(shop, EMAIL, first_name="Ann")
    product.settle()
    return shop


def test_what_would_happen_is_what_happens(product: Installation, shop: ConnectedShop) -> None:
    before, calls = tables(shop), len(shop.account.log("request"))
    trial = tried(shop, written(), facts={"total": "60.00", "order_name": "#1", "order_id": 9001})
    assert tables(shop) == before and len(shop.account.log("request")) == calls
    published(shop)
    buy(shop, EMAIL, current_total_price="60.00", **by_customer(1, EMAIL))
    product.play(15 * DAY)
    really = [(name, at.replace(microsecond=0)) for name, at in shop.sent(EMAIL)]
    assert [name for name, _ in really] == ["first", "big", "night", "last"]
    # The store and the provider take a moment.
    assert [name for name, _ in sent(trial)] == [name for name, _ in really]
    for (name, planned), (_, left) in zip(sent(trial), really, strict=True):
        assert abs(planned - left) < timedelta(seconds=5), name
    assert trial.outcome == "completed" and not trial.real


def test_each_step_says_what_it_saw_and_what_holds_a_message_back(shop: ConnectedShop) -> None:
    now = shop.installation.now
    trial = tried(shop, written(), facts={"total": "40.00", "order_name": "#1"})
    assert [rule.rule for rule in trial.rules if not rule.holds] == [] and trial.entered_at == now
    (branch,) = [one for one in trial.lines if isinstance(one, Move) and one.code == "branched"]
    assert branch.detail["port"] == "else" and branch.at == now + DAY
    assert [(leaf.truth, leaf.fact) for leaf in branch.leaves] == [("no", "40.00"), ("yes", "Ann")]
    (arm,) = [one.detail["port"] for one in trial.lines if isinstance(one, Move) and one.code == "split"]
    assert arm in "ab"
    (deed,) = [one for one in trial.lines if isinstance(one, Deed)]
    assert (deed.action, deed.result["code"], deed.result["percent"]) == ("coupon", "THX-EXAMPLE", 10)
    letters = {one.message: one for one in trial.lines if isinstance(one, Letter)}
    first, small, night, last = (letters[name] for name in ("first", "small", "night", "last"))
    assert first.proof and (first.proof.title, first.proof.preview) == ("first for Ann", "#1")
    assert small.proof and "Code THX-EXAMPLE" in small.proof.text and "Code none" in first.proof.text
    # Half past ten is quiet: it leaves at eight, and the wait for the parcel counts from then.
    (put_off,) = night.put_off
    assert (put_off.reason, put_off.at.hour, put_off.until.hour, night.at) == ("quiet_hours", 22, 8, put_off.until)
    assert last.wanted_at == night.at + 2 * DAY and [one.reason for one in last.put_off][0] == "shop_cap"
    assert last.at - first.at >= 7 * DAY and "event_missed" in said(trial)
    assert 'href="https://shop.example/u/' not in str(first.proof.html), "its links are examples"


def test_who_is_kept_out_is_told_why_and_who_agreed_to_nothing_gets_nothing(shop: ConnectedShop) -> None:
    low = tried(shop, written(), facts={"total": "5.00"})
    assert low.entered_at is None and low.lines == ()
    assert [(rule.rule, rule.code) for rule in low.rules if rule.holds is False] == [("trigger", "trigger_unmatched")]
    beside = written(FLOW.replace("cap: count", "cap: count\nnot_while_in: [parcels]"))
    assert tried(shop, beside, facts={"total": "60.00"}).rules[8].code == "excluded"
    other = tried(shop, written(), event="login")
    assert other.entered_at is None and other.rules[0].code == "other_event"
    shop.installation.at(shop.installation.now + HOUR)
    agree(shop, EMAIL, state="unsubscribed")
    shop.installation.settle()
    everybody = written(FLOW.replace("audience: {person.consent.email: subscribed}\n", ""))
    none = tried(shop, everybody, facts={"total": "60.00", "order_name": "#1"})
    letters = [one for one in none.lines if isinstance(one, Letter)]
    assert none.entered_at and [one.message for one in letters] == ["first", "big", "night", "last"]
    assert {(one.sent, one.reason) for one in letters} == {(False, "no_consent")} and sent(none) == []
    assert all(one.proof for one in letters), "what would not be sent is shown, too"


def test_as_it_last_happened_and_as_it_is_made_up(product: Installation, shop: ConnectedShop) -> None:
    never = tried(shop, written())
    assert not never.real and never.event.props["order_name"] == "#1042" and sent(never)
    buy(shop, EMAIL, current_total_price="71.00", name="#7001", **by_customer(1, EMAIL))
    product.settle()
    assert shop.rows(events, name="order_placed")
    product.at(product.now + 3 * HOUR)
    trial = tried(shop, written())
    assert trial.real and trial.event.props["order_name"] == "#7001" and trial.event.occurred_at == product.now
    # A clock that is the trigger has rung as this flow sets it, and an event before it arms it.
    abandoned = written(ABANDONED)
    rung = tried(shop, abandoned, "checkout_abandoned")
    assert rung.entered_at == product.now
    (branch,) = [one for one in rung.lines if isinstance(one, Move) and one.code == "branched"]
    assert (branch.at, [leaf.fact for leaf in branch.leaves]) == (product.now + 3 * HOUR, ["86.00"])
    armed = tried(shop, abandoned, "checkout_updated")
    assert armed.entered_at == product.now + 2 * HOUR and armed.rules and all(rule.holds for rule in armed.rules)


def test_a_trial_that_would_write_is_refused_by_the_database(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what would be written is owed to the transaction's end, and paying it is what fails."""
    paid = playing._Play._visit

    def paying(self: Any, *asked: Any, **more: Any) -> Any:
        writes = paid(self, *asked, **more)
        writes.write(self.stage.scope)
        return writes

    monkeypatch.setattr(playing._Play, "_visit", paying)
    with pytest.raises(InternalError, match="read-only"):
        tried(shop, written(), facts={"total": "60.00"})
