"""The clock process ticks, its question goes through, and it keeps house."""

from __future__ import annotations

from collections.abc import Iterator

from connector import pulse
from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import Installation


def _run(installation: Installation) -> Iterator[Finding]:
    deps = installation.deps
    signs = pulse.signs(deps.redis, (pulse.CLOCK, pulse.HOUSEKEEPING), deps.clock.machine())
    tick, house = signs[pulse.CLOCK], signs[pulse.HOUSEKEEPING]
    if tick.state == "silent":
        last = "within a day" if tick.age is None else f"for {tick.age:.0f} s"
        yield broken(
            f"The clock process has not ticked {last}: what is due is not found.",
            "Start it (`connector clock`); one is enough.",
        )
        return
    if tick.state == "failing":
        yield broken(
            f"The clock process fails at finding what is due, {tick.failures} times in a row ({tick.error}).",
            "See the log of the clock process and of PostgreSQL.",
        )
    if house.state == "failing":
        yield warning(
            f"Housekeeping fails ({house.error}): old rows stay and no months are made ahead.",
            "See the log of the clock process and of PostgreSQL; it is tried again every minute.",
        )
    elif house.state == "silent":
        yield warning(
            "Housekeeping has not shown itself for ten minutes.", "Restart the clock process; see its log first."
        )


CHECK = Check("clock", "The clock process ticks and keeps house.", _run, needs=("redis",))
