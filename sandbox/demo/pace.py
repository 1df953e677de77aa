"""Staying up after the demo: business time goes on at the real pace until somebody ends it."""

from __future__ import annotations

from sandbox.clock import write_clock_file
from sandbox.demo.stage import PASSWORD, REAL, Stage, hire, staff_of

_TICK_SECONDS = 0.5
# Who sees everything, and who sees customers masked.
ROLES = ("owner", "support")


def keep_up(stage: Stage) -> None:
    """Follow real time until Ctrl-C."""
    hire(stage, *ROLES)
    print(f"Still up: product {stage.product_url}, store {stage.store_url}, provider {stage.provider_url}/v3")
    print(f"The admin: {stage.product_url}/admin/ as {' or '.join(map(staff_of, ROLES))}, password: {PASSWORD}")
    print(f"What was sent, as people see it: {stage.provider_url}/_inbox")
    print("Ctrl-C ends it.", flush=True)
    try:
        while True:
            stage.check_alive()
            write_clock_file(stage.clock_file, REAL.real())
            stage.post(f"{stage.store_url}/_control/advance", {"wait_seconds": 0})
            stage.post(f"{stage.provider_url}/_control/advance")
            REAL.pause(_TICK_SECONDS)
    except KeyboardInterrupt:
        print()
