"""Somebody looked at one category, or at products of it, three times in a week (the shop's setting
`signals.category_browsed`).

Of several counts each is told; `event.times` says which. Once told it is not told again of this category for so many
days.
"""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import counted_views
from flows.core.signals.signal import Derived, Signal, SignalSettings
from flows.core.vocabulary_of_behaviour import PRODUCT

NAME = "category_browsed"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    category = event.props.get("category")
    if not isinstance(category, str) or not category:
        return Derived()
    props = {field: event.props[field] for field in PRODUCT if field in event.props}
    return counted_views.told(NAME, event, facts, settings, "looks.categories", category, props)


CATEGORY_BROWSED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"product_viewed", "category_viewed"}),
    needs=frozenset({"person", "activity"}),
    props={**PRODUCT, "times": "how often", "days": "in how many days"},
    derive=derive,
    settings=counted_views.CountedSchema,
    only_heard=True,
)
