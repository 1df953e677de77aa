"""What comes of actions (flows/actions) when nobody outside is asked: what the run is told, and what happens because of
them. One function and one line of OUTCOMES each; an action without one is done, and brings nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from flows.core import standing
from flows.core.coupons import supposed
from flows.core.steps import points, tag, tier
from flows.core.steps.coupon import COUPONS
from flows.simulator.cast import Cast
from flows.simulator.happening import Happening
from flows.simulator.post import Letter
from flows.simulator.shopper import Shopper


@dataclass(frozen=True)
class Outcome:
    """``result``: what the run is told; ``because``: why it was not done, None when it was. ``happens``: what follows
    from it."""

    result: Mapping[str, Any] = field(default_factory=dict)
    because: str | None = None
    happens: tuple[Happening, ...] = ()


def of(letter: Letter, shopper: Shopper, cast: Cast, now: datetime) -> Outcome:
    """What comes of this action."""
    tells = OUTCOMES.get(letter.effect.channel)
    return tells(letter, shopper, cast, now) if tells else Outcome()


def _coupon(letter: Letter, shopper: Shopper, cast: Cast, now: datetime) -> Outcome:
    sign = sha256(letter.effect.key.encode()).hexdigest()[:10].upper()
    return Outcome(supposed(letter.flow, letter.effect, sign, now))


def _tag(letter: Letter, shopper: Shopper, cast: Cast, now: datetime) -> Outcome:
    """The store tells of tags that were not there, and of those that were taken away."""
    data = letter.effect.data or {}
    had = shopper.row["tags"]
    told = [("tag_added", one) for one in data["add"] if one not in had]
    told += [("tag_removed", one) for one in data["remove"] if one in had]
    happens = tuple(Happening(now, name, {"tag": one, **_doing(data)}) for name, one in told)
    return Outcome({name: data[name] for name in ("add", "remove") if data[name]}, happens=happens)


def _points(letter: Letter, shopper: Shopper, cast: Cast, now: datetime) -> Outcome:
    data = letter.effect.data or {}
    before = shopper.loyalty.get("points") or 0
    if not cast.around.keeps_loyalty:
        return Outcome(because="no_programme")
    if before + data["add"] < 0:
        return Outcome(because="too_few_points")
    return _stands(now, data, "points", before, before + data["add"])


def _tier(letter: Letter, shopper: Shopper, cast: Cast, now: datetime) -> Outcome:
    data, before = letter.effect.data or {}, shopper.loyalty.get("tier")
    tiers = [one.name for one in cast.settings.loyalty.tiers]
    if not cast.around.keeps_loyalty:
        return Outcome(because="no_programme")
    wanted = data.get("set")
    if wanted is None:
        rank = -1 if before is None else cast.settings.loyalty.rank(before)
        if not tiers or rank is None:
            return Outcome(because="no_such_tier" if tiers else "no_tiers")
        to = rank + (1 if data["move"] == tier.UP else -1)
        if not 0 <= to < len(tiers):
            return Outcome(because="lowest_tier" if to < 0 else "highest_tier")
        wanted = tiers[to]
    elif tiers and (rank := cast.settings.loyalty.rank(wanted)) is None:
        return Outcome(because="no_such_tier")
    return _stands(now, data, "tier", before, wanted)


def _stands(now: datetime, data: Mapping[str, Any], what: str, before: Any, after: Any) -> Outcome:
    besides = {"reason": data["reason"]} if data.get("reason") else {}
    told = Happening(now, "loyalty_changed", {what: after, **besides, **_doing(data)})
    return Outcome({what: after, "before": before}, happens=(told,) if before != after else ())


def _doing(data: Mapping[str, Any]) -> dict[str, Any]:
    return {standing.CAUSED_BY: data[standing.CAUSED_BY]} if standing.CAUSED_BY in data else {}


OUTCOMES: Mapping[str, Callable[[Letter, Shopper, Cast, datetime], Outcome]] = {
    COUPONS: _coupon,
    tag.ACTION: _tag,
    points.ACTION: _points,
    tier.ACTION: _tier,
}
