"""Workers that leave out one precaution each: the controls of the tests that show what it is good for.

``python -m tests.e2e.careless deliver WAY`` instead of ``python -m connector.worker deliver``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from connector import worker
from connector.deps import Deps
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.channels.channel import Channel
from flows.engine import dispatch, lane, outcomes
from flows.engine.claim import Claimed


def ignores_the_lane() -> None:
    """It does not look for unread orders before it sends."""
    lane.clear = lambda deps, shop: True


def looks_nothing_up() -> None:
    """A message whose outcome is unknown is sent again."""
    channels = cast(dict[str, Channel], CHANNELS)
    channels["email"] = replace(channels["email"], look_up=lambda *asked: None)


def records_first() -> None:
    """A message is written down as sent before it is."""
    claim = dispatch.claim

    def claimed(deps: Deps, shop: Shop, *more: Any, **options: Any) -> list[Claimed]:
        found = claim(deps, shop, *more, **options)
        for one in found:
            with deps.open(shop) as scope:
                outcomes.record(scope, one.row, one.n, "not-sent-yet")
        return found

    dispatch.claim = claimed


WAYS: Mapping[str, Callable[[], None]] = {
    way.__name__: way for way in (ignores_the_lane, looks_nothing_up, records_first)
}


if __name__ == "__main__":
    WAYS[sys.argv[2]]()
    worker.main(sys.argv[1])
