"""The clock process: every tick it asks what is due and rings the bells; beside that it keeps house.

A second clock process does no harm; it waits for the first one's lock.
"""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from itertools import count

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
from connector.sweep import BEGINNING, DUE, due

log = get(__name__)

# Machine seconds between ticks. Where business time runs faster or is stepped, so does the tick: it is what the
# promptness of every timer hangs on.
_SLOWEST, _FASTEST, _STEPPED = 1.0, 0.05, 0.04
# Windows in which changes are gathered into one call are no longer than a second: whether one has closed is asked more
# often. So is whether somebody's wait has ended, of those that ended lately.
_WINDOWED, _OFTEN = ("fetch", "sync", "flows"), 0.25
_LATELY = timedelta(seconds=30)


def tick_seconds(rate: float) -> float:
    """How long a tick lasts when business time runs at this rate (0: stepped)."""
    if rate == 0:
        return _STEPPED
    return min(_SLOWEST, max(_FASTEST, 30.0 / rate))


def run(deps: Deps, stop: threading.Event) -> None:
    """Tick until told to stop. Trouble with the database is logged, shows in the pulse, and is outlived."""
    tick = tick_seconds(deps.clock.rate)
    looks = max(1, round(tick / _OFTEN))
    signs = pulse.Pulse(deps.redis, pulse.CLOCK)
    for number in count():
        if stop.is_set():
            return
        kinds = _WINDOWED if number % looks else tuple(DUE)
        since = deps.clock.now() - _LATELY * max(1.0, deps.clock.rate) if number % looks else BEGINNING
        try:
            with transaction(deps.engine) as connection:
                mine = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": SWEEP})
                found = due(connection, deps.clock, kinds, since=since) if mine else {}
            if found:
                reach("sweep.found")
            for kind, shop_ids in found.items():
                ring(deps.redis, kind, *shop_ids)
            signs.beat(deps.clock.machine())
        except DBAPIError as error:
            log.warning("tick_failed", error=type(error).__name__)
            signs.beat(deps.clock.machine(), type(error).__name__)
            stop.wait(1.0)
        stop.wait(tick / looks)


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
