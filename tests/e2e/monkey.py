"""Kills processes in the moment in which they hold something.

A victim is stopped first, then the database is asked what it holds, and only who holds something is killed: with
the victim standing still the answer stays true until it is dead.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from random import Random

from tests.e2e.crashable import Crashable, frozen

# Whom to go for, and how often.
VICTIMS = {"deliver": 4, "sync": 2, "fetch": 1, "flows": 3, "intake": 3}
# These hold nothing for longer than one statement: they die whatever they do.
BYSTANDERS = {"web": 1, "clock": 1}
# Machine time between two looks at somebody.
_LOOK_SECONDS = 0.02
# Leases by the process that holds them: what names one, and when it ends.
LEASES = {
    "deliver": {
        "message": "SELECT shop_id || ':' || id, lease_real FROM outbox"
        " WHERE state = 'leased' AND lease_real > clock_timestamp()"
    },
    "sync": {
        "record": "SELECT shop_id || ':' || entity || ':' || entity_id, lease_real FROM sync_state"
        " WHERE state = 'leased' AND lease_real > clock_timestamp()",
    },
    "fetch": {
        "wish": "SELECT shop_id || ':' || kind || ':' || remote_id, lease_real FROM fetches"
        " WHERE state = 'leased' AND lease_real > clock_timestamp()",
        "run": "SELECT shop_id || ':' || id, lease_real FROM sync_runs WHERE lease_real > clock_timestamp()",
        "request": "SELECT shop_id || ':' || id, lease_real FROM privacy_requests WHERE lease_real > clock_timestamp()",
    },
    "backfill": {
        # Of one that is under way; the others rest until then.
        "pass": "SELECT shop_id || ':' || look, lease_real FROM reconcile_passes"
        " WHERE began_at IS NOT NULL AND lease_real IS NOT NULL AND lease_real > clock_timestamp()",
    },
    "bulk": {
        "look": "SELECT shop_id::text, lease_real FROM alert_looks"
        " WHERE lease_real IS NOT NULL AND lease_real > clock_timestamp()",
    },
}
# What each has got done. Who has got nothing done since it was last killed is left alone: a batch is all or nothing,
# and on a slow machine it would be killed over the same batch for ever.
_DONE = {
    "deliver": "SELECT (SELECT count(*) FROM outbox WHERE state IN ('sent', 'skipped', 'failed'))"
    " + (SELECT count(*) FROM attempts WHERE result = 'unknown')",
    "sync": "SELECT (SELECT coalesce(sum(sent_version), 0) FROM sync_state)"
    " + (SELECT count(*) FROM feed WHERE state = 'sent')",
    "fetch": "SELECT count(*) FROM fetches WHERE state = 'done'",
    "flows": "SELECT count(*) FROM decisions",
    "intake": "SELECT count(*) FROM inbox WHERE state <> 'new'",
}
# A transaction that has written or locked something.
_TRANSACTION = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND backend_xid IS NOT NULL"


class Monkey:
    """Use as a context manager: inside the block it kills as many who hold something as it was allowed, with about
    ``pause`` seconds between.

    ``held``: kills by what the victim held; ``others``: kills of processes that were not asked; ``hung``: see ``hang``.
    """

    def __init__(self, product: Crashable, chance: Random, pause: float) -> None:
        self._product = product
        self._chance = chance
        self._pause = pause
        self._orphans: set[tuple[str, str, object]] = set()
        self._resting = threading.Event()
        self._turn = threading.Lock()
        self._done: dict[str, int] = {}
        self._allowed = 0
        self.held: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.hung = 0
        self._failure: BaseException | None = None

    def __enter__(self) -> Monkey:
        self._thread = threading.Thread(target=self._rage, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._resting.set()
        self._thread.join(30)
        if self._failure is not None:
            raise self._failure

    @property
    def kills(self) -> int:
        """Kills that hit somebody who held something."""
        return self.held.total()

    def allow(self, kills: int) -> None:
        """So many more."""
        self._allowed += kills

    def hang(self, name: str, seconds: float) -> None:
        """Stop a process that holds a message for so long that another takes over, then let it go on.

        Nothing happens when it holds none for a while.
        """
        with self._turn:
            deadline = time.monotonic() + 3
            while not self._hung(name, seconds) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
            self._orphans |= self._leases(name)

    def _hung(self, name: str, seconds: float) -> bool:
        nursery, spare = self._product.nursery, f"{name}/2"
        pid = nursery.living.get(name)
        if pid is None:
            return False
        with frozen(pid):
            if "message" not in self._holdings(name, pid):
                return False
            nursery.start([spare])
            time.sleep(seconds)
        # The two work side by side for a moment.
        time.sleep(0.5)
        nursery.retire(spare)
        self.hung += 1
        return True

    def _rage(self) -> None:
        try:
            while not self._resting.is_set():
                with self._turn:
                    struck = self.kills < self._allowed and self._strike()
                self._resting.wait(self._pause * 2 * self._chance.random() if struck else _LOOK_SECONDS)
        except BaseException as error:
            self._failure = error

    def _strike(self) -> bool:
        every: Mapping[str, int] = {**VICTIMS, **BYSTANDERS}
        (name,) = self._chance.choices(list(every), list(every.values()))
        pid = self._product.nursery.living.get(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            if name in BYSTANDERS:
                # Asked seldom, so that the others get their share.
                if self._chance.random() < 0.05:
                    os.kill(pid, signal.SIGKILL)
                    self.others[name] += 1
                    return True
                return False
            with frozen(pid):
                holdings = self._holdings(name, pid)
                if not holdings or not self._got_on(name):
                    return False
                os.kill(pid, signal.SIGKILL)
                self._orphans |= self._leases(name)
            self.held[f"{name}: {' and '.join(sorted(holdings))}"] += 1
            self._product.nursery.wait_for(lambda: self._product.nursery.living.get(name) not in (None, pid), name)
            return True
        return False

    def _got_on(self, name: str) -> bool:
        ((done,),) = self._product.rows(_DONE[name])
        before, self._done[name] = self._done.get(name, -1), done
        return bool(done > before)

    def _holdings(self, name: str, pid: int) -> set[str]:
        found = {kind for kind, *_ in self._leases(name) - self._orphans}
        if self._product.rows(_TRANSACTION, (f"connector {pid}",)):
            found.add("transaction")
        return found

    def _leases(self, name: str) -> set[tuple[str, str, object]]:
        """Live leases of this kind of process, those of its dead included."""
        return {
            (kind, held, lease_real)
            for kind, query in LEASES.get(name, {}).items()
            for held, lease_real in self._product.rows(query)
        }
