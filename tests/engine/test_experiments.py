"""Comparing on the real parts: who gets which flow, what becomes of it when people turn out to be one or an arm has
won, and how the arms stand. Counted at the provider."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.flow_arms import arms
from connector.db.session import autocommitted
from connector.models.flow import runs, trail
from flows.core.experiments import Standing
from flows.core.problems import DefinitionError
from flows.definition_files import compile_texts
from flows.engine import experiments, lifecycle
from flows.engine.book import Book
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.engine.shoppers import agree, buy, subscribe
from tests.engine.test_arming import HELLO
from tests.sync.test_merging import joined

FLOW = """
flow: by-{arm}
name: By {arm}
trigger: {{on: newsletter_subscribed}}
goal: {{on: order_placed, within: 14d}}
exit: [order_placed]
reentry: always
test: {{name: words, arm: {arm}, shares: {shares}{winner}}}
steps:
  - email: {arm}
"""
SHARES = "{few: 50, many: 50}"
PEOPLE = 8


def flow(arm: str, shares: str = SHARES, winner: str = "") -> str:
    return FLOW.format(arm=arm, shares=shares, winner=f", winner: {winner}" if winner else "")


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[], marketing_cap={"count": 100, "days": 1})


def publish(shop: ConnectedShop, *texts: str) -> None:
    """As the command does, all at once."""
    folders = [compile_texts(text, {"few": HELLO, "many": HELLO}) for text in texts]
    with shop.scope() as scope:
        for folder in folders:
            lifecycle.publish_folder(scope, folder, by="cli", beside=folders)


def got(shop: ConnectedShop) -> dict[str, set[str]]:
    """The messages that each address was sent."""
    found: dict[str, set[str]] = {}
    for mail in shop.mails():
        found.setdefault(mail["to"], set()).add(mail["tags"][1])
    return found


def come(product: Installation, shop: ConnectedShop, first: int, count: int = PEOPLE) -> list[str]:
    for number in range(first, first + count):
        subscribe(shop, f"p{number}@x.test", number)
    product.settle()
    return [f"p{number}@x.test" for number in range(first, first + count)]


@pytest.mark.row("S5-160")
@pytest.mark.row("S5-183")
def test_whole_flows_share_the_people_of_one_trigger_until_one_has_won(
    product: Installation, shop: ConnectedShop
) -> None:
    publish(shop, flow("few"), flow("many"))
    first = come(product, shop, 1)
    sent = got(shop)
    assert set(sent) == set(first) and all(len(found) == 1 for found in sent.values())
    counts = Counter(arm for found in sent.values() for arm in found)
    assert set(counts) == {"few", "many"}
    other = shop.rows(trail, code="other_arm")
    assert len(other) == PEOPLE and {row.detail["test"] for row in other} == {"words"}
    # Some buy; then the test says how its arms stand.
    buyer = next(email for email, found in sent.items() if found == {"many"})
    buy(shop, buyer)
    product.settle()
    with autocommitted(shop.deps.engine) as connection:
        compared = experiments.of_test(connection, shop.id, Book(connection, shop.id).published("by-few", 1).flow.test)
    assert compared.standings == {"few": Standing(counts["few"], 0), "many": Standing(counts["many"], 1)}
    assert compared.outcome.winner is None and "each arm needs 1,000 recipients" in compared.outcome.why

    # One flow alone cannot say that the test is over.
    with pytest.raises(DefinitionError, match="has other winner in by-many than in by-few"):
        publish(shop, flow("few", winner="many"))
    publish(shop, flow("few", winner="many"), flow("many", winner="many"))
    then = come(product, shop, 20)
    assert {arm for email in then for arm in got(shop)[email]} == {"many"}


@pytest.mark.row("S5-181")
def test_the_command_shows_no_winner_of_few(product: Installation, shop: ConnectedShop, tmp_path: Path) -> None:
    publish(shop, flow("few"), flow("many"))
    come(product, shop, 1, 4)
    result = CliRunner().invoke(arms, ["by-few", "--shop", shop.shop.domain], obj=product.deps.settings)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("words:\n  few: ") and "No winner yet: each arm needs 1,000" in result.output
    nothing = CliRunner().invoke(arms, ["by-none", "--shop", shop.shop.domain], obj=product.deps.settings)
    assert nothing.exit_code == 1 and "There is no flow by-none here." in nothing.output


SPLIT = """
flow: halves
name: Halves
trigger: {{on: newsletter_subscribed}}
goal: {{on: order_placed, within: 14d}}
exit: [order_placed]
reentry: always
steps:
  - split:
      name: words
      shares: {{few: 40, many: 40, hold_out: 20}}
{winner}      arms: {{few: [{{email: few}}], many: [{{email: many}}]}}
  - wait: 1d
  - email: few
"""


@pytest.mark.row("S1-57")
def test_arms_of_a_split_stay_with_whoever_comes_back_and_whoever_is_merged(
    product: Installation, shop: ConnectedShop
) -> None:
    publish(shop, SPLIT.format(winner=""))
    come(product, shop, 1, 10)
    drew = {row.person_id: row.position["vars"]["split.words"] for row in shop.rows(runs)}
    assert len(set(drew.values())) == 3, drew
    with autocommitted(shop.deps.engine) as connection:
        (compared,) = experiments.of_splits(connection, shop.id, Book(connection, shop.id).published("halves", 1).flow)
    assert {arm: one.recipients for arm, one in compared.standings.items()} == Counter(drew.values())

    # Two in different arms turn out to be one: the older run goes on as it began, and what is drawn anew is the kept
    # one's, whatever a winner says of newcomers to the split.
    one, other = (next(who for who, arm in drew.items() if arm == wanted) for wanted in ("few", "many"))
    shop.deliver("customers/merge", joined(one, other))
    product.play(2 * DAY)
    kept = {row.person_id for row in shop.rows(runs) if row.outcome == "merged"}
    (person,) = kept
    again = next(number for number in (one, other) if number == person)
    agree(shop, f"p{again}@x.test", again, "unsubscribed")
    product.play(HOUR)
    agree(shop, f"p{again}@x.test", again)
    product.settle()
    newest = max(shop.rows(runs, person_id=person), key=lambda row: row.entered_at)
    assert newest.entered_at > product.now - HOUR and newest.position["vars"]["split.words"] == drew[person]
