"""Somebody looked at one product three times in a week (the shop's setting `signals.product_viewed_n_times`).

Of several counts (`times: [3, 6]`) each is told; `event.times` says which. Once told it is not told again of this
product for so many days.
"""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals import counted_views
from flows.core.signals.signal import Derived, Signal, SignalSettings
from flows.core.vocabulary_of_behaviour import PRODUCT

NAME = "product_viewed_n_times"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    product = str(event.props.get("product_id"))
    props = {field: event.props[field] for field in PRODUCT if field in event.props}
    return counted_views.told(NAME, event, facts, settings, "looks.products", product, props)


PRODUCT_VIEWED_N_TIMES = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"product_viewed"}),
    needs=frozenset({"person", "activity"}),
    props={**PRODUCT, "times": "how often", "days": "in how many days"},
    derive=derive,
    settings=counted_views.CountedSchema,
    only_heard=True,
)
