"""Chance as a hash: the same person always gets the same arm, on every machine and in every replay."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from flows.core.facts import Facts, lookup


def draw(*parts: str) -> float:
    """A number in [0, 100), evenly spread over different `parts` and always the same for equal ones."""
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return int.from_bytes(sha256(text.encode()).digest()[:8]) / 2**64 * 100


def pick(shares: Mapping[str, int], number: float) -> str:
    """The arm in whose share (percent, summing to 100) the number falls, arms in the order given."""
    edge = 0
    for arm, share in shares.items():
        edge += share
        if number < edge:
            return arm
    raise ValueError(f"shares sum to {edge}, not to 100")


def seed(facts: Facts) -> str:
    """What chance of this person is hashed from; it survives merges. Raises LookupError when not loaded."""
    value = lookup(facts, "person.seed")
    if not isinstance(value, str) or not value:
        raise LookupError("person.seed is not among the facts")
    return value
