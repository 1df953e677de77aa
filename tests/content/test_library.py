"""The flows that a shop begins with: what each message says in each situation, and when it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import pytest

from flows.content import text_message
from flows.content.check import problems
from flows.content.context import example
from flows.content.render import Rendered, render
from flows.content.source import MessageSource, parse
from flows.core.enrol import enrol
from flows.core.facts import Facts
from flows.core.machine import advance
from flows.core.model import EffectDone, Entered, Event, Run, TimerFired, TimerSet
from flows.definition_files import FlowFolder, format_text, read_folder
from flows.engine.publish import FROM_THE_START
from tests.content.mailbox import elements, visible_text

LIBRARY = Path(str(files("flows") / "library"))
FLOWS = sorted(FROM_THE_START)
MESSAGES = sorted(
    f"{folder}/{file.stem}" for folder in FLOWS for file in (LIBRARY / folder / "messages").glob("*.liquid")
)
TEXTS = ["cart-recovery/quick-reminder"]
EMAILS = [name for name in MESSAGES if name not in TEXTS]
OWN: dict[str, str | int] = {"code": "BACK-7YQK4MTR9X", "percent": 12, "ends_at": "2026-05-08T10:00:00+00:00"}
DAY = timedelta(days=1)
START = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def source(name: str) -> MessageSource:
    folder, message = name.split("/")
    return parse(name, (LIBRARY / folder / "messages" / f"{message}.liquid").read_text("utf-8"))


def context(name: str, **offer: object) -> dict:
    """The example for this message, without codes of one's own; with ``offer``, the shop's only offer is changed so."""
    facts = {**example(checkout=name.startswith("cart")), "coupon": {}}
    for value in facts["shop"]["offers"].values():
        value |= offer
    return facts


def folder(name: str) -> FlowFolder:
    return read_folder(LIBRARY / name, lambda message: problems(message, example()))


def test_both_flows_are_there() -> None:
    assert FLOWS == ["cart-recovery", "welcome"]
    assert len(MESSAGES) == 12


@pytest.mark.parametrize("name", FLOWS)
def test_the_files_are_canonical_and_whole(name: str) -> None:
    text = (LIBRARY / name / "flow.yaml").read_text("utf-8")
    assert format_text(text) == text
    read = folder(name)
    assert {f"{name}/{message}" for message in read.texts} == {each for each in MESSAGES if each.startswith(name)}
    assert (read.flow.cap, read.flow.exits) == ("own", read.flow.exits)
    assert {"order_placed", "unsubscribed"} <= set(read.flow.exits)


@pytest.mark.parametrize("name", MESSAGES)
def test_nothing_is_wrong_with_any_message(name: str) -> None:
    assert problems(source(name), context(name)) == []


@pytest.mark.row("S1-27")
@pytest.mark.parametrize("offers", [True, False], ids=["with offers", "without offers"])
@pytest.mark.parametrize("name", EMAILS)
def test_every_message_is_complete_for_everybody(name: str, offers: bool) -> None:
    facts = {**example(offers=offers, checkout=name.startswith("cart")), "coupon": {}}
    facts["person"] |= {"first_name": None, "last_name": None}
    rendered = render(source(name), facts)
    assert facts["links"]["unsubscribe"] in rendered.links
    assert facts["links"]["unsubscribe"] in rendered.text
    assert len(rendered.subject) <= 70
    assert "Ada" not in rendered.html
    if not offers:
        for word in ("code", "%", "discount"):
            assert word not in rendered.subject + rendered.preview + visible_text(rendered.html) + rendered.text
    if name.startswith("cart"):
        assert facts["checkout"]["recovery_url"] in rendered.links
        assert "Linen apron" in rendered.text


@pytest.mark.parametrize("name", ["incentive", "incentive-urgency", "last-chance"])
def test_a_code_of_ones_own_goes_before_the_one_for_all(name: str) -> None:
    source_ = source(f"cart-recovery/{name}")
    for known in ({"cart": OWN}, {"cart": None}, {}):
        for offers in (True, False):
            rendered = render(source_, {**example(offers=offers), "coupon": known})
            own, for_all = bool(known.get("cart")), offers and not known.get("cart")
            assert (str(OWN["code"]) in rendered.text, "CART10" in rendered.text) == (own, for_all)
            said = rendered.subject + rendered.preview + rendered.text
            assert ("12%" in said, "10%" in said) == (own, for_all)
            assert ("May 8, 2026" in said) == (own and name != "last-chance")


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_one_segment_with_its_link_for_every_shop_of_middling_length(name: str) -> None:
    facts = example()
    links: list[str] = []

    def shorten(target: str) -> str:
        links.append(target)
        return "https://go.shop.example/c/1-0000000000"

    text = text_message.fill(source(name), facts, shorten)
    assert links == [facts["checkout"]["recovery_url"]] and text.startswith("Fern & Fjord: ")
    length = text_message.as_billed(text)
    assert (length.segments, length.unicode) == (1, False) and length.places < 140


@pytest.mark.parametrize("name", EMAILS)
def test_what_is_tapped_is_large_enough(name: str) -> None:
    """44 px: the padding of the button and of the unsubscribe link, and one line of their text."""
    found = elements(render(source(name), context(name)).html)
    tapped = [found[number + 1][1]["style"] or "" for number, (_, each) in enumerate(found) if "15px 30px" in str(each)]
    styles = [each["style"] or "" for tag, each in found if tag == "a" and each.get("style")]
    buttons = [style for style in styles if "padding:15px 30px" in style]
    leave = [style for style in styles if "padding:12px 16px" in style]
    assert len(buttons) == 1 and "font-size:16px" in buttons[0]
    # To unsubscribe, and to choose.
    assert len(leave) == 2 and all("display:inline-block" in style for style in leave)
    assert tapped


def last_call(**offer: object) -> Rendered:
    return render(source("welcome/last-call"), context("welcome", **offer))


def test_a_code_is_only_announced_while_it_works() -> None:
    assert last_call(expires_days=9).subject == "Your 15% discount expires tomorrow"
    assert last_call(expires_days=30).subject == "Your 15% discount is still waiting"
    assert last_call(expires_days=None).subject == "Your 15% discount is still waiting"
    assert last_call(expires_days=None, percent=None).subject == "Your discount is still waiting"
    over = last_call(expires_days=8)
    assert over.subject == "Can we help you find something?"
    assert "HELLO15" not in over.html + over.text
    for name, days in (("welcome/story", 2), ("welcome/favourites", 4), ("cart-recovery/last-chance", 1)):
        code = "HELLO15" if name.startswith("welcome") else "CART10"
        assert code in render(source(name), context(name, expires_days=days + 1)).text
        assert code not in render(source(name), context(name, expires_days=days)).text


def test_the_first_mails_say_what_they_are() -> None:
    assert render(source("welcome/hello"), context("welcome")).subject == (
        "Welcome to Fern & Fjord - here's 15% off your first order"
    )
    reminder = render(source("cart-recovery/reminder"), context("cart"))
    assert reminder.subject == "Ada, you left something behind"
    assert "CART10" not in reminder.html


def sent(name: str, trigger: Event, facts: Facts, now: datetime) -> list[tuple[timedelta, str]]:
    """When the messages of a run leave, counted from START, if each is taken 40 seconds after it was due."""
    flow = folder(name).flow
    run = enrol(flow, trigger, (), (), facts, now)
    assert isinstance(run, Run), run
    leaving: list[tuple[timedelta, str]] = []
    transition = advance(flow, run, Entered(), facts, now)
    while transition.run.state == "live":
        if transition.effects:
            (effect,) = transition.effects
            if effect.message:
                leaving.append((now - START, effect.message))
            now += timedelta(seconds=40)
            done = EffectDone(effect.key, "accepted", "", now)
            transition = advance(flow, transition.run, done, facts, now)
        else:
            (timer,) = (each for each in transition.timers if isinstance(each, TimerSet))
            now = timer.due_at
            transition = advance(flow, transition.run, TimerFired(timer.token), facts, now)
    return leaving


PERSON = {"id": 1, "seed": "5eed", "orders_count": 0, "timezone": "Europe/Stockholm"}


def test_welcome_leaves_on_days_0_2_4_6_8() -> None:
    trigger = Event(UUID(int=1), "newsletter_subscribed", START, "customer:1", None, 1, {})
    facts = {"person": PERSON, "shop": example()["shop"], "event": {}}
    assert sent("welcome", trigger, facts, START) == [
        (0 * DAY, "hello"),
        (2 * DAY, "story"),
        (4 * DAY, "favourites"),
        (6 * DAY, "guide"),
        (8 * DAY, "last-call"),
    ]


@pytest.mark.parametrize(("offers", "third"), [(True, {"incentive", "incentive-urgency"}), (False, {"any-questions"})])
def test_cart_recovery_leaves_at_1_24_48_72_hours(offers: bool, third: set[str]) -> None:
    hour = timedelta(hours=1)
    props = {"checkout_token": "abc", "total": 86, "anchor_at": START.isoformat()}
    trigger = Event(UUID(int=2), "checkout_abandoned", START + hour, "checkout:abc", "abc", 1, props)
    arms = set()
    for seed in range(12):
        facts = {
            "person": {**PERSON, "seed": str(seed)},
            "shop": example(offers=offers)["shop"],
            "event": props,
        }
        times = sent("cart-recovery", trigger, facts, START + hour)
        assert [when for when, _ in times] == [hour, 24 * hour, 48 * hour, 72 * hour]
        first, second, incentive, last = (message for _, message in times)
        assert (first, second, last) == ("reminder", "second-look", "last-chance")
        arms.add(incentive)
    assert arms == third


def test_the_schedule_is_the_files() -> None:
    """The control: another anchor moves every message, so the times above are not the test's own."""
    trigger = Event(UUID(int=1), "newsletter_subscribed", START + DAY, "customer:1", None, 1, {})
    facts = {"person": PERSON, "shop": example()["shop"], "event": {}}
    moved = sent("welcome", trigger, facts, START + DAY)
    assert [when for when, _ in moved] == [DAY, 3 * DAY, 5 * DAY, 7 * DAY, 9 * DAY]
    ordered = {**facts, "person": {**PERSON, "orders_count": 1}}
    assert not isinstance(enrol(folder("welcome").flow, replace(trigger), (), (), ordered, START + DAY), Run)
