"""How long a failed call waits before it is tried again, and waiting where somebody waits for the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from connector.clock import monotonic, pause
from connector.errors import ProviderError, RateLimited, Retry

# A 429 without the header that says when its window ends. Machine seconds.
_UNTOLD_WINDOW = 1.0

Answer = TypeVar("Answer")


def backoff(steps: Sequence[float], attempts: int, error: ProviderError) -> float:
    """Machine seconds: the step for this many attempts before this one, and at least what the provider asked for.

    A rate limit is no failure of the request, so only its own window counts.
    """
    if isinstance(error, RateLimited):
        return error.after or _UNTOLD_WINDOW
    step = steps[min(attempts, len(steps) - 1)]
    return max(step, error.after) if isinstance(error, Retry) else step


def in_turn(ask: Callable[[], Answer], patience: float) -> Answer:
    """What ``ask`` answers, asked again while a rate limit refuses it, for up to ``patience`` machine seconds.

    For a person at a terminal; a worker puts the work off instead. Raises what ``ask`` raises.
    """
    end = monotonic() + patience
    while True:
        try:
            return ask()
        except RateLimited as limited:
            wait = limited.after or _UNTOLD_WINDOW
            if monotonic() + wait > end:
                raise
            pause(wait)
