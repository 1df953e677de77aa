"""What a person may be sent, and what may be noted of them: how each stands, in words, and changing it.

A channel's own purpose (news and offers) comes first: who left the channel gets nothing on it, whatever else they said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from connector.consent_policy import country_of, in_force
from connector.models.person import suppressions
from connector.scope import Scope
from connector.suppression import SUNSET, address_digest
from connector.unsubscribe import Unsubscribe
from connector.web.visitor import Visitor, Word, receive, say
from flows.core.permission import (
    ANY,
    CART,
    CONFIRMED,
    OPEN_TRACKING,
    OPT_OUTS,
    OWN,
    PROFILING,
    PURPOSES,
    No,
    Policy,
    Yes,
    governing,
    may_track_opens,
    permission,
)
from sync.copies import double_opt_in

SOURCE = "preference_page"
ON, WAITING, OFF = "on", "waiting", "off"
_SUBSCRIBED, _UNSUBSCRIBED = "subscribed", "unsubscribed"
_TO_CONFIRM = frozenset({"pending", "needs_doi"})
# By source of the consent, where they said it; of the others (a provider, staff, an import) nothing is said.
_PLACES = {
    "shopify": "shop",
    "checkout": "checkout",
    "order": "checkout",
    "unsubscribe_page": "page",
    "preference_page": "page",
    "double_opt_in": "mail",
}
_ORDER = (*OWN.values(), CART, OPEN_TRACKING, PROFILING)


@dataclass(frozen=True)
class Choice:
    """``known``: the phrase that says how it stands, of ``known.*``, with ``since`` when its day is known; ``place``:
    where they said it, of ``said.*``. ``offered``: whether it can be switched on here."""

    channel: str
    purpose: str
    state: str
    known: str
    since: datetime | None
    place: str | None
    offered: bool

    @property
    def name(self) -> str:
        return f"{self.channel}.{self.purpose}"

    @property
    def changeable(self) -> bool:
        return self.offered or self.state != OFF


def choices(connection: Connection, visitor: Visitor) -> list[Choice]:
    """What concerns this person: emails, what may be noted of them, and each channel of which anything is known."""
    if visitor.person is None:
        return []
    blocked = _blocked(connection, visitor)
    return [
        _choice(visitor, channel, purpose, channel in blocked)
        for channel in (*OWN, ANY)
        for purpose in sorted(PURPOSES[channel], key=_ORDER.index)
        if _concerns(visitor, channel, purpose)
    ]


def _concerns(visitor: Visitor, channel: str, purpose: str) -> bool:
    if channel in ("email", ANY) or (channel, purpose) in visitor.words:
        return True
    return channel == visitor.link.channel and purpose == OWN[channel]


def change(
    scope: Scope, link: Unsubscribe, wanted: Mapping[str, bool], evidence: Callable[[str], Mapping[str, Any]]
) -> int:
    """Switch the choices of these names on or off, as far as that is possible and a change; how many were.

    ``evidence(purpose)``: what shows it.
    """
    done = 0
    for channel in (*OWN, ANY):
        for purpose in sorted(PURPOSES[channel], key=_ORDER.index):
            on = wanted.get(f"{channel}.{purpose}")
            if on is None:
                continue
            # Read anew each time: what was said of a channel decides about its other purposes.
            visitor = receive(scope, link)
            found = {(one.channel, one.purpose): one for one in choices(scope.connection, visitor)}
            here = found.get((channel, purpose))
            if here is not None and _differs(visitor, here, on):
                _record(scope, visitor, here, on, evidence(purpose))
                done += 1
    return done


def leave_everything(scope: Scope, link: Unsubscribe, evidence: Mapping[str, Any]) -> int:
    """No marketing on any channel, also of those of which nothing is known yet; how many channels that changed."""
    done = 0
    for channel, purpose in OWN.items():
        visitor = receive(scope, link)
        known = visitor.words.get((channel, purpose))
        if visitor.person is not None and (known is None or known.state not in OPT_OUTS):
            say(scope, visitor, channel, purpose, _UNSUBSCRIBED, source=SOURCE, evidence=evidence)
            done += 1
    return done


def _differs(visitor: Visitor, here: Choice, on: bool) -> bool:
    if on:
        return here.state == OFF and here.offered
    known = visitor.words.get((here.channel, here.purpose))
    # What goes with a channel that they have left is as it was when they come back.
    return here.state != OFF and (known is None or known.state not in OPT_OUTS)


def _record(scope: Scope, visitor: Visitor, here: Choice, on: bool, evidence: Mapping[str, Any]) -> None:
    own = visitor.words.get((here.channel, OWN.get(here.channel, "")))
    # Who confirmed that the address is theirs has no need to do so for each purpose.
    confirmed = here.purpose != OWN.get(here.channel) and own is not None and _is_confirmed(own)
    level = (CONFIRMED if confirmed else "single_opt_in") if on else None
    state = _SUBSCRIBED if on else _UNSUBSCRIBED
    say(scope, visitor, here.channel, here.purpose, state, source=SOURCE, level=level, evidence=evidence)


def _choice(visitor: Visitor, channel: str, purpose: str, blocked: bool) -> Choice:
    policy = in_force(visitor.shop.settings)
    word = visitor.words.get((channel, purpose))
    if purpose in (OPEN_TRACKING, PROFILING):
        return _noting(visitor, channel, purpose, word, policy)
    own = visitor.words.get((channel, OWN[channel]))
    if blocked:
        return Choice(channel, purpose, OFF, "blocked", None, None, False)
    if purpose != OWN[channel] and own is not None and own.state in OPT_OUTS:
        return Choice(channel, purpose, OFF, "left_out", None, None, False)
    counts = governing(visitor.words, channel, purpose)
    assert counts is None or isinstance(counts, Word)
    offered = _offered(visitor, channel, purpose, policy)
    state, known = _standing(visitor, channel, purpose, counts, policy)
    if word is not counts and known in ("agreed", "bought", "waiting"):
        return Choice(channel, purpose, state, "included", None, None, offered)
    return _said(channel, purpose, state, known, counts, offered)


def _standing(visitor: Visitor, channel: str, purpose: str, word: Word | None, policy: Policy) -> tuple[str, str]:
    """(state, phrase) of what counts for a purpose."""
    assert visitor.person is not None
    country, orders = country_of(visitor.person, visitor.shop.settings), visitor.person["orders_count"]
    match permission(visitor.words, country, channel, purpose, orders, visitor.now, policy):
        case Yes():
            return ON, "agreed" if word is not None and word.state == _SUBSCRIBED else "bought"
        case No(reason) if reason in _TO_CONFIRM:
            return WAITING, "waiting"
        case No("consent_expired") if word is not None and word.said_at is not None:
            return OFF, "ended"
    return OFF, "declined" if word is not None and word.state in OPT_OUTS else "never"


def _noting(visitor: Visitor, channel: str, purpose: str, word: Word | None, policy: Policy) -> Choice:
    """Of what needs no message: recording opens, and choosing by what they do."""
    assert visitor.person is not None
    country = country_of(visitor.person, visitor.shop.settings)
    tracked = may_track_opens(visitor.words, country, policy)
    on = tracked if purpose == OPEN_TRACKING else word is None or word.state not in OPT_OUTS
    if word is not None and word.state in (_SUBSCRIBED, *OPT_OUTS):
        return _said(channel, purpose, ON if on else OFF, "agreed" if on else "declined", word, True)
    return Choice(channel, purpose, ON if on else OFF, "assumed" if on else "never", None, None, True)


def _said(channel: str, purpose: str, state: str, known: str, word: Word | None, offered: bool) -> Choice:
    if word is None or known in ("never", "bought"):
        return Choice(channel, purpose, state, known, None, None, offered)
    if word.said_at is None and known in ("agreed", "declined", "waiting"):
        known = f"{known}_undated"
    return Choice(channel, purpose, state, known, word.said_at, _PLACES.get(word.source), offered)


def _offered(visitor: Visitor, channel: str, purpose: str, policy: Policy) -> bool:
    """Whether saying yes here can come to anything: where it has to be confirmed, somebody must ask for that."""
    assert visitor.person is not None
    rule = policy.country(country_of(visitor.person, visitor.shop.settings)).rules.get((channel, purpose))
    if rule is None or (channel == "email" and not visitor.person["email"]):
        return False
    if not (rule.double_opt_in or policy.always_double):
        return True
    own = visitor.words.get((channel, OWN[channel]))
    if purpose == OWN[channel]:
        return channel == "email" and double_opt_in.set_up(visitor.shop)
    # Only the channel's own is asked for; the others are confirmed with it.
    return own is not None and own.state == _SUBSCRIBED and (_is_confirmed(own) or channel == "email")


def _is_confirmed(word: Word) -> bool:
    return word.state == _SUBSCRIBED and word.level == CONFIRMED


def _blocked(connection: Connection, visitor: Visitor) -> set[str]:
    """The channels on which this person's address is suppressed."""
    assert visitor.person is not None
    addresses = [visitor.person[name] for name in ("email", "phone") if visitor.person[name]]
    digests = [address_digest(visitor.shop.salt, one) for one in addresses]
    rows = connection.execute(_SUPPRESSED, {"shop_id": visitor.shop.id, "digests": digests})
    return {row.channel for row in rows}


_SUPPRESSED = select(suppressions.c.channel).where(
    suppressions.c.shop_id == bindparam("shop_id"),
    suppressions.c.address_digest.in_(bindparam("digests", expanding=True)),
    # Agreeing here is what ends it.
    suppressions.c.reason != SUNSET,
)
