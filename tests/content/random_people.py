"""People and shops of whom anything may be unknown, blank or odd, from a seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from flows.content.context import example

_NAMES = ("Ada", "José María", "Ærøskøbing", "李小龍", "O'Neill", "{{ 7*7 }}", "<b>Bo</b>", "  ", "", "مريم", "X" * 60)
_TITLES = ("Mug", "{{ contact.EMAIL }} mug", "Salt & Pepper <b>grinder</b>", "Tote [50 %]", "☕" * 20, "مزهرية")
# Never missing: without these there is no message to begin with.
_KEPT = frozenset(
    {"name", "url", "domain", "unsubscribe", "code", "title", "quantity", "total", "currency", "line_price"}
)
# How often something is not known.
_SHARE = 0.3


def somebody(random: Random, coupons: Iterable[str] = ()) -> dict[str, Any]:
    """A context as ``flows.content.context`` lists it, with holes in it. ``coupons``: the names of codes that may be
    there, each in one of its forms."""
    context = example(offers=random.random() < 0.6)
    person = context["person"]
    for name in ("first_name", "last_name"):
        person[name] = random.choice((*_NAMES, None))
    person["locale"] = random.choice((None, "en", "de-DE", "fr", "ar", "xx"))
    for root in ("person", "event", "order", "tracking", "product", "loyalty", "profile"):
        context[root] = _with_holes(context[root], random)
    for name, several in context["products"].items():
        kept = [_with_holes(one, random) for one in several if random.random() > _SHARE]
        context["products"][name] = [] if random.random() < _SHARE else kept
    context["reviews"] = [_with_holes(one, random) for one in context["reviews"] if random.random() > _SHARE]
    if "checkout" in context:
        context["checkout"]["items"] = [_with_holes(one, random) for one in context["checkout"]["items"]]
    context["shop"] = _with_holes(context["shop"], random)
    context["shop"]["brand"] = random.choice((None, {"name": "", "colour": "red", "ground": "#ffee00"}, {}))
    context["coupon"] = {} if random.random() < _SHARE else {name: _coupon(random) for name in coupons}
    for root in ("loyalty", "tracking", "product", "order"):
        if random.random() < 0.15:
            context[root] = {} if root == "loyalty" else None
    return context


def _coupon(random: Random) -> dict[str, Any] | None:
    """One that could not be made is null."""
    worth = random.choice(({"percent": 10}, {"amount": "5.00"}, {"amount": "5.00", "minimum": "30.00"}, {}))
    ends_at = random.choice((None, "2026-05-04T10:00:00+00:00"))
    return None if random.random() < _SHARE else {"code": "BACK-7YQK4MTR9X", "ends_at": ends_at, **worth}


def _with_holes(facts: Mapping[str, Any], random: Random) -> dict[str, Any]:
    found = {}
    for name, value in facts.items():
        if name == "title":
            value = random.choice(_TITLES)
        elif name not in _KEPT and random.random() < _SHARE:
            value = random.choice((None, "")) if isinstance(value, str) else None
        found[name] = value
    return found
