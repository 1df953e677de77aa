"""Somebody came to so many points of a score: 50 as a lead, 20 for engagement, as long as the shop's setting
`signals.scores` says nothing else. Exactly that many points reach it.

Whoever falls below and comes back is told of again.
"""

from __future__ import annotations

from datetime import datetime

from flows.core import chance, scores
from flows.core.activity import SCORED
from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.scores import ScoresSchema
from flows.core.signals.signal import Derived, NewEvent, Signal, SignalSettings

NAME = "score_reached"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    name, before, value = event.props["score"], event.props["before"], event.props["now"]
    of = scores.scoring(settings.chosen("scores", ScoresSchema))[name]
    seed = chance.seed(facts)
    return Derived(
        tuple(
            NewEvent(
                NAME,
                event.occurred_at,
                f"person:{event.person_id}",
                None,
                f"person:{seed}:{name}:{one}:{event.id}",
                {"score": name, "reached": one, "points": value},
            )
            for one in scores.passed(of, before, value)
        )
    )


SCORE_REACHED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({SCORED}),
    needs=frozenset({"person"}),
    props={
        "score": "lead or engagement",
        "reached": "the points that were reached",
        "points": "how many they have now",
    },
    derive=derive,
)
