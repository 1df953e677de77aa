"""The clock process: every tick it asks what is due and rings the bells; now and then it keeps house.

A second clock process does no harm; it waits for the first one's lock.
"""

from __future__ import annotations

import signal
import threading
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connector.clock import monotonic
from connector.db import partitions
from connector.db.session import transaction
from connector.deps import Deps
from connector.locks import SWEEP
from connector.logging import get, setup
from connector.queue.bells import ring
from connector.settings import Settings
from connector.sweep import due

log = get(__name__)

# Machine seconds between ticks. Where business time runs faster or is stepped, so does the tick: it is what the
# promptness of every timer hangs on.
_SLOWEST, _FASTEST, _STEPPED = 1.0, 0.05, 0.04
_HOUSEKEEPING = timedelta(hours=1)


def tick_seconds(rate: float) -> float:
    """How long a tick lasts when business time runs at this rate (0: stepped)."""
    if rate == 0:
        return _STEPPED
    return min(_SLOWEST, max(_FASTEST, 30.0 / rate))


def run(deps: Deps, stop: threading.Event) -> None:
    """Tick until told to stop. Trouble with the database is logged and outlived."""
    pause = tick_seconds(deps.clock.rate)
    swept = 0.0
    while not stop.is_set():
        try:
            with transaction(deps.engine) as connection:
                mine = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": SWEEP})
                found = due(connection, deps.clock) if mine else []
            for kind, shop_id in found:
                ring(deps.redis, kind, shop_id)
            if monotonic() - swept > _HOUSEKEEPING.total_seconds() or not swept:
                with transaction(deps.engine) as connection:
                    partitions.ensure(connection, deps.clock.now())
                swept = monotonic()
        except DBAPIError as error:
            log.warning("tick_failed", error=type(error).__name__)
            stop.wait(1.0)
        stop.wait(pause)


def main() -> None:
    """Entry of ``python -m connector.clockwork``."""
    settings = Settings.from_env()
    setup(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Deps.build(settings, pool_size=2), stop)


if __name__ == "__main__":
    main()
