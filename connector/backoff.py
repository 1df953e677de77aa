"""How long a failed call waits before it is tried again."""

from __future__ import annotations

from collections.abc import Sequence

from connector.errors import ProviderError, RateLimited, Retry

# A 429 without the header that says when its window ends. Machine seconds.
_UNTOLD_WINDOW = 1.0


def backoff(steps: Sequence[float], attempts: int, error: ProviderError) -> float:
    """Machine seconds: the step for this many attempts before this one, and at least what the provider asked for.

    A rate limit is no failure of the request, so only its own window counts.
    """
    if isinstance(error, RateLimited):
        return error.after or _UNTOLD_WINDOW
    step = steps[min(attempts, len(steps) - 1)]
    return max(step, error.after) if isinstance(error, Retry) else step
