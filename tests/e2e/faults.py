"""What goes wrong at the platforms while processes die."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.platforms import Platforms

# More than three in ten of all calls that change something. An answer later than the time-out of SHORT (crashable)
# counts as none; none is so late that a look-up could come before it.
FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "status", "status": 429, "probability": 0.05},
    {"kind": "status", "status": 500, "probability": 0.05},
    {"kind": "status", "status": 503, "probability": 0.03},
    {"kind": "html", "probability": 0.02},
    {"kind": "cut", "probability": 0.05},
    {"kind": "accept_then_cut", "probability": 0.07},
    {"kind": "half", "probability": 0.07},
    {"kind": "slow", "delay": 0.3, "probability": 0.1},
    {"kind": "slow", "delay": 0.9, "after": True, "probability": 0.03},
)
SPOILT = ("/smtp/email", "/contacts", "/events", "/orders/status", "/products")
# Of those that look up what became of an email fewer: the next look comes ten seconds later only.
LOOK_UP_FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "status", "status": 500, "probability": 0.05},
    {"kind": "half", "probability": 0.05},
)
STORE_FAULTS = (
    {"kind": "duplicate", "probability": 0.15},
    {"kind": "duplicate", "new_id": True, "probability": 0.15},
    {"kind": "shuffle", "probability": 0.2},
    {"kind": "wrong_signature", "probability": 0.02},
)


def spoil(platforms: Platforms, seed: int) -> None:
    """From now on a share of all calls and of all webhooks goes wrong."""
    for fault in FAULTS:
        for path in SPOILT:
            platforms.provider("faults", {**fault, "path": path, "method": "POST", "seed": seed})
    for fault in LOOK_UP_FAULTS:
        platforms.provider("faults", {**fault, "path": "/smtp/emails", "method": "GET", "seed": seed})
    platforms.store("faults", {"faults": STORE_FAULTS})


def end(platforms: Platforms) -> None:
    platforms.end_faults()
    platforms.store("faults", {"faults": []})
