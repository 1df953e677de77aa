"""The clock process: every tick it asks what is due and rings the bells; beside that it keeps house.

A second clock process does no harm; it waits for the first one's lock.
"""

from __future__ import annotations

import signal
import threading

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connector import housekeeping, pulse
from connector.crashpoints import reach
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


def tick_seconds(rate: float) -> float:
    """How long a tick lasts when business time runs at this rate (0: stepped)."""
    if rate == 0:
        return _STEPPED
    return min(_SLOWEST, max(_FASTEST, 30.0 / rate))


def run(deps: Deps, stop: threading.Event) -> None:
    """Tick until told to stop. Trouble with the database is logged, shows in the pulse, and is outlived."""
    pause = tick_seconds(deps.clock.rate)
    signs = pulse.Pulse(deps.redis, pulse.CLOCK)
    while not stop.is_set():
        try:
            with transaction(deps.engine) as connection:
                mine = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": SWEEP})
                found = due(connection, deps.clock) if mine else {}
            if found:
                reach("sweep.found")
            for kind, shop_ids in found.items():
                ring(deps.redis, kind, *shop_ids)
            signs.beat(deps.clock.machine())
        except DBAPIError as error:
            log.warning("tick_failed", error=type(error).__name__)
            signs.beat(deps.clock.machine(), type(error).__name__)
            stop.wait(1.0)
        stop.wait(pause)


def main() -> None:
    """Entry of ``python -m connector.clockwork``."""
    settings = Settings.from_env()
    setup(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    deps = Deps.build(settings, pool_size=2)
    # A thread of its own: a month that is waited for must not keep a timer waiting.
    house = threading.Thread(target=housekeeping.run, args=[deps, stop], name="housekeeping", daemon=True)
    house.start()
    run(deps, stop)


if __name__ == "__main__":
    main()
