"""What would change an answer: each code has a sentence, and what it says is so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.core import reasons, remedies
from flows.core.enrol import enrol, examine
from flows.core.gate import Defer, Send, Skip, gate
from flows.core.gate import examine as examine_gate
from flows.core.model import Note, PastRun, Run
from flows.core.remedies import NEVER, OF_ENTRY, OF_MESSAGES, of_entry, of_message
from tests.core.examples import DAY, FACTS, T0, abandoned, event, flow
from tests.core.test_gate import FINE, MESSAGE, OBJECTIONS


def test_every_refusal_and_every_objection_says_what_would_change_it() -> None:
    assert set(OF_ENTRY) == {*reasons.REFUSALS, *reasons.PASSED_OVER, "not_active"}
    assert set(OF_MESSAGES) == set(reasons.OBJECTIONS)


def asked(of: Any, **facts: Any) -> tuple[Note, remedies.Remedy]:
    """The refusal of somebody who left a checkout, and what would change it."""
    trigger = facts.pop("trigger", None) or abandoned()
    known = {**FACTS, **facts}
    note = next(one.objection for one in examine(of, trigger, [], facts.pop("past", ()), known, T0) if one.objection)
    return note, of_entry(of, note, {**known, "event": trigger.props}, T0)


def test_the_change_of_a_refusal_in_words() -> None:
    _, change = asked(flow(audience={"person.orders_count": {"gte": 2}, "person.consent.email": "subscribed"}))
    assert change.sentence == "person.orders_count is at least 2 (it is 0)"
    _, change = asked(flow(), trigger=abandoned(total="0.00"))
    assert change.sentence == "checkout_abandoned happens and event.total is more than 0 (it is 0.00)"
    _, change = asked(flow(), trigger=event("order_placed", T0))
    assert change.sentence == "checkout_abandoned happens"
    _, change = asked(flow(not_while_in=["post"]), flows={"live_tags": ["post"]})
    assert change.sentence == "they are in no flow tagged post"
    _, change = asked(flow(hold_out=90), person={**FACTS["person"], "seed": "held"})
    assert not change.possible and change.sentence.startswith(NEVER)


def test_time_that_is_enough_is_named_and_is_enough() -> None:
    again = flow(reentry={"after": "30d"})
    past = [PastRun("older", T0 - 10 * DAY)]
    note = enrol(again, abandoned(), [], past, FACTS, T0)
    assert isinstance(note, Note)
    change = of_entry(again, note, FACTS, T0)
    assert change.after == T0 + 20 * DAY and change.sentence == "it is later: after 2026-11-22 10:00 UTC"
    early, late = change.after - timedelta(seconds=1), change.after
    assert isinstance(enrol(again, abandoned(), [], past, FACTS, early), Note)
    assert isinstance(enrol(again, abandoned(), [], past, FACTS, late), Run)


def test_an_audience_that_time_alone_lets_in() -> None:
    lapsed = flow(audience={"person.last_order_at": {"before": "60d ago"}})
    _, change = asked(lapsed, person={**FACTS["person"], "last_order_at": (T0 - 50 * DAY).isoformat()})
    assert change.after == T0 + 10 * DAY
    # Beside something that time does not change it is of no use.
    _, change = asked(
        flow(audience={"person.last_order_at": {"before": "60d ago"}, "person.country": "FR"}),
        person={**FACTS["person"], "last_order_at": (T0 - 50 * DAY).isoformat(), "country": "DE"},
    )
    assert change.after is None and len(change.wants) == 2


@pytest.mark.parametrize(("facts", "objection"), [(found[0], found[1]) for found in OBJECTIONS])
def test_the_change_of_every_objection(facts: Mapping[str, Any], objection: Any) -> None:
    change = of_message(objection, channel="email")
    assert change.sentence and not re.search(r"[{}]|\(why\)|\(tag\)|\(flow\)", change.sentence)
    if isinstance(objection, Defer):
        assert change.after == objection.until and change.possible
        # What it waits for is over then, or is asked about again.
        verdict = gate(MESSAGE, replace(FINE, **facts), objection.until)
        asked_again = {"held", "consent_unknown", "rival", "daily_quota"}
        assert verdict == Send() or objection.reason in asked_again or verdict.reason != objection.reason
    # The gate names it among all that it has against the message.
    named = [one.verdict for one in examine_gate(MESSAGE, replace(FINE, **facts), T0)]
    assert objection in named


def test_what_would_come_too_late_says_so() -> None:
    change = of_message(Skip("deadline", {"because": "quiet_hours"}), channel="email")
    assert change.sentence == "the quiet hours are over, before the message's deadline"
    assert not of_message(Skip("deadline", {"deadline": "x"}), channel="email").possible
    nowhere = of_message(Skip("render", {"problem": remedies.NO_ADDRESS}), channel="sms")
    assert nowhere.sentence == "there is something to write to them at by sms"
