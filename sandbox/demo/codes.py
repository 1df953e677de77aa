"""Discount codes in the account of a demo: what the store has made, and who was shown which."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CODE = re.compile(r"\bBACK-[A-Z0-9]{6,}\b")


@dataclass(frozen=True)
class Code:
    """As the store has it; business time."""

    shop: str
    code: str
    made_at: float


@dataclass(frozen=True)
class Shown:
    """An email: its shop, to whom it went, the run of the flow, and its HTML."""

    shop: str
    to: str
    run: str
    html: str


Bought = tuple[str, float]
"""That somebody completed a cart that was due for a code: where, and when (business time)."""


def codes_in(state: Mapping[str, Any]) -> list[Code]:
    """Those that a flow had made, from what the store has."""
    return [
        Code(shop, code, discount["created_at"])
        for shop, kept in state.items()
        for discount in kept["discounts"]
        for code in discount["codes"]
        if _CODE.fullmatch(code)
    ]


def figures(
    made: Sequence[Code], mails: Iterable[Shown], bought: Iterable[Bought], unheard_since: Callable[[float], float]
) -> dict[str, int]:
    """A code belongs to one run of one person. One that nobody was shown is right only for somebody who bought so late
    that the product may not have heard of it when the code was made: since when, ``unheard_since`` of that moment says.
    """
    whose: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    of_run: dict[tuple[str, str], set[str]] = defaultdict(set)
    for mail in mails:
        for code in _CODE.findall(mail.html):
            whose[mail.shop, code].add((mail.to, mail.run))
            of_run[mail.shop, mail.run].add(code)
    unshown = [one for one in made if (one.shop, one.code) not in whose]
    excused = _excused(unshown, list(bought), unheard_since)
    return {
        "codes_made": len(made),
        "codes_for_who_had_just_bought": excused,
        "codes_made_and_not_shown": len(unshown) - excused,
        "codes_shown_and_not_made": len(set(whose) - {(one.shop, one.code) for one in made}),
        "codes_of_several_people": sum(len(people) > 1 for people in whose.values()),
        "people_with_several_codes": sum(len(codes) > 1 for codes in of_run.values()),
    }


def _excused(unshown: Sequence[Code], bought: list[Bought], unheard_since: Callable[[float], float]) -> int:
    """How many of these an order of its own explains."""
    found = 0
    for code in unshown:
        since = unheard_since(code.made_at)
        order = next((one for one in bought if one[0] == code.shop and since <= one[1] <= code.made_at), None)
        if order is not None:
            bought.remove(order)
            found += 1
    return found
