"""The shop and the people with whom the templates of loyalty, win-back and business are played."""

from __future__ import annotations

from typing import Any

from flows.simulator.shopper import Shopper
from tests.library.playing import Played, at, later, say, shop, shopper

TIERS = [
    {"name": "Silver", "points": 200},
    {"name": "Gold", "points": 500},
    {"name": "Platinum", "points": 1000},
]
SHOP = shop(
    offers={"winback": {"percent": 12}, "birthday": {"percent": 10}, "vip": {"percent": 30}},
    loyalty={"source": "api", "tiers": TIERS},
    signals={"birthday": {"metafield": "facts.birth_date"}},
)
ORDER = at("0h", "order_placed")
SILVER = at("0h", "loyalty_changed", points=300, tier="Silver")
GOLD = at("1h", "loyalty_changed", points=600, tier="Gold")
ENDS = at("0h", "loyalty_changed", points=300, tier="Gold", expires_at=later("60d"))
DOWNLOAD = at("0h", "custom:content_downloaded", title="Buying in bulk", url="https://shop.example/guide.pdf")
WEBINAR = at(
    "0h", "custom:webinar_registered", webinar="w1", title="Buying in bulk", starts_at=later("9d 4h"), url="https://w"
)
TARGET = at("0h", "tag_added", tag="target-account")
TRIAL = at("0h", "custom:trial_started", industry="catering")


def customer(**more: Any) -> Shopper:
    return shopper(**{"orders_count": 3, "total_spent": "120", "first_order": "-300d", "last_order": "-40d"} | more)


def vip(**more: Any) -> Shopper:
    return customer(total_spent="700", **more)


def done(played: Played, action: str) -> list[tuple[str, Any]]:
    """When the action was taken, with its data."""
    return [(say(one.after), dict(one.data)) for one in played.done if one.action == action]
