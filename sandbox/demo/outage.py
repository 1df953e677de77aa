"""A part of a day without the product, as long that the store has given up telling it: what happened meanwhile is never
told again. Afterwards the product is asked to find what it missed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any

from sandbox.clock import write_clock_file
from sandbox.demo.stage import SHOPS, Stage, run_product
from sandbox.store.shoppers import coming as shoppers_come

HOUR, DAY = 3600.0, 86400.0
_LONG, _LEAST_HOURS, _SHORT_HOURS = 10, 8, 2
# Shoppers a day of the usual demo, and how many times longer than there an outage may last.
_USUAL, _MOST = 10, 6.0
# Of the day, UTC: when shoppers come at noon.
_NOON = 11 * HOUR


@dataclass(frozen=True)
class Outage:
    """From ``begin`` to ``end``, business time in unix seconds."""

    begin: float
    end: float

    @classmethod
    def within(cls, start: float, days: int, shoppers: int) -> Outage:
        """When two thirds of the days on which shoppers come are over. As long that some do: shorter in a short demo,
        whose figures it would rule, and longer where few come.
        """
        coming = min(days, ceil(shoppers_come(days)) + 1)
        day = start + coming * 2 // 3 * DAY
        begin = day - day % DAY + _NOON
        hours = _LEAST_HOURS if days >= _LONG else _SHORT_HOURS
        few = _USUAL * coming / shoppers
        return cls(begin, begin + hours * HOUR * min(max(1.0, few), _MOST))

    def unheard_since(self, moment: float, step: float) -> float:
        """From when on the product may not have heard at ``moment`` of what happened: the stop before it, or the
        beginning of the outage."""
        return self.begin if self.begin < moment <= self.end + step else moment - step

    def play(self, stage: Stage, step: float) -> None:
        """Nobody answers while the shoppers go on; then the product is back."""
        stage.end("up")
        stage.post(f"{stage.store_url}/_control/faults", {"faults": [{"kind": "drop", "shop": shop} for shop in SHOPS]})
        now = self.begin
        while now < self.end:
            now = min(now + step, self.end)
            write_clock_file(stage.clock_file, now)
            stage.post(f"{stage.store_url}/_control/advance")
        stage.post(f"{stage.store_url}/_control/faults", {"faults": []})
        stage.raise_product()

    @staticmethod
    def report(stage: Stage) -> dict[str, Mapping[str, Any]]:
        """{shop: what `connector sync reconcile` says}."""
        with ThreadPoolExecutor() as pool:
            asked = [pool.submit(run_product, stage, "sync", "reconcile", "--shop", one, "--json") for one in SHOPS]
            return {shop: json.loads(one.result()) for shop, one in zip(SHOPS, asked, strict=True)}
