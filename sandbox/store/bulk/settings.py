"""How bulk queries behave: their pace, the order of their lines, how long their files are there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BulkSettings:
    """Seconds are wire time. `window`: lines that lie next to each other in the store lie up to so many apart in the
    file; `far`: the share of lines that come at the very end of it, whatever they belong to. `ranges` false: files are
    only given whole."""

    at_once: int = 5
    start_seconds: float = 0.5
    objects_per_second: float = 2_000.0
    link_seconds: float = 7 * 86_400.0
    window: int = 500
    far: float = 0.01
    ranges: bool = True

    def __post_init__(self) -> None:
        if self.at_once < 1 or self.objects_per_second <= 0 or self.window < 1:
            raise ValueError("at_once and window from 1, objects_per_second above 0")
        if self.start_seconds < 0 or self.link_seconds < 0 or not 0 <= self.far <= 1:
            raise ValueError("seconds from 0, far from 0 to 1")
