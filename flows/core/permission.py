"""May a person be written to on a channel, for a purpose, where they live? Pure; the rules are data.

What a shop may change only makes it stricter, but for the soft opt-in, which it may switch on where the law has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

SUBSCRIBED: Final = "subscribed"
OPT_OUTS: Final = frozenset({"unsubscribed", "undeliverable"})
CONFIRMED: Final = "confirmed_opt_in"
IMPLIED: Final = "implied"
SOFT_OPT_IN: Final = "soft_opt_in"
"""Level of a person who has not agreed, but bought, and was given the chance to object, which is recorded."""
OWN: Final[Mapping[str, str]] = {"email": "newsletter", "sms": "sms", "whatsapp": "whatsapp", "push": "push"}
"""The purpose that a channel is for; what is agreed to for it covers the others of the channel."""
CART: Final = "cart"
CART_TRIGGERS: Final = frozenset(
    {
        *("cart_created", "cart_updated", "cart_cleared"),
        *("checkout_started", "checkout_updated", "checkout_abandoned", "checkout_deleted"),
    }
)
"""A flow that starts on one of these writes about what somebody looked at or left behind, which is a purpose apart."""
OPEN_TRACKING: Final = "open_tracking"
PROFILING: Final = "profiling"
ANY: Final = "any"
"""The channel of what is agreed to for none in particular."""
PURPOSES: Final[Mapping[str, frozenset[str]]] = {
    "email": frozenset({"newsletter", CART, OPEN_TRACKING}),
    **{name: frozenset({name, CART}) for name in ("sms", "whatsapp", "push")},
    ANY: frozenset({PROFILING}),
}
"""Channel -> what may be agreed to on it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell: ``implied_days`` is how long an implied consent holds after its day, None without end, 0 not at all."""

    double_opt_in: bool
    soft_opt_in: bool
    implied_days: int | None


@dataclass(frozen=True, slots=True)
class Country:
    """``rules``: (channel, purpose) -> Rule; what is missing is not allowed."""

    rules: Mapping[tuple[str, str], Rule]
    open_tracking_consent: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """``countries`` by code; who lives in none of them gets ``strictest``, who lives nobody knows where ``unknown``.
    ``soft_opt_in``: where it is switched on."""

    countries: Mapping[str, Country]
    strictest: Country
    unknown: Country
    soft_opt_in: frozenset[str] = frozenset()
    always_double: bool = False
    always_ask_for_tracking: bool = False

    def country(self, code: str | None) -> Country:
        return self.countries.get(code.upper(), self.strictest) if code else self.unknown


@dataclass(frozen=True, slots=True)
class Consent:
    """What is on record for one channel and purpose. ``level`` as in the ledger."""

    state: str
    level: str | None = None
    evidence_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Yes:
    pass


@dataclass(frozen=True, slots=True)
class No:
    reason: str


Permission = Yes | No


def may_send(
    state: str | None,
    level: str | None,
    country: str | None,
    channel: str,
    purpose: str,
    orders: int,
    evidence_at: datetime | None,
    now: datetime,
    policy: Policy,
) -> Permission:
    """Whether marketing may be sent. ``country``: a code, None when unknown; ``orders``: how many the person placed.

    Reasons: ``no_consent``, ``pending``, ``needs_doi``, ``consent_expired``, ``no_rule``, ``soft_opt_in_off``,
    ``no_purchase``.
    """
    rule = policy.country(country).rules.get((channel, purpose))
    if rule is None:
        return No("no_rule")
    if state == SUBSCRIBED:
        return _agreed(rule, policy, level, evidence_at, now)
    if state == "not_subscribed" and level == SOFT_OPT_IN:
        if not rule.soft_opt_in or (country or "").upper() not in policy.soft_opt_in:
            return No("soft_opt_in_off")
        return Yes() if orders >= 1 else No("no_purchase")
    return No("pending" if state == "pending" else "no_consent")


def _agreed(rule: Rule, policy: Policy, level: str | None, evidence_at: datetime | None, now: datetime) -> Permission:
    if level == IMPLIED:
        if rule.implied_days is not None:
            if evidence_at is None or rule.implied_days == 0:
                return No("no_consent")
            # It holds to the end of its last day.
            last = (evidence_at.astimezone(now.tzinfo) + timedelta(days=rule.implied_days)).date()
            if now.date() > last:
                return No("consent_expired")
    if (rule.double_opt_in or policy.always_double) and level != CONFIRMED:
        return No("needs_doi")
    return Yes()


def purpose_of(trigger: str, channel: str) -> str:
    """What a marketing message by this channel is for, of a flow that starts on this event."""
    return CART if trigger in CART_TRIGGERS else OWN[channel]


Consents = Mapping[tuple[str, str], Consent]
"""What is on record of a person, by (channel, purpose)."""


def governing(consents: Consents, channel: str, purpose: str) -> Consent | None:
    """The consent that counts for a message: an opt-out of the channel is one of all its purposes; else what was said
    of the purpose itself; else what was said of the channel."""
    own, asked = consents.get((channel, OWN.get(channel, channel))), consents.get((channel, purpose))
    if own is not None and own.state in OPT_OUTS:
        return own
    return asked if asked is not None and asked.state != "not_subscribed" else own


def permission(
    consents: Consents, country: str | None, channel: str, purpose: str, orders: int, now: datetime, policy: Policy
) -> Permission | None:
    """``may_send`` for what is on record; None when nothing is."""
    found = governing(consents, channel, purpose)
    if found is None:
        return None
    return may_send(found.state, found.level, country, channel, purpose, orders, found.evidence_at, now, policy)


def shown_state(consent: Consent | None, country: str | None, channel: str, purpose: str, policy: Policy) -> str | None:
    """The state as flows see it: who still has to confirm is pending, whatever the store calls it."""
    if consent is None or consent.state != SUBSCRIBED:
        return consent.state if consent else None
    rule = policy.country(country).rules.get((channel, purpose))
    needs = rule is None or rule.double_opt_in or policy.always_double
    return "pending" if needs and consent.level != CONFIRMED else SUBSCRIBED


def may_track_opens(consents: Consents, country: str | None, policy: Policy) -> bool:
    """Whether it may be recorded that this person opened a message."""
    told = consents.get(("email", OPEN_TRACKING))
    if told is not None and told.state in OPT_OUTS:
        return False
    if policy.country(country).open_tracking_consent or policy.always_ask_for_tracking:
        return told is not None and told.state == SUBSCRIBED
    return True


def read_consents(rows: Any) -> dict[tuple[str, str], Consent]:
    """{(channel, purpose): Consent} of rows [channel, purpose, state, level, evidence_at as ISO 8601]."""
    return {
        (channel, purpose): Consent(state, level.lower() if level else None, datetime.fromisoformat(at))
        for channel, purpose, state, level, at in rows or ()
    }
