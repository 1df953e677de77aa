"""All happenings that have a telling of their own, and how any is told."""

from __future__ import annotations

from collections.abc import Mapping

from flows.core.model import Event
from flows.core.permission import Policy
from flows.core.signals import SignalSettings
from flows.core.vocabulary import CUSTOM, event_named
from flows.simulator.happening import Happening
from flows.simulator.record import Sent
from flows.simulator.shopper import Shopper
from flows.simulator.telling import baskets, messages, orders, pages, people
from flows.simulator.telling.told import Tell, Told

TELLS: Mapping[str, Tell] = {
    **people.TELLS,
    **baskets.TELLS,
    **orders.TELLS,
    **pages.TELLS,
    **messages.TELLS,
}
"""By the name of the happening. Any other event is told as it is, also a signal: it need not come about by itself."""

NOTHING_OF_THEM = pages.TELLS.keys() | messages.TELLS.keys()
"""What happens without anything becoming known of the person but how they behave."""


def tell(
    shopper: Shopper,
    happening: Happening,
    sent: list[Sent],
    settings: SignalSettings,
    policy: Policy,
    country: str | None,
    currency: str,
) -> list[Event]:
    """The events of this happening, in the order in which they are decided; what is known of the person has changed.

    ``sent``: what has left so far. Raises ValueError for an event that nobody knows, and for one about something that
    is not there.
    """
    name = happening.name
    if name not in TELLS and event_named(name) is None and name != "message_opened_by_proxy":
        raise ValueError(f"“{name}” is no event here")
    told = Told(shopper, happening, sent, settings, policy, country, currency)
    (_own if name.startswith(CUSTOM) else TELLS.get(name, _person))(told)
    return told.events


def _person(told: Told) -> None:
    told.tell(told.happening.name)


def _own(told: Told) -> None:
    name = told.happening.name
    properties = told.props.pop("properties", None) or told.props
    told.props = {"name": name.removeprefix(CUSTOM), "properties": properties}
    told.tell(name)
