"""``python -m sandbox.demo``: the past thirty days of two shops, played in about a minute, then the account of them.

In the environment ``DAYS`` and ``SHOPPERS`` say how many others, and ``KEEP=1`` leaves everything up afterwards, at the
real pace, until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.demo import account
from sandbox.demo.drive import STEP, Driver, Stuck
from sandbox.demo.outage import Outage
from sandbox.demo.pace import keep_up
from sandbox.demo.purchases import Entry
from sandbox.demo.stage import REAL, SHOPS, NotReady, Stage, raised, run_product

FOLDER = Path("var/demo")
DAYS = 30
SHOPPERS = 300
SEED = 20261121
# Of fewer shoppers than this it is chance how many have a number and leave a cart for so long.
MANY = 100
# Days after which somebody has got the last message of each flow, of those who came in the first two weeks.
ENDS_AFTER = {"welcome": 25, "cart-recovery": 20, "post-purchase": 45, "win-back": 120}


def checks(days: int, shoppers: int) -> dict[str, Callable[[Any], bool]]:
    """What must hold of the figures of so many days with so many shoppers."""
    texts = 0 if days < 10 else shoppers / 30 if shoppers >= MANY else 1
    return {
        "lost": lambda value: value == 0,
        "emails_after_purchase": lambda value: value == 0,
        "duplicate_emails": lambda value: value == 0,
        # A third of all subscribe and are welcomed; of a demo of two days some of these are still to come.
        "emails_accepted": lambda value: value > shoppers / 5,
        # None in a demo that is over before the second day of a cart.
        "texts_accepted": lambda value: value >= texts,
        "texts_without_a_cart": lambda value: value == 0,
        "texts_after_purchase": lambda value: value == 0,
        "duplicate_texts": lambda value: value == 0,
        "texts_at_forbidden_hours": lambda value: value == 0,
        "codes_made": lambda value: value >= (shoppers / 30 if days >= 10 else 0),
        "codes_made_and_not_shown": lambda value: value == 0,
        "codes_shown_and_not_made": lambda value: value == 0,
        "codes_of_several_people": lambda value: value == 0,
        "people_with_several_codes": lambda value: value == 0,
        "simulated_days": lambda value: value >= days,
        "lateness_p95_minutes": lambda value: value <= 15,
        **{
            f"people_at_the_end_of_{flow}": lambda value: value > 0
            for flow, needed in ENDS_AFTER.items()
            if days >= needed
        },
        "gaps_found": lambda value: value > 0,
        "gaps_not_repaired": lambda value: value == 0,
    }


def main(*, days: int = DAYS, shoppers: int = SHOPPERS, folder: Path = FOLDER) -> int:
    """Play, tell, count, check. 0 when every check holds, 1 when one fails, 2 when it could not be played."""
    # Whoever ends the demo politely ends its processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = REAL.real()
    shutil.rmtree(folder, ignore_errors=True)
    end = REAL.real() - REAL.real() % STEP
    start = end - days * 86400
    print(f"{days} days of {len(SHOPS)} shops with {shoppers} shoppers; output of the processes: {folder}", flush=True)
    try:
        with raised(folder, start=start, days=days, shoppers=shoppers, seed=SEED) as stage:
            print(f"up after {REAL.real() - began:.0f} s: {stage.product_url}", flush=True)
            driver = Driver(stage, start, end, Outage.within(start, days, shoppers))
            driver.play(_progress(start, end))
            print()
            _missed(driver.reports)
            found = account.draw_up(
                stage, SHOPS, driver.outage, driver.became, days=days, wall_seconds=REAL.real() - began
            )
            found.figures["gaps_not_repaired"] = sum(one["state"] != "done" for one in driver.reports.values())
            found.figures["gaps_found"] = sum(_records(one) for one in driver.reports.values())
            (folder / "gaps.json").write_text(json.dumps(driver.reports, indent=2) + "\n")
            (folder / "report.json").write_text(json.dumps(found.figures, indent=2) + "\n")
            _tell(stage, *found.hero)
            failed = _table(found.figures, checks(days, shoppers))
            if os.environ.get("KEEP"):
                keep_up(stage)
    except (NotReady, Stuck) as problem:
        print(f"\nThe demo could not be played: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 1 if failed else 0


def _progress(start: float, end: float) -> Callable[[float, int], None]:
    shown = -1

    def progress(now: float, stops: int) -> None:
        nonlocal shown
        day = int((now - start) / 86400)
        if day != shown:
            shown = day
            total = int((end - start) / 86400)
            filled = "#" * day + "." * (total - day)
            print(f"\r  day {day:>2} of {total}  [{filled}]  {stops} stops", end="", flush=True)

    return progress


def _missed(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """What each shop missed in the outage: the product looks by itself, too, and may have been first."""
    for shop, report in reports.items():
        print(f"\nWhat {shop} missed in the outage:")
        for one in (*reversed(report["earlier"]), report):
            for sentence in one["words"]:
                print(f"  {sentence}")


def _records(report: Mapping[str, Any]) -> int:
    """How many records were missed, behind or gone."""
    counts = [count for one in (report, *report["earlier"]) for count in one["records"].values()]
    return sum(count[name] for count in counts for name in ("missed", "behind", "gone"))


def _tell(stage: Stage, shop: str, email: str) -> None:
    if not email:
        return
    print(f"\nThe story of {email} at {shop}:\n")
    print(run_product(stage, "person", shop, email))


def _table(figures: Entry, wanted: Mapping[str, Callable[[Any], bool]]) -> list[str]:
    width = max(len(name) for name in figures)
    failed = []
    print()
    for name, value in figures.items():
        if isinstance(value, dict):
            continue
        check = wanted.get(name)
        verdict = "" if check is None else "ok" if check(value) else "FAILED"
        if verdict == "FAILED":
            failed.append(name)
        print(f"  {name:<{width}}  {value:>10}  {verdict}")
    print()
    return failed


def _asked(name: str, default: int) -> int:
    """A whole number from the environment."""
    said = os.environ.get(name) or str(default)
    if not said.isdecimal() or int(said) < 1:
        sys.exit(f"{name}={said}: write a whole number above 0, for example {name}={default}")
    return int(said)


if __name__ == "__main__":
    sys.exit(main(days=_asked("DAYS", DAYS), shoppers=_asked("SHOPPERS", SHOPPERS)))
