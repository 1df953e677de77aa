"""What goes wrong at the platforms while processes die."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.platforms import Platforms

# Of all calls that change something, and of those that look up what became of an email: three in ten. An answer later
# than the time-out of SHORT (crashable) counts as none; none is so late that a look-up could come before it.
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
SPOILT = (("POST", "/smtp/email"), ("POST", "/contacts"), ("POST", "/events"), ("POST", "/orders/status"),
          ("POST", "/products"), ("GET", "/smtp/emails"))  # fmt: skip
STORE_FAULTS = (
    {"kind": "duplicate", "probability": 0.15},
    {"kind": "duplicate", "new_id": True, "probability": 0.15},
    {"kind": "shuffle", "probability": 0.2},
    {"kind": "wrong_signature", "probability": 0.02},
)


def spoil(platforms: Platforms, seed: int) -> None:
    """From now on a share of all calls and of all webhooks goes wrong."""
    for method, path in SPOILT:
        for fault in FAULTS:
            platforms.provider("faults", {**fault, "path": path, "method": method, "seed": seed})
    platforms.store("faults", {"faults": STORE_FAULTS})


def end(platforms: Platforms) -> None:
    platforms.end_faults()
    platforms.store("faults", {"faults": []})
