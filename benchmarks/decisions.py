"""How fast the pure core decides: `advance` with facts and gate, on one core, without a database.

Whole lives of runs of the flows that ship: the person enters, every message passes the gate when it is wanted and
again when it leaves, every wait is woken, two events that mean nothing to the run come by, and a purchase ends half
of them. The facts of the person, the shop and the gate are put together for every step, in the shapes that the engine
gives. Only transitions that move the run are counted; processor time is what is measured.

The baseline is the same life where every step also restores its run from JSON and writes it back, which is the least
that a step costs that survives the process. A core that takes less than that is not what limits a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import orjson

from benchmarks.progress import say
from flows.core.caps import Sent
from flows.core.enrol import enrol
from flows.core.gate import GateFacts, GateMessage, Send, gate
from flows.core.hours import Quiet, outside
from flows.core.machine import advance
from flows.core.model import (
    Effect,
    EffectDone,
    Entered,
    Event,
    FlowVersion,
    Happened,
    Limit,
    Run,
    Stimulus,
    TimerFired,
    TimerSet,
)
from flows.core.permission import Yes
from flows.definition_files import read_folder

AIM = 30_000.0
ROUNDS = 7
LIVES = 200
_START = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
_NAMESPACE = UUID("5f2b6c1e-64a0-5a3c-9d7a-4e1f0a2b9c77")
_QUIET = Quiet(outside(time(21), time(8)), (ZoneInfo("Europe/Paris"),))
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

Storage = Callable[[Run], Run]
"""What happens to a run between two steps."""


def run(rounds: int = ROUNDS, lives: int = LIVES) -> dict[str, Any]:
    """Steps per second of processor time: medians of rounds in which both take turns."""
    flows = [_library_flow("cart-recovery"), _library_flow("welcome")]
    rates: dict[str, list[float]] = {"memory": [], "json": []}
    for _ in range(rounds):
        for name, storage in (("memory", _kept), ("json", _stored)):
            several = [_Life(flows[number % len(flows)], number, storage) for number in range(lives)]
            began = process_time()
            for life in several:
                life.live()
            spent = process_time() - began
            steps, gates = sum(life.steps for life in several), sum(life.gates for life in several)
            rates[name].append(steps / spent)
    ours, stored = median(rates["memory"]), median(rates["json"])
    say(f"  {ours:,.0f} steps/s, with storage as JSON {stored:,.0f}/s")
    return {
        "steps_per_second": round(ours),
        "fastest_round": round(max(rates["memory"])),
        "gates_per_step": round(gates / steps, 2),
        "steps_per_life": round(steps / lives, 1),
        "baseline": {"what": "each step restored from JSON and written back", "steps_per_second": round(stored)},
        "aim": {"steps_per_second": AIM},
        "met": ours >= AIM,
    }


def _library_flow(name: str) -> FlowVersion:
    return read_folder(Path(str(files("flows.library") / name))).flow


def _kept(run: Run) -> Run:
    return run


def _stored(run: Run) -> Run:
    """Through the columns of ``runs`` and back."""
    position = orjson.loads(orjson.dumps(run.position()))
    return Run.restore(
        id=run.id,
        flow=run.flow,
        version=run.version,
        person_id=run.person_id,
        key=run.key,
        state=run.state,
        outcome=run.outcome,
        entered_at=run.entered_at,
        anchor_at=run.anchor_at,
        position=position,
    )


@dataclass
class _Life:
    """One person in one flow, from the trigger to the end."""

    flow: FlowVersion
    person_id: int
    storage: Storage
    now: datetime = _START
    steps: int = 0
    gates: int = 0
    ledger: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        # What happens is not made by the core, so it is made before anything is measured.
        self._begins = self._trigger()
        self._passes_by = [Happened(self._event(name)) for name in ("checkout_updated", "order_paid")]
        self._buys = Happened(self._event("order_placed"))

    def live(self) -> Run:
        """The run when it is over."""
        entered = enrol(self.flow, self._begins, [], [], self._facts(), self.now)
        assert isinstance(entered, Run), entered
        # Half of them buy in the end, the others hear everything that the flow has to say.
        patience = 2 if self.person_id % 4 < 2 else 1000
        run, due = self._move(entered, Entered())
        while run.state == "live":
            for event in self._passes_by:
                run, _ = self._move(run, event)
            patience -= 1
            if patience < 0:
                run, due = self._move(run, self._buys)
                continue
            self.now = max(self.now, due.due_at) if isinstance(due, TimerSet) else self.now + _MINUTE
            run, due = self._move(run, self._woken(run, due))
        return run

    def _move(self, run: Run, stimulus: Stimulus) -> tuple[Run, Effect | TimerSet | None]:
        """The run afterwards, and what it waits for."""
        transition = advance(self.flow, self.storage(run), stimulus, self._facts(), self.now)
        if not transition.trail:
            return run, None
        self.steps += 1
        waiting: Effect | TimerSet | None = None
        for timer in transition.timers:
            waiting = timer if isinstance(timer, TimerSet) else waiting
        for effect in transition.effects:
            waiting = effect
            self._ask(effect)
        return transition.run, waiting

    def _woken(self, run: Run, due: Effect | TimerSet | None) -> Stimulus:
        if isinstance(due, TimerSet):
            return TimerFired(due.token)
        assert due is not None, run
        # Asked again right before it leaves.
        self._ask(due)
        self.ledger.append(Sent(self.flow.flow, run.id, due.channel, due.purpose, self.flow.cap, self.now))
        return EffectDone(due.key, "accepted", "", self.now)

    def _ask(self, effect: Effect) -> None:
        self.gates += 1
        question = GateMessage(
            flow=self.flow.flow,
            run_id=_NAMESPACE,
            channel=effect.channel,
            purpose=effect.purpose,
            cap=self.flow.cap,
            priority=effect.priority,
            due_at=effect.due_at,
            deadline=effect.deadline,
            not_while_in=self.flow.not_while_in,
            hold_after_purchase=self.flow.hold_after_purchase,
        )
        facts = GateFacts(
            permission=Yes(),
            live_tags=[],
            ledger=list(self.ledger),
            shop_caps=[Limit(3, 7, effect.channel)],
            quiet=_QUIET,
            timezone="Europe/Paris",
        )
        verdict = gate(question, facts, self.now)
        assert isinstance(verdict, Send), verdict

    def _trigger(self) -> Event:
        if self.flow.trigger.on != "checkout_abandoned":
            return self._event(self.flow.trigger.on, source="store")
        anchor = (self.now - _HOUR).isoformat()
        return self._event(self.flow.trigger.on, total="60.00", anchor_at=anchor, after_seconds=3600)

    def _event(self, name: str, **props: Any) -> Event:
        token = f"token-{self.person_id}"
        identity = uuid5(_NAMESPACE, f"{name}:{self.person_id}:{self.now}")
        told = {"checkout_token": token, **props}
        return Event(identity, name, self.now, f"checkout:{token}", token, self.person_id, told)

    def _facts(self) -> dict[str, Any]:
        return {
            "person": {
                "id": self.person_id,
                "seed": f"2b1f6c1e-{self.person_id}",
                "email": "robin@example.com",
                "phone": None,
                "first_name": "Robin",
                "last_name": "Buyer",
                "locale": "en",
                "country": "FR",
                "city": "Lyon",
                "timezone": "Europe/Paris",
                "tags": [],
                "orders_count": 0,
                "total_spent": "0.00",
                "first_order_at": None,
                "last_order_at": None,
                "consent": {"email": "subscribed"},
            },
            "shop": {
                "name": "Bench",
                "url": "https://bench.example",
                "timezone": "Europe/Paris",
                "locale": "en",
                "currency": "EUR",
                "offers": {"cart": {"code": "BACK10", "percent": 10}},
            },
            "flows": {"live_tags": []},
        }
