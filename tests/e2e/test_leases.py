"""How long what a dead process held stays untouched, with the settings that ship."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.e2e.aftermath import Aftermath
from tests.e2e.crashable import Crashable
from tests.e2e.monkey import LEASES
from tests.e2e.nursery import Death
from tests.e2e.platforms import Platforms
from tests.e2e.product import open_folder
from tests.e2e.trade import HOUR, Trade

SHOP = "one.myshopify.com"
# Machine seconds: from a death until what it held is claimed again, and from then until an unknown email is settled.
CLAIMED_AGAIN, SETTLED = 30.0, 60.0
# Look-ups a second: the provider's two, of which we use four fifths.
LOOK_UPS = 1.6
# Each dies with a lease in hand.
ORDERS = {
    "deliver": ["t4.sent"],
    "fetch": ["t2b.leased"],
    "backfill": ["pass.leased"],
    "bulk": ["alerts.leased"],
    "sync": ["t5.leased"],
}
PEOPLE = 4
Lease = tuple[str, str, object]


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("leases") as made:
        yield made


class Watch:
    """Sees what the dead held, and when it was theirs no longer."""

    def __init__(self, product: Crashable) -> None:
        self._product = product
        self._died: dict[Lease, float] = {}
        self.taken_over: dict[Lease, float] = {}

    def look(self) -> None:
        now, living = time.monotonic(), set(self._leases())
        for lease, died in self._died.items():
            if lease not in living and lease not in self.taken_over:
                self.taken_over[lease] = now - died

    def died(self, death: Death) -> None:
        """What is held now and was claimed before the death was the dead one's; its successor has not claimed yet."""
        self._died |= {lease: death.at for lease in self._leases() if lease not in self._died}

    @property
    def waiting(self) -> int:
        return len(self._died) - len(self.taken_over)

    def _leases(self) -> list[Lease]:
        return [
            (kind, held, lease)
            for queries in LEASES.values()
            for kind, query in queries.items()
            for held, lease in self._product.rows(query.replace("lease_real > clock_timestamp()", "true"))
        ]


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(300)
def test_what_a_dead_process_held_is_claimed_again_and_an_unknown_email_settled_in_time(folder: Path) -> None:
    with (
        Platforms(folder, [SHOP], wire_rate=1.0) as platforms,
        Crashable(folder / "product", platforms, {"LOG_LEVEL": "WARNING"}) as product,
    ):
        # The provider's own reports must not be quicker than the look-ups.
        platforms.provider("settings", {"delivery_seconds": 30 * 24 * HOUR, "honour_idempotency": False})
        product.connect([SHOP])
        product.nursery.start(orders=ORDERS)
        trade, watch, seen = Trade(platforms, {SHOP: PEOPLE}, Random(1)), Watch(product), 0
        trade.come_in()
        deadline = time.monotonic() + 4 * CLAIMED_AGAIN
        wanted = sum(map(len, ORDERS.values()))
        while (seen < wanted or watch.waiting) and time.monotonic() < deadline:
            for death in product.nursery.deaths[seen:]:
                watch.died(death)
                seen += 1
            watch.look()
            time.sleep(0.05)
        assert seen == wanted, f"died only at {[death.order for death in product.nursery.deaths]}"
        (began,) = (death.at for death in product.nursery.deaths if death.name == "deliver")
        product.wait_until(product.idle, CLAIMED_AGAIN + SETTLED + PEOPLE / LOOK_UPS - (time.monotonic() - began))
        settled = time.monotonic() - began
        found = Aftermath.read(platforms, product.rows, within=HOUR)
    slowest = {
        kind: round(max(s for (k, *_), s in watch.taken_over.items() if k == kind), 1) for kind, *_ in watch.taken_over
    }
    print(f"claimed again after at most {slowest} s; all settled {settled:.1f} s after the sender's death")
    assert {"message", "wish", "pass", "look", "record"} <= set(slowest)
    assert max(slowest.values()) <= CLAIMED_AGAIN
    assert found.problems() == [] and len(found.sent) == PEOPLE
