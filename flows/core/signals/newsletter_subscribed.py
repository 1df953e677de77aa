"""A person's consent to marketing emails became *subscribed*: by form, at the checkout or on our own page."""

from __future__ import annotations

from datetime import datetime

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals.signal import Derived, NewEvent, Signal, SignalSettings

NAME = "newsletter_subscribed"


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    consent = event.props
    became = consent.get("new") == "subscribed" and consent.get("old") != "subscribed"
    if consent.get("channel") != "email" or consent.get("purpose", "newsletter") != "newsletter" or not became:
        return Derived()
    props = {"channel": "email", "source": consent.get("source")}
    return Derived((NewEvent(NAME, event.occurred_at, event.subject, None, f"event:{event.id}", props),))


NEWSLETTER_SUBSCRIBED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"consent_changed"}),
    needs=frozenset(),
    props={"channel": "email", "source": "who told us of the consent"},
    derive=derive,
)
