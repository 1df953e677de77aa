"""What finding and locking those whose turn it is takes: with many people waiting beside few, and while another
connection holds a snapshot, in which nothing that was acted on goes out of the index.

Only the claim is timed. What follows is cut short: who was claimed waits again, for much later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.due_steps_crowd import START, Crowd, gather, make_due
from benchmarks.own_servers import OwnServers, add_shop
from benchmarks.progress import say
from connector.clock import Clock, monotonic
from connector.db.session import create_engine, transaction
from connector.horizons import Horizons
from connector.scope import scoped
from flows.engine.decide import BATCH
from flows.engine.turns import claim

FEW = 10_000
_WINDOW = timedelta(seconds=30)
ROUNDS = 5
AIMS = {"many_to_few": 1.2, "rate_beside_a_snapshot": 0.8}


@dataclass
class _Side:
    """Those who wait in one database. ``bounded``: whether what was found before is remembered."""

    engine: Engine
    crowd: Crowd
    clock: Clock
    settings: Any
    chosen: Sequence[int]
    horizons: Horizons = field(default_factory=Horizons)
    # What falls due later was due later, as time goes.
    edge: datetime = START - timedelta(days=1)

    def drain(self, *, bounded: bool = True) -> float:
        """Microseconds of claiming for each of those who were chosen. Afterwards they wait again."""
        count, self.edge = len(self.chosen), self.edge + 2 * _WINDOW
        with transaction(self.engine) as connection:
            make_due(connection, self.crowd, self.chosen, self.edge - _WINDOW, self.edge)
        spent, claimed = 0.0, 0
        while claimed < count:
            with (
                transaction(self.engine) as connection,
                scoped(connection, self.crowd.shop, self.clock, self.settings) as scope,
            ):
                began = monotonic()
                found = claim(scope, BATCH, self.horizons if bounded else Horizons())
                spent += monotonic() - began
                claimed += len(found)
                if not found:
                    raise RuntimeError(f"{count - claimed} of {count} were not found")
                mine = {"shop": self.crowd.shop.id, "persons": [row.person_id for row in found]}
                connection.execute(_LATER, mine)
        return 1e6 * spent / count


_LATER = text(
    "UPDATE timers SET due_at = due_at + interval '40 days'"
    " WHERE shop_id = :shop AND person_id = ANY (CAST(:persons AS bigint[])) AND due_at <= now() + interval '100 years'"
)


def compare(servers: OwnServers, crowd: Crowd, each: int) -> dict[str, Any]:
    """``each``: how many are due at a time; ``crowd``: the many."""
    deps = servers.deps
    many = _Side(deps.engine, crowd, deps.clock, deps.settings, crowd.some(each))
    with _few(servers, min(each, FEW // 2)) as few:
        # The first round of each prepares its statements.
        rounds = [(few.drain(), many.drain()) for _ in range(ROUNDS + 1)][1:]
    small, large = (median(one[place] for one in rounds) for place in (0, 1))
    before = median(many.drain() for _ in range(ROUNDS))
    with _snapshot(deps.engine):
        beside = [many.drain() for _ in range(ROUNDS)]
        from_the_beginning = many.drain(bounded=False)
    ratio = {
        "many_to_few": round(large / small, 2),
        "rate_beside_a_snapshot": round(before / median(beside), 2),
    }
    of_rate = ratio["rate_beside_a_snapshot"]
    say(
        f"  a claim of many takes {ratio['many_to_few']} of one of few; beside a snapshot {of_rate} of the rate is left"
    )
    return {
        "microseconds_per_person": round(large, 1),
        "beside_a_snapshot_microseconds": [round(one, 1) for one in beside],
        "baseline": {
            "microseconds_per_person_of_few": round(small, 1),
            "few": FEW,
            "from_the_beginning_beside_a_snapshot_microseconds": round(from_the_beginning, 1),
        },
        "ratio": ratio,
        "aim": AIMS,
    }


@contextlib.contextmanager
def _few(servers: OwnServers, each: int) -> Iterator[_Side]:
    """Another database of the same server, in which few wait."""
    engine = create_engine(servers.another("few"))
    try:
        deps = servers.deps
        with transaction(engine) as connection:
            shop = add_shop(connection, deps.clock.now(), country="US")
        crowd = gather(engine, shop, FEW, deps.clock.now())
        yield _Side(engine, crowd, deps.clock, deps.settings, crowd.some(each))
    finally:
        engine.dispose()


@contextlib.contextmanager
def _snapshot(engine: Engine) -> Iterator[None]:
    """Somebody reads a report all the while."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SELECT count(*) FROM shops"))
        yield
