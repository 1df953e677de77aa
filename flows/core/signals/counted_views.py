"""Things that somebody looked at so often, for the signals that count looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from flows.core import chance, views
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.signal import Derived, NewEvent, SignalSettings
from flows.core.views import LONGEST, MOST_LOOKS


class CountedSchema(Schema):
    class Meta:
        unknown = RAISE

    # How often, in how many days. Of several each is told; after so many days it counts anew.
    times = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, MOST_LOOKS)),
        load_default=lambda: [3],
        validate=validate.Length(1, 5),
    )
    days = fields.Integer(load_default=7, strict=True, validate=validate.Range(1, LONGEST.days))


def told(
    name: str, event: Event, facts: Facts, settings: SignalSettings, family: str, thing: str, props: Mapping[str, Any]
) -> Derived:
    """The signal `name` about `thing`, which `event` looked at. `family`: the part of the facts that counts it."""
    looks = lookup(facts, family)
    if not isinstance(looks, Mapping) or thing not in looks:
        return Derived()
    found = views.from_json({thing: looks[thing]}).of[thing]
    chosen = settings.chosen(name, CountedSchema)
    reached = views.reached(found, sorted(chosen["times"]), chosen["days"], event.occurred_at)
    seed = chance.seed(facts)
    return Derived(
        tuple(
            NewEvent(
                name,
                event.occurred_at,
                event.subject,
                event.key,
                f"person:{seed}:{thing}:{times}:{event.id}",
                {**props, "times": times, "days": chosen["days"]},
            )
            for times in reached
        )
    )
