"""For any flow, people and deaths of workers: nothing twice, nothing too late, nobody lost, and every reason said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows.channels import CHANNELS
from flows.core.gate import Send
from flows.engine import claim, desk, writes
from flows.engine.writes import Writes
from tests.engine.any_flow import Story
from tests.engine.installation import Installation

# Six in seven of these stories have deaths in all four stages.
SEEDS = range(1, 9)


def test_a_random_story_keeps_every_promise(product: Installation) -> None:
    story = Story(product, product.connect(flows=[], consent_to_store=False), seed=3, people=5, deeds=16)
    story.play()
    assert story.faults() == []
    assert story.shop.mails() and story.deaths.total() > 5


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_random_stories_with_eight_workers_keep_every_promise(product: Installation, seed: int) -> None:
    story = Story(
        product, product.connect(flows=[], consent_to_store=False), seed, workers=8, people=12, deeds=70, share=0.05
    )
    story.play()
    assert story.faults() == []
    assert story.shop.mails() and story.deaths.total() > 15


# The controls: each breaks one thing, and the story says so.


@pytest.fixture
def story(product: Installation) -> Story:
    return Story(
        product, product.connect(flows=[], consent_to_store=False), 5, workers=4, people=10, deeds=50, share=0.06
    )


@pytest.mark.long
def test_a_sender_that_does_not_look_before_it_sends_again_is_caught(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = replace(CHANNELS["email"], look_up=lambda *given: None)
    monkeypatch.setitem(CHANNELS, "email", blind)  # type: ignore[arg-type]
    story.often = {"t4.answered": 0.4}
    story.play()
    assert {fault.partition(":")[0] for fault in story.faults()} >= {"twice"}


@pytest.mark.long
def test_a_sender_that_asks_nobody_is_caught(product: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    # A seed with which messages wait while something happens that stops them.
    shop = product.connect(flows=[], consent_to_store=False)
    story = Story(product, shop, 1, workers=4, people=6, deeds=60, share=0.05)
    monkeypatch.setattr(claim, "ask", lambda *given, **more: Send())
    monkeypatch.setattr(writes, "settle", lambda *given, **more: False)
    story.play()
    assert {fault.partition(":")[0] for fault in story.faults()} >= {"too late"}


@pytest.mark.long
def test_a_decider_that_forgets_somebody_is_caught(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol = desk.enrol

    def forgetful(flow: Any, event: Any, *rest: Any, **more: Any) -> Any:
        return None if event.id.int % 5 == 0 else enrol(flow, event, *rest, **more)

    monkeypatch.setattr(desk, "enrol", forgetful)
    story.play()
    assert {fault.partition(":")[0] for fault in story.faults()} >= {"lost"}


@pytest.mark.long
def test_a_clock_that_is_not_wound_is_caught(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Writes._timers

    def careless(self: Writes, scope: Any) -> None:
        for key in [key for key, row in self.timers.items() if row is not None and row["person_id"] % 4 == 0]:
            del self.timers[key]
        write(self, scope)

    monkeypatch.setattr(Writes, "_timers", careless)
    story.play()
    assert {fault.partition(":")[0] for fault in story.faults()} >= {"stuck"}


@pytest.mark.long
def test_a_skip_without_a_reason_is_caught(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Writes._outbox

    def silent(self: Writes, scope: Any) -> None:
        self.outbox = [{**row, "reason": None if row["state"] == "skipped" else row["reason"]} for row in self.outbox]
        write(self, scope)

    monkeypatch.setattr(Writes, "_outbox", silent)
    story.play()
    assert {fault.partition(":")[0] for fault in story.faults()} >= {"without a reason"}
