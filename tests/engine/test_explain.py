"""What explains agrees with what decides, and what it names is what keeps somebody out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import InternalError

from connector.cli.explain import explain as command
from connector.db.session import reading
from connector.models.event import events
from connector.models.flow import flows, runs, trail
from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, persons, suppressions
from connector.models.told import support_tickets
from connector.scope import Scope
from flows.core import reasons
from flows.core.enrol import run_id
from flows.engine.claim import claim
from flows.engine.decide import decide_due
from flows.engine.explaining import Explanation, explain
from tests.engine.hindrances import FLOW, OTHER, REMOVALS, TEXT, TRIGGER, Crowd, crowd, pass_time, spoil
from tests.engine.installation import ConnectedShop, Installation, installation

ROUNDS = 15
LET_IN = (None, ("due", None))
PEOPLE = [pytest.param(100, id="100"), pytest.param(1000, id="1000", marks=pytest.mark.long)]


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


def told(shop: ConnectedShop, people: list[int], **more: Any) -> Mapping[int, Explanation]:
    """The explanations, read in a transaction that could write nothing."""
    deps = shop.deps
    with reading(deps.engine) as connection:
        scope = Scope(connection, shop.shop, deps.clock.now(), deps.clock.machine(), deps.settings)
        return explain(scope, people, FLOW, **{"ahead": False, **more})


def decide(shop: ConnectedShop) -> None:
    while decide_due(shop.deps, shop.shop).more:
        pass


def blockers(one: Explanation) -> list[tuple[str, Mapping[str, Any]]]:
    """All that keeps somebody from being written to: (code, what would change it)."""
    found = [(rule.code, rule.change) for rule in one.rules if rule.holds is False]
    for message in one.if_entered[:1]:
        found += [(check.reason, check.change) for check in message.checks if check.reason]
    return [(code, change) for code, change in found if code and change]


def expected(one: Explanation) -> tuple[str | None, tuple[str, str | None] | None]:
    """(the refusal of the trail, what becomes of the first message), as explained."""
    if one.blockers:
        return (None if one.blockers[0] in reasons.PASSED_OVER else one.blockers[0]), None
    first = one.if_entered[0]
    return None, ("skipped" if first.verdict == "skip" else "due", first.reason)


def decided(of: Crowd) -> dict[int, tuple[str | None, tuple[str, str | None] | None]]:
    """The same, as it was decided of the newest quiz."""
    shop = of.shop
    with shop.deps.engine.connect() as connection:
        newest = {
            row.person_id: row.id
            for row in connection.execute(
                select(events.c.person_id, events.c.id).where(events.c.name == TRIGGER).order_by(events.c.seq)
            )
        }
    entered = {row.id for row in shop.rows(runs, flow=FLOW)}
    refused = {row.detail.get("event_id"): row.code for row in shop.rows(trail, flow=FLOW, run_id=None)}
    sent = {row.run_id: (row.state, row.reason) for row in reversed(shop.rows(outbox, flow=FLOW))}
    answers = {}
    for person, event in newest.items():
        own = run_id(FLOW, event)
        answers[person] = (None, sent[own]) if own in entered else (refused.get(str(event)), None)
    return answers


def differing(explained: Mapping[int, Explanation], found: Mapping[int, Any], people: list[int]) -> list[Any]:
    return [(one, expected(explained[one]), found[one]) for one in people if expected(explained[one]) != found[one]]


@pytest.mark.parametrize("count", PEOPLE)
def test_it_agrees_with_the_engine_and_what_it_names_is_what_keeps_them_out(product: Installation, count: int) -> None:
    """Everybody does the quiz. Of whom the flow does not write to, one of the named hindrances is taken away, and so
    on, until they are let in and written to: never before the last that was named is gone."""
    shop = product.connect(flows=[])
    some = crowd(shop, count, seed=count)
    chance = random.Random(count)  # noqa: S311
    met: set[str] = set()
    wrong_of_others: list[Any] = []
    waiting, gone, left = some.ids, dict[int, str](), dict[int, list[str]]()
    for _ in range(ROUNDS):
        some.play(waiting)
        explained = told(shop, waiting)
        decide(shop)
        became = decided(some)
        assert differing(explained, became, waiting) == []
        named = {person: blockers(one) for person, one in explained.items()}
        for person, code in gone.items():
            codes = [found for found, _ in named[person]]
            assert code not in codes, (person, code, codes)
            # What was named beside it and that time does not change still stands.
            assert {one for one in left[person] if REMOVALS.get(one) is not pass_time} <= {*codes}, (
                person,
                code,
                codes,
            )
        wrong_of_others += differing(explained, dict(zip(waiting, reversed(became.values()), strict=False)), waiting)
        some.forget()
        gone, left = {}, {}
        for person, found in named.items():
            met |= {code for code, _ in found}
            if not found:
                assert became[person] == LET_IN
                continue
            assert became[person] != LET_IN
            possible = [(code, change) for code, change in found if change["possible"]]
            if not possible or len(possible) < len(found):
                continue
            code, change = chance.choice(possible)
            REMOVALS[code](some, person, change)
            gone[person] = code
            left[person] = [one for one, _ in found if one != code]
        waiting = list(gone)
        if not waiting:
            break
    assert waiting == []
    # The control: what is said of one is not so of another.
    assert len(wrong_of_others) > count / 4
    # Every kind of hindrance was somebody's.
    assert met >= {*REMOVALS, "held_out"} - {"audience_unclear"}


@pytest.mark.parametrize("count", PEOPLE)
def test_it_agrees_with_the_gate_about_what_is_due(product: Installation, count: int) -> None:
    """Messages are due, and then something comes between, of which the runs hear nothing."""
    shop = product.connect(flows=[])
    some = crowd(shop, count, seed=7, one_in=20)
    some.play(some.ids)
    decide(shop)
    due = {row.person_id: row for row in shop.rows(outbox, flow=FLOW, state="due") if row.due_at <= product.now}
    before = told(shop, list(due))
    spoil(some, due, random.Random(count))  # noqa: S311
    explained = told(shop, list(due))
    claim(shop.deps, shop.shop, [row.id for row in due.values()], asked=False)
    became = {row.person_id: row for row in shop.rows(outbox, flow=FLOW) if row.person_id in due}

    def wrong(said: Mapping[int, Explanation]) -> set[int]:
        return {person for person, one in said.items() if message(one) != settled(became[person])}

    def message(one: Explanation) -> tuple[str, str | None]:
        (inside,) = one.inside
        first = inside.messages[0]
        assert (one.standing, first.state) == ("inside", "due")
        return {"send": "leased", "defer": "due", "skip": "skipped"}[first.verdict], first.reason

    def settled(row: Any) -> tuple[str, str | None]:
        return row.state, row.reason

    assert wrong(explained) == set()
    assert {row.reason for row in became.values()} >= {"no_consent", "held", "recent_purchase", "render", None}
    # The control: what was said before is wrong now.
    assert len(wrong(before)) > len(due) / 3


@pytest.fixture
def ann(product: Installation) -> Crowd:
    """Somebody whom nothing hinders, but that she has never ordered; nobody else."""
    shop = product.connect(flows=[])
    found = crowd(shop, 1, seed=1)
    (person,) = found.ids
    with shop.scope() as scope:
        for table in (consents, suppressions, support_tickets, send_ledger, runs):
            scope.connection.execute(delete(table).where(table.c.shop_id == shop.id))
        agreed = {"state": "subscribed", "level": "confirmed_opt_in", "source": "test", "evidence_at": product.now}
        row = {"shop_id": shop.id, "person_id": person, "channel": "email", "purpose": "newsletter", **agreed}
        scope.connection.execute(insert(consents), row)
    plain = {"orders_count": 0, "country": "US", "tags": [], "phone": "+4915112345678", "seed": UUID(int=3)}
    shop.change(persons, {**plain, "last_order_at": None}, id=person)
    found.played[person] = 90
    return found


def ask(of: Crowd, wanted: str, *more: str) -> Result:
    arguments = ["--shop", of.shop.shop.domain, "--person", wanted, *more]
    return CliRunner().invoke(command, arguments, obj=of.shop.deps.settings)


def test_the_command_in_words(product: Installation, ann: Crowd) -> None:
    (person,) = ann.ids
    answers = [ask(ann, wanted, "--flow", FLOW).output for wanted in (" P0@crowd.example", "5000", "+49 151 12345678")]
    assert answers[0] == answers[1] == answers[2]
    assert "WOULD NOT ENTER. The person is not in the flow's audience." in answers[0]
    assert "It would change when person.orders_count is at least 1 (it is 0)." in answers[0]
    assert "it has not happened to them" in answers[0]
    assert "trigger      open" in answers[0] and "person.country is US: yes (it is US)" in answers[0]

    ann.shop.change(persons, {"orders_count": 2}, id=person)
    ann.play(ann.ids)
    would = ask(ann, "5000", "--flow", FLOW).output
    assert "WOULD ENTER." in would and "custom:quiz not decided yet" in would
    assert "email hello: send" in would and "email again: send" in would
    decide(ann.shop)
    ann.shop.change(persons, {"last_order_at": product.now}, id=person)
    inside = ask(ann, "5000", "--flow", FLOW).output
    assert "INSIDE." in inside and "custom:quiz entered" in inside
    assert "waits for what becomes of email hello (due)" in inside
    assert "recent_purchase  defer     The person has just bought something." in inside
    assert "It would change when it is longer ago that they bought: after 2026-11-09 09:00 UTC." in inside
    assert "What was decided so far:" in inside and "The person entered the flow." in inside

    each = ask(ann, "5000").output.splitlines()
    assert [line.split()[0] for line in each] == [OTHER, FLOW]
    assert "would enter" in each[0] and "inside" in each[1]


def test_the_command_as_json(ann: Crowd) -> None:
    ann.play(ann.ids)
    decide(ann.shop)
    told = orjson.loads(ask(ann, "5000", "--flow", FLOW, "--json").output)
    assert (told["standing"], told["blockers"]) == ("would not enter", ["outside_audience"])
    (happened,) = told["happened"]
    assert (happened["became"], happened["code"]) == ("kept out", "outside_audience")
    audience = next(rule for rule in told["rules"] if rule["rule"] == "audience")
    assert audience["change"]["wants"] == [{"field": "person.orders_count", "op": "gte", "value": 1, "holds": True}]
    assert [leaf["truth"] for leaf in audience["leaves"]] == ["no", "yes", "no"]
    assert [one["flow"] for one in orjson.loads(ask(ann, "5000", "--json").output)] == [OTHER, FLOW]


@pytest.mark.parametrize(
    ("wanted", "more", "said"),
    [
        ("nobody@example.com", (), "Nobody at a.myshopify.com is known by nobody@example.com."),
        ("5000", ("--flow", "none"), "a.myshopify.com has no flow none: see `connector flows list"),
    ],
)
def test_whoever_or_whatever_is_not_there_is_named(ann: Crowd, wanted: str, more: tuple[str, ...], said: str) -> None:
    answer = ask(ann, wanted, *more)
    assert answer.exit_code == 1 and said in answer.output


DOING = f"""
flow: doing
name: Doing
trigger: {{on: "{TRIGGER}"}}
steps:
  - score: {{lead: 5}}
  - suppress: email
  - enter: {OTHER}
  - email: hello
