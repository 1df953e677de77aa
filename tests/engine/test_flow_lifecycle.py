"""What becomes of people inside a flow when it is paused, published anew, taken back or archived, and when they are
handed on, begin anew or are taken out. Counted at the provider."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connector import eventlog
from connector.cli.flows import flows as command
from connector.models.flow import flow_versions, goal_watches, runs, trail
from connector.models.outbox import outbox
from connector.models.person import suppressions
from connector.models.staff import audit_log
from flows.engine import endings
from flows.engine.decide import decide_due
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import agree, buy, by_customer, subscribe

ANN, BOB = "ann@example.com", "bob@example.com"
MAIL = """---
subject: '{subject}'
purpose: marketing
deadline: 2d
---
<p>{subject}</p>
"""
NEWS = """flow: news
name: News
trigger: {on: newsletter_subscribed}
cap: own
goal: {on: order_placed, within: 30d}
exit: [tag_added]
steps: [{email: hello}, {wait: 1d}, {email: second}]
"""


def mail(subject: str) -> str:
    return MAIL.format(subject=subject)


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    made = product.connect(flows=[])
    made.publish(NEWS, hello=mail("Hello"), second=mail("Second"))
    return made


def join(product: Installation, shop: ConnectedShop, *emails: str) -> None:
    for number, email in enumerate(emails, start=1):
        subscribe(shop, email, number)
    product.settle()


def say(shop: ConnectedShop, *words: str) -> str:
    done = CliRunner().invoke(command, [*words, "--shop", shop.shop.domain], obj=shop.deps.settings)
    assert done.exit_code == 0, done.output
    return done.output


def refused(shop: ConnectedShop, *words: str) -> str:
    done = CliRunner().invoke(command, [*words, "--shop", shop.shop.domain], obj=shop.deps.settings)
    assert done.exit_code == 1, done.output
    return done.output


def happen(shop: ConnectedShop, name: str, person_id: int = 1, /, **props: Any) -> None:
    now = shop.installation.now
    fact = eventlog.Fact(name, f"test:{name}:{person_id}:{now}", now, f"person:{person_id}", person_id, props=props)
    with shop.scope() as scope:
        eventlog.append(scope, [fact])


def names(shop: ConnectedShop, to: str | None = None) -> list[str]:
    return [name for name, _ in shop.sent(to)]


def codes(shop: ConnectedShop, *wanted: str) -> list[str]:
    return [row.code for row in shop.rows(trail) if row.code in wanted]


# Paused


@pytest.mark.row("S1-34")
@pytest.mark.row("S1-46")
def test_a_pause_holds_what_is_wanted_and_time_goes_on(product: Installation, shop: ConnectedShop) -> None:
    """Ann's wait ends in the pause and her message leaves when it is over; Bob, who came in between, is not let in."""
    join(product, shop, ANN)
    say(shop, "pause", "news")
    assert "news is paused" in refused(shop, "pause", "news")
    subscribe(shop, BOB, 2)
    product.play(DAY + HOUR)
    assert names(shop) == ["hello"] and shop.reasons()[1] == ("second", "due", "held")
    say(shop, "resume", "news")
    product.settle()
    assert shop.sent(ANN)[1] == ("second", START + DAY + HOUR) and names(shop, BOB) == []
    assert shop.one(runs).outcome == "completed"


def test_what_is_held_for_too_long_is_left_out_and_goals_count_in_a_pause(
    product: Installation, shop: ConnectedShop
) -> None:
    join(product, shop, ANN, BOB)
    say(shop, "pause", "news")
    product.play(DAY)
    buy(shop, BOB, **by_customer(2, BOB))
    product.play(3 * DAY)
    assert {(row.outcome, row.state) for row in shop.rows(runs)} == {("completed", "done"), ("goal", "done")}
    assert shop.reasons()[2:] == [("second", "skipped", "deadline"), ("second", "skipped", "run_goal")]
    say(shop, "resume", "news")
    product.settle()
    assert names(shop) == ["hello", "hello"]


