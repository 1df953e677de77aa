"""The tier in a tag of the customer, which begins as the shop's settings say: ``tier:gold``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.loyalty.values import text


def told(settings: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Of several the highest of the shop's tiers: whoever changes tags may give the new one before taking the old."""
    if node.get("tags") is None:
        return {}
    beginning = settings["tier_tag"]
    named = [text(tag.removeprefix(beginning)) for tag in node["tags"] if tag.startswith(beginning)]
    tiers = {tier["name"].lower(): tier for tier in settings["tiers"]}
    # A tag is found whatever its case, as in the store.
    known = [tiers[name.lower()] for name in named if name and name.lower() in tiers]
    if known:
        return {"tier": max(known, key=lambda tier: tier["points"])["name"]}
    return {"tier": next((name for name in named if name), None)}
