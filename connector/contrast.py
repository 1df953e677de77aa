"""Colours that can be read: the contrast of WCAG 2.2 between two colours, each written ``#rrggbb``."""

from __future__ import annotations

LEAST = 4.5
"""What text has to have before its ground."""
_BLACK, _WHITE = "#000000", "#ffffff"
_STEPS = 20


def ratio(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black and white)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: str, ground: str) -> str:
    """The colour itself, or the nearest mixture with black or white that has LEAST contrast before ``ground``."""
    towards = ink(ground)
    mixtures = (_mixed(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(one for one in mixtures if ratio(one, ground) >= LEAST)


def ink(ground: str) -> str:
    """Black or white, whichever is read better before ``ground``: one of them always has LEAST."""
    return max((_BLACK, _WHITE), key=lambda one: ratio(one, ground))


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