def test_an_action_is_held_in_a_pause_too(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(
        "flow: offer\nname: Offer\ntrigger: {on: newsletter_subscribed}\ncap: own\n"
        "steps: [{coupon: {as: offer, percent: 10, valid: 3d}}]\n"
    )
    say(shop, "pause", "offer")
    say(shop, "resume", "offer")
    subscribe(shop, ANN, 1)
    product.settle("intake", "fetch", "flows")
    say(shop, "pause", "offer")
    product.settle()
    held = shop.one(outbox, flow="offer")
    assert (held.state, held.reason, held.attempts) == ("due", "held", 0)
    say(shop, "resume", "offer")
    product.settle()
    assert shop.one(outbox, flow="offer").state != "due"


# Versions


LATER = NEWS.replace("{wait: 1d}", "{wait: 3d, id: pause}").replace("{email: second}", "{email: third}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "news"
    (place / "messages").mkdir(parents=True)
    (place / "flow.yaml").write_text(LATER)
    for name, subject in (("hello", "Hello"), ("third", "Third")):
        (place / "messages" / f"{name}.liquid").write_text(mail(subject))
    return place


@pytest.mark.row("S1-54")
def test_publishing_says_who_is_inside_and_moves_them_by_a_map(
    product: Installation, shop: ConnectedShop, folder: Path
) -> None:
    join(product, shop, ANN)
    shown = say(shop, "publish", str(folder), "--preview")
    assert "1 person in version 1: wait (wait 1d)" in shown and "Nothing was changed" in shown
    assert "1 person in version 1" not in say(shop, "list") and len(shop.rows(flow_versions)) == 1
    assert "wait of version 1: version 2 has no such step" in refused(shop, "publish", str(folder), "--inside", "move")
    assert "has no step nowhere" in refused(shop, "publish", str(folder), "--inside", "move", "--map", "wait=nowhere")
    assert len(shop.rows(flow_versions)) == 1
    said = say(shop, "publish", str(folder), "--inside", "move", "--map", "wait=pause")
    assert "1 person in earlier versions go on in version 2" in said
    product.settle()
    assert (shop.one(runs).version, codes(shop, "new_version")) == (2, ["new_version"])
    # Who comes now and who was moved get the same, each once.
    subscribe(shop, BOB, 2)
    product.play(4 * DAY)
    assert names(shop, ANN) == ["hello", "third"] == names(shop, BOB)
    assert shop.sent(ANN)[1][1] - START < 3 * DAY + HOUR


def test_without_a_word_they_finish_what_they_are_in_and_it_can_be_taken_back(
    product: Installation, shop: ConnectedShop, folder: Path
) -> None:
    join(product, shop, ANN)
    assert "They finish what they are in" in say(shop, "publish", str(folder))
    assert "is published as version 2" in say(shop, "publish", str(folder))
    assert "is what version 1 was again, as version 3" in say(shop, "rollback", "news")
    assert "news has no version 9" in refused(shop, "rollback", "news", "--to", "9")
    contents = [(row.definition, row.messages) for row in shop.rows(flow_versions)]
    assert contents[0] == contents[2] != contents[1]
    subscribe(shop, BOB, 2)
    product.play(2 * DAY)
    assert names(shop, ANN) == ["hello", "second"] == names(shop, BOB)
    assert [row.version for row in shop.rows(runs)].count(3) == 1
    acts = [row.act for row in shop.rows(audit_log)]
    assert acts == ["flow.publish", "flow.publish", "flow.rollback"]


def test_those_inside_may_be_taken_out_with_the_new_version(
    product: Installation, shop: ConnectedShop, folder: Path
) -> None:
    join(product, shop, ANN)
    say(shop, "publish", str(folder), "--inside", "exit")
    product.play(2 * DAY)
    assert (shop.one(runs).outcome, names(shop)) == ("new_version", ["hello"])


@pytest.mark.row("S5-075")
def test_an_archived_flow_lets_nobody_in_and_one_person_is_taken_out(
    product: Installation, shop: ConnectedShop
) -> None:
    join(product, shop, ANN, BOB)
    assert "They leave news" in say(shop, "remove", "news", ANN)
    assert "2 people finish it" in say(shop, "archive", "news")
    assert "publish it to bring it back" in refused(shop, "resume", "news")
    subscribe(shop, "eve@example.com", 3)
    product.play(2 * DAY)
    assert (names(shop, ANN), names(shop, BOB)) == (["hello"], ["hello", "second"])
    assert {row.outcome for row in shop.rows(runs)} == {"removed", "completed"}
    assert "They are not in news." in say(shop, "remove", "news", ANN)
    assert ("flow.remove", "news") in {(row.act, row.object_id) for row in shop.rows(audit_log)}
    assert "news: archived" in say(shop, "list")


@pytest.mark.row("S5-197")
@pytest.mark.row("S5-202")
def test_a_flow_is_shown_in_words(shop: ConnectedShop) -> None:
    shown = say(shop, "show", "news").splitlines()
    assert shown[:3] == ["News (news), version 1", "Purpose: not written down", "Owner: not written down"]
    assert "Goal: order_placed within 30d" in shown and "  wait 1d" in shown
    assert "There is no flow gone here" in refused(shop, "show", "gone")


# Leaving


@pytest.mark.row("S5-213")
def test_what_ends_a_flow_stops_a_message_before_it_is_decided_about(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any event may end it, so any that has happened is looked at right before a message leaves. Without that look (the
    control) Bob is written to."""
    join(product, shop, ANN, BOB)
    product.at(START + DAY + HOUR)
    decide_due(shop.deps, shop.shop)
    happen(shop, "tag_added", 1, tag="vip")
    happen(shop, "tag_added", 2, tag="vip")
    bob = shop.rows(outbox, message="second", person_id=2)[0]
    shop.change(outbox, {"due_at": product.now + HOUR}, id=bob.id)
    product.settle("deliver")
    assert ("second", "skipped", "exit_rule") in shop.reasons() and names(shop, ANN) == ["hello"]
    monkeypatch.setattr(endings, "undecided", lambda scope, persons: defaultdict(list))
    product.at(product.now + HOUR)
    product.settle("deliver")
    assert names(shop, BOB) == ["hello", "second"]


@pytest.mark.row("S5-087")
def test_a_purchase_moves_somebody_on_into_another_flow(product: Installation, shop: ConnectedShop) -> None:
    shop.publish(
        NEWS.replace("flow: news", "flow: sale").replace("[tag_added]", "[{on: order_placed, move_to: thanks}]"),
        hello=mail("Hello"),
        second=mail("Second"),
    )
    shop.publish(
        "flow: thanks\nname: Thanks\ntrigger: {on: tag_added}\ncap: own\nhold_after_purchase: none\n"
        "steps: [{email: thank-you}]\n",
        **{"thank-you": mail("Thanks")},
    )
    join(product, shop, ANN)
    buy(shop, ANN, **by_customer(1, ANN))
    product.settle()
    sale, thanks = (shop.one(runs, flow=name) for name in ("sale", "thanks"))
    assert (sale.outcome, thanks.position["trigger"]["moved_from"]) == ("goal", "sale")
    assert thanks.position["trigger"]["order_id"] is not None
    product.play(2 * DAY)
    assert names(shop).count("thank-you") == 1 and names(shop).count("second") == 0
    # One that is archived takes nobody, and the trail says so.
    say(shop, "archive", "thanks")
    subscribe(shop, BOB, 2)
    product.settle()
    buy(shop, BOB, 9002, **by_customer(2, BOB))
    product.settle()
    assert codes(shop, "not_let_in") == ["not_let_in"]


@pytest.mark.row("S5-113")
@pytest.mark.row("S5-076")
def test_beginning_anew_with_what_has_just_happened(product: Installation, shop: ConnectedShop) -> None:
    """Looking at another category begins the flow anew: what was wanted for the first never leaves, and its goal is
    watched once. And nobody stays in it for longer than two days."""
    shop.publish(
        "flow: look\nname: Look\ntrigger: {on: 'custom:looked'}\ncap: own\nlimit: 2d\n"
        "restart: {on: ['custom:looked'], when_different: event.properties.category}\n"
        "goal: {on: order_placed, within: 30d}\n"
        "steps: [{wait: 3h}, {email: look}, {wait: 5d}, {email: late}]\n",
        look=mail("{{ event.properties.category }}"),
        late=mail("Late"),
    )
    join(product, shop, ANN)
    for hours, category in enumerate(("shoes", "shoes", "hats")):
        product.play_to(START + hours * HOUR)
        happen(shop, "custom:looked", 1, name="looked", properties={"category": category})
        product.settle()
    product.play_to(START + 6 * HOUR)
    assert [one["subject"] for one in shop.mails() if one["tags"][0] == "look"] == ["hats"]
    first, second = sorted(shop.rows(runs, flow="look"), key=lambda row: row.entered_at)
    assert (first.outcome, second.state) == ("restarted", "live")
    product.play(3 * DAY)
    assert shop.one(runs, id=second.id).outcome == "time_limit" and "late" not in names(shop)
    buy(shop, ANN, **by_customer(1, ANN))
    product.settle()
    watched = {row.run_id: row.reached_at is not None for row in shop.rows(goal_watches, flow="look")}
    assert watched == {first.id: False, second.id: True}


@pytest.mark.row("S5-212")
def test_a_goal_in_the_very_visit_in_which_somebody_enters_counts(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN, 1)
    buy(shop, ANN, **by_customer(1, ANN))
    product.settle("intake", "fetch", "flows")
    assert shop.one(runs).outcome == "goal"
    assert shop.one(goal_watches).reached_at is not None


def test_whom_a_flow_gives_up_on_is_left_alone_until_they_agree_anew(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.publish(
        "flow: sunset\nname: Sunset\ntrigger: {on: tag_added}\nsteps: [{suppress: email}]\n",
    )
    join(product, shop, ANN)
    happen(shop, "tag_added", tag="quiet")
    product.settle()
    assert shop.one(suppressions).reason == "sunset"
    agree(shop, ANN, 1, "unsubscribed")
    product.play(HOUR)
    agree(shop, ANN, 1)
    product.settle()
    assert shop.rows(suppressions) == []
