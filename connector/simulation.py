"""A shop as the simulator of flows sees it: the shipped rules, and the merchant's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from connector import consent_policy, quiet_hours, whereabouts
from connector.event_mapping import told_events
from connector.frequency_caps import shop_caps
from connector.shops import ShopSettingsSchema
from connector.signal_settings import chosen
from flows.core import scores, segments
from flows.core.hours import Quiet
from flows.core.loyalty import Programme
from flows.core.model import FlowVersion, Limit
from flows.core.rfm import Borders
from flows.core.signals import SignalSettings
from flows.simulator.surroundings import Row, Surroundings

INVENTED: Mapping[str, Any] = {
    "name": "Fern & Fjord",
    "domain": "shop.example",
    "currency": "EUR",
    "timezone": "Europe/London",
}
"""A shop for simulations that are of none in particular."""


_WHERE = ("country", "region", "timezone", "phone")
"""What tells where somebody is."""
_PLACES = 4096


def _where(person: Row) -> tuple[str | None, ...]:
    return tuple(person[name] for name in _WHERE)


def surroundings(
    settings: Mapping[str, Any], about: Mapping[str, Any] | None = None, borders: Borders | None = None
) -> Surroundings:
    """The shop with these settings (what is left out is as by default). ``about``: its name, domain, currency and
    timezone, where they are others than those of INVENTED. Raises marshmallow's ValidationError."""
    set_here: Mapping[str, Any] = ShopSettingsSchema().load(dict(settings))
    shop = {**INVENTED, **(about or {})}
    timezone = str(shop["timezone"])

    def caps(channel: str) -> tuple[Limit, ...]:
        return shop_caps(set_here, channel)

    # Many people live in few places, and each is asked about with every message. Of a moment only the year matters.
    @lru_cache(maxsize=_PLACES)
    def hours(where: tuple[str | None, ...], channel: str, year: int) -> Quiet | None:
        person = dict(zip(_WHERE, where, strict=True))
        return quiet_hours.of_person(person, channel, set_here, timezone, datetime(year, 7, 1, tzinfo=UTC))

    @lru_cache(maxsize=_PLACES)
    def zone_of(where: tuple[str | None, ...]) -> str | None:
        return whereabouts.home(dict(zip(_WHERE, where, strict=True)), "") or None

    def signals(flows: Iterable[FlowVersion]) -> SignalSettings:
        return SignalSettings.of(
            flows,
            told=told_events(set_here["event_mapping"]),
            test_orders=set_here["include_test_orders"],
            pos_orders=set_here["include_pos_orders"],
            draft_orders=set_here["include_draft_orders"],
            loyalty=Programme.of(set_here["loyalty"]),
            values=set_here["signals"],
        )

    facts = {
        **shop,
        "url": set_here["url"] or f"https://{shop['domain']}",
        "address": set_here["address"] or "Storgatan 1, 111 22 Stockholm, Sweden",
        "logo_url": set_here["logo_url"],
        "locale": set_here["locale"],
        "offers": set_here["offers"],
        "rates": {},
    }
    return Surroundings(
        shop=facts,
        policy=consent_policy.in_force(set_here),
        country=set_here["country"] or None,
        caps=caps,
        quiet=lambda person, channel, now: hours(_where(person), channel, now.year),
        home=lambda person: zone_of(_where(person)),
        signals=signals,
        scoring=scores.scoring(chosen(set_here, "scores")),
        segments=segments.of_shop(set_here["segments"]),
        borders=borders or Borders(),
        keeps_loyalty=set_here["loyalty"] is not None,
        held_days=set_here["support_ticket_days"],
    )
