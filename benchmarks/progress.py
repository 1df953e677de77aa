"""Progress, for whoever waits: never on the standard output, which is for figures."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
