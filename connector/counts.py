"""Counts for people to read that end: further than so far nobody counts, because it is a lot either way."""

from __future__ import annotations

MOST = 10_000
"""What is counted ends at one more than this."""


def said(count: int) -> str:
    """``1,234``, or ``more than 10,000`` for a count that ended."""
    return f"more than {MOST:,}" if count > MOST else f"{count:,}"
