"""What all that was ever said of a person's consent comes to, for one channel and purpose: pure.

The order in which it was heard, and how often, makes no difference: the answer is one of the *set* of evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

SUBSCRIBED, PENDING, NOT_SUBSCRIBED = "subscribed", "pending", "not_subscribed"
OPT_OUTS = frozenset({"unsubscribed", "undeliverable"})
STATES = frozenset({SUBSCRIBED, PENDING, NOT_SUBSCRIBED}) | OPT_OUTS
CONFIRMED, IMPLIED = "confirmed_opt_in", "implied"
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""What is told without a date is the weakest evidence: anything dated wins over it. An opt-out dates from now."""
IMPORT = "import"
"""Verdict of what came with a bulk import, which never undoes an opt-out, however new it says it is."""

# Sources of implied consent, in lines of the ledger from before their level said so.
_BOXES = frozenset({"checkout", "order"})
# What wins a tie, the strictest last.
_STRICTNESS = {
    state: n for n, state in enumerate((SUBSCRIBED, PENDING, NOT_SUBSCRIBED, "unsubscribed", "undeliverable"))
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of the ledger. ``level``: confirmed_opt_in, single_opt_in, unknown, implied, soft_opt_in or None."""

    state: str
    level: str | None
    source: str
    at: datetime
    imported: bool = False

    @property
    def no(self) -> bool:
        return self.state in OPT_OUTS

    @property
    def weak(self) -> bool:
        """It counts only for somebody who never said no: nobody knows that the person meant it, or when."""
        if self.no:
            return False
        return self.imported or self.level == IMPLIED or self.source in _BOXES or self.at == UNDATED


def standing(told: Iterable[Evidence]) -> Evidence | None:
    """The evidence that decides; None when nothing was told.

    The newest of what is strong, a tie going to the stricter. What is weak counts while nobody ever opted out, and
    nothing strong is newer than it or says anything but *not subscribed*. A confirmed opt-in stays confirmed until the
    next opt-out, also when a later form asks for no confirmation.
    """
    told = list(told)
    strong = [one for one in told if not one.weak]
    top = _newest(strong)
    if top is not None and top.state == SUBSCRIBED:
        return _confirmed(top, strong)
    box = _newest([one for one in told if one.weak])
    if box is None or any(one.no for one in strong):
        return top
    if top is None:
        return box
    return box if top.state == NOT_SUBSCRIBED and box.state == SUBSCRIBED and box.at > top.at else top


def _newest(told: Sequence[Evidence]) -> Evidence | None:
    return max(told, key=_weight, default=None)


def _weight(one: Evidence) -> tuple[datetime, int, bool, bool, str, str, bool]:
    strictness = _STRICTNESS[one.state]
    # Nothing is known of when: a yes says more than the store's word for "was never asked".
    strictness = -strictness if one.at == UNDATED else strictness
    # What is else the same is the store's echo of what we wrote there: whom it comes from stays known.
    return (
        one.at,
        strictness,
        one.level == CONFIRMED,
        one.source != "shopify",
        one.source,
        one.level or "",
        not one.imported,
    )


def _confirmed(top: Evidence, strong: Sequence[Evidence]) -> Evidence:
    last_no = max((one.at for one in strong if one.no), default=UNDATED)
    confirmed = any(one.state == SUBSCRIBED and one.level == CONFIRMED and one.at > last_no for one in strong)
    return replace(top, level=CONFIRMED) if confirmed else top
