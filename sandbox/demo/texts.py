"""Text messages in the account of a demo: counted at the provider, by rules written down here once more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.demo.purchases import Entry, Order
from sandbox.demo.stage import Stage

# Where the shoppers' numbers are of, by how these begin, and whether they may be texted on a Sunday.
_PLACES = {"33": (ZoneInfo("Europe/Paris"), False), "49": (ZoneInfo("Europe/Berlin"), True)}
_OPENS, _CLOSES = 8, 22
_SUNDAY = 6
_ADDRESS = re.compile(r"https?://\S+")
_TOKEN = re.compile(r"[0-9a-f]{16,}")


@dataclass(frozen=True)
class Text:
    """One accepted text. ``key`` names the run, the step and the visit; ``tokens``: of the checkout it leads to."""

    shop: str
    to: str
    key: str
    message: str
    tokens: frozenset[str]
    first_byte_at: float
    accepted_at: float


def texts_in(stage: Stage, provider: Sequence[Entry], shops: Mapping[str, str]) -> list[Text]:
    """What the provider accepted; ``shops``: by account. Each link is followed to where it leads."""
    found = []
    for entry in provider:
        if entry["kind"] == "sms":
            key, _, message = entry["tags"]
            tokens = frozenset(_TOKEN.findall(_target(stage, entry["content"])))
            times = entry["first_byte_at"], entry["accepted_at"]
            found.append(Text(shops[entry["account"]], entry["to"], key, message, tokens, *times))
    return found


def _target(stage: Stage, content: str) -> str:
    """Where the link of a text leads; asked by HEAD, which is no click."""
    found = _ADDRESS.search(content)
    if not found:
        return ""
    return str(stage.http.head(found[0]).headers.get("Location", ""))


def figures(texts: Sequence[Text], orders: Sequence[Order]) -> dict[str, int]:
    return {
        "texts_accepted": len(texts),
        "texts_without_a_cart": sum(not text.tokens for text in texts),
        "texts_after_purchase": sum(_after_purchase(text, orders) for text in texts),
        "duplicate_texts": _duplicates(texts),
        "texts_at_forbidden_hours": sum(forbidden(text.to, text.accepted_at) for text in texts),
    }


def _after_purchase(text: Text, orders: Sequence[Order]) -> bool:
    return any(order.checkout_token in text.tokens and order.forbids(text.shop, text.first_byte_at) for order in orders)


def _duplicates(texts: Sequence[Text]) -> int:
    """Texts beyond the first with the same key, or of the same message in the same run."""
    by_key = Counter((text.shop, text.key) for text in texts)
    by_message = Counter((text.shop, text.key.partition(":")[0], text.message) for text in texts)
    return max(sum(n - 1 for n in by_key.values()), sum(n - 1 for n in by_message.values()))


def forbidden(to: str, at: float) -> bool:
    """Whether a number (digits with the country's) may not be texted at this moment (business time): at night, and in
    France on Sundays."""
    zone, sundays = _PLACES[to[:2]]
    there = datetime.fromtimestamp(at, zone)
    return not _OPENS <= there.hour < _CLOSES or (there.weekday() == _SUNDAY and not sundays)