"""


def test_whatever_a_step_changes_is_changed_on_trial_only(ann: Crowd) -> None:
    """In a transaction that could write nothing; the control: it could not."""
    shop = ann.shop
    shop.publish(DOING, hello=TEXT)
    ann.play(ann.ids)
    deps = shop.deps
    with reading(deps.engine) as connection:
        scope = Scope(connection, shop.shop, deps.clock.now(), deps.clock.machine(), deps.settings)
        (one,) = explain(scope, ann.ids, "doing").values()
        assert (one.standing, one.if_entered[0].reason) == ("would enter", "suppressed")
        with pytest.raises(InternalError, match="read-only"):
            connection.execute(delete(suppressions).where(suppressions.c.shop_id == shop.id))
    assert shop.rows(suppressions) == []
    decide(shop)
    assert [(row.channel, row.reason) for row in shop.rows(suppressions)] == [("email", "sunset")]
    assert shop.one(outbox, flow="doing").reason == "suppressed"


def test_a_flow_that_is_not_active_lets_nobody_in(ann: Crowd) -> None:
    ann.shop.change(persons, {"orders_count": 1}, id=ann.ids[0])
    ann.play(ann.ids)
    ann.shop.change(flows, {"status": "paused"}, flow=FLOW)
    (one,) = told(ann.shop, ann.ids).values()
    assert (one.standing, one.blockers) == ("would not enter", ("not_active",))
    assert one.changes == ("the flow is active (it is paused)",)
    decide(ann.shop)
    assert ann.shop.rows(runs, flow=FLOW) == []


def test_what_is_asked_beside_the_rules_is_told_as_well(ann: Crowd) -> None:
    """Of a flow that is left to Brevo: whether anybody may write to them, which no gate asks there."""
    shop, person = ann.shop, ann.ids[0]
    shop.change(persons, {"orders_count": 1}, id=person)
    shop.change(flows, {"mode": "brevo"}, flow=FLOW)
    ann.play(ann.ids)
    assert told(shop, ann.ids)[person].standing == "would enter"
    shop.change(consents, {"state": "unsubscribed"}, person_id=person)
    one = told(shop, ann.ids)[person]
    assert (one.standing, one.blockers) == ("would not enter", ("not_permitted",))
    assert one.changes == ("they agree to messages on a channel of the flow",)
    decide(shop)
    assert [row.code for row in shop.rows(trail, flow=FLOW)] == ["not_permitted"]
