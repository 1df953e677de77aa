"""Carts and checkouts that somebody has left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.core.operands import CannotCompare, number


def worth_recovering(left: Mapping[str, Any]) -> bool:
    """Whether a cart or a checkout has something in it that costs something."""
    try:
        return bool(left.get("items")) and number(left.get("total")) > 0
    except CannotCompare:
        return False
