"""How deep a value of JSON is nested: what looks into it goes as deep, and no further than Python does."""

from __future__ import annotations

from typing import Any

DEEPEST = 60
"""Deeper than anything that anybody writes by hand, and than a condition may be."""


def is_too_deep(value: Any) -> bool:
    """Whether mappings and lists are inside one another deeper than DEEPEST."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)
