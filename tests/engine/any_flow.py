"""Random stories: people, what they do, and flows made by chance, worked off by several workers that die now and then.

A worker is a thread that answers bells as a process does. It dies where a process can be made to die
(``connector.crashpoints``): its transaction is undone, what it held in memory is gone, and what it leased stays leased.
After each stretch of time those who are left finish calmly, so that what was committed by then is known; whatever the
provider takes later is held against it (``Witness``).
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select

from connector import crashpoints, worker
from connector.models.event import events, pending_events
from connector.models.flow import flow_versions, runs, timers, trail
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.person import persons
from connector.outbox import idempotency_key
from flows.core.enrol import run_id
from flows.core.reasons import OBJECTIONS, WITHHELD
from tests.core.random_flows import MESSAGES, random_flow
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import embedded
from tests.engine.shoppers import agree, begin_checkout, buy, subscribe

KINDS = ("intake", "fetch", "flows", "deliver", "privacy", "closing")
_MESSAGE = """---
subject: {name}
purpose: marketing
deadline: 6d
---
<p>Hello</p>
"""
_REMOVED = {"id": 1, "name": "A", "domain": None, "myshopify_domain": None}
_STRETCH = 5 * HOUR
_LONGEST = 70 * DAY
# So often nothing has come in a row, before nothing is on its way: on a busy machine a request may take a second.
_CALM_LOOKS, _LOOK_SECONDS = 4, 0.25
_CHECKED = frozenset(OBJECTIONS) | frozenset(WITHHELD) | {"no_address", "app_removed"}


class Died(BaseException):
    """A process would be gone by now."""


class _Fate:
    """Stands where ``CRASH_AT`` would: some who pass by die."""

    def __init__(self, chance: Random, share: float, often: Mapping[str, float]) -> None:
        self._chance, self._share, self._often, self._lock = chance, share, often, threading.Lock()
        self.deaths: Counter[str] = Counter()

    def passing(self, name: str) -> None:
        with self._lock:
            if self._chance.random() >= self._often.get(name, self._share):
                return
            self.deaths[name] += 1
        raise Died(name)


@dataclass
class Person:
    number: int

    @property
    def email(self) -> str:
        return f"p{self.number}@example.com"

    gone: bool = False
    orders: int = 0
    carts: int = 0


@dataclass
class Witness:
    """What must not leave any more, and since how many of the provider's messages. ``runs``: whose; None: anything to
    this address."""

    why: str
    since: int
    email: str | None
    runs: frozenset[UUID] | None
    at: datetime
    until: int | None = None

    def __str__(self) -> str:
        return f"{self.why} of {self.email or 'all'} at {self.at:%d. %H:%M:%S}"


@dataclass
class Story:
    """``play`` it, then ask for its ``faults``. ``share``: how many of those who pass a crash point die there, but for
    those where it is more ``often``."""

    product: Installation
    shop: ConnectedShop
    seed: int
    workers: int = 3
    people: int = 6
    deeds: int = 22
    share: float = 0.03
    often: Mapping[str, float] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.crowd = [Person(number) for number in range(1, self.people + 1)]
        self.witnesses: list[Witness] = []
        texts = {name: _MESSAGE.format(name=name) for name in MESSAGES}
        for number in range(3):
            definition = random_flow(self.chance, f"flow-{number}")
            used = {name for name in MESSAGES if f"'email': '{name}'" in str(definition)}
            self.shop.publish(json.dumps(definition), **{name: texts[name] for name in used})
        self.removed = False
        # Nobody but ourselves keeps a message from being taken twice.
        self.shop.account.settings(honour_idempotency=False)

    def play(self) -> None:
        """All that happens, then time until nothing waits any more."""
        moments = sorted(self.chance.uniform(0.0, 6.0) for _ in range(self.deeds))
        now = START
        for moment in moments:
            at = START + moment * DAY
            while now + _STRETCH < at:
                now += _STRETCH
                self._pass_to(now)
            self.product.at(at)
            self._deed()
            # A deed may take a second, and no clock goes back.
            now = self.product.now
            self._pass_to(now)
        stretch = _STRETCH
        while self._waits() and now < START + _LONGEST:
            # Nothing happens any more, so that ever longer stretches may pass.
            now, stretch = now + stretch, min(2 * stretch, 2 * DAY)
            self._pass_to(now)

    # What happens

    def _deed(self) -> None:
        living = [person for person in self.crowd if not person.gone]
        if self.removed or not living:
            return
        person, shop = self.chance.choice(living), self.shop
        names = (
            ["subscribe"] * 5
            + ["checkout"] * 6
            + ["buy"] * 3
            + ["leave"] * 3
            + ["redact"]
            + ["uninstall"] * (len(self.witnesses) > 5 and self.chance.random() < 0.2)
        )
        what = self.chance.choice(names)
        self.told[what] += 1
        number, email = person.number, person.email
        match what:
            case "subscribe":
                self._comes_back(email)
                subscribe(shop, email, number)
            case "checkout":
                self._comes_back(email)
                person.carts += 1
                begin_checkout(shop, email, f"tok-{number}-{person.carts}", customer=embedded(number, email))
            case "buy":
                person.orders += 1
                token = f"tok-{number}-{person.carts}" if person.carts and self.chance.random() < 0.7 else None
                buy(shop, email, 9000 + 100 * number + person.orders, token=token, customer=embedded(number, email))
                self._stops("purchase", email)
            case "leave":
                # A second later: evidence of the same second would be a tie.
                self.product.at(self.product.now + timedelta(seconds=1))
                agree(shop, email, number, state="unsubscribed")
                self._stops("opt-out", email, everything=True)
            case "redact":
                about = {"id": number, "email": email, "phone": None}
                shop.deliver("customers/redact", {"customer": about, "orders_to_redact": []})
                person.gone = True
                self._stops("redaction", email, everything=True)
            case "uninstall":
                shop.deliver("app/uninstalled", _REMOVED)
                self.removed = True
                self._stops("uninstall", None, everything=True)

    def _comes_back(self, email: str) -> None:
        for witness in self.witnesses:
            if witness.email == email and witness.runs is None and witness.until is None:
                witness.until = self._mails()

    def _stops(self, why: str, email: str | None, *, everything: bool = False) -> None:
        """From the moment at which it is committed nothing leaves that it stops."""
        self._storm("intake", "flows", "deliver")
        self._taken_in("intake", *(("privacy",) if why == "redaction" else ()))
        mine = self._runs_of(email)
        now, since = self.product.now, self._mails()
        self.witnesses.append(Witness(why, since, email, None if everything else mine, now))
        # Somebody who had left before has not left anew: no flow hears of it.
        heard = why != "opt-out" or self.shop.rows(events, name="unsubscribed", occurred_at=now)
        if everything and email is not None and heard:
            # What comes later to the same address is another run's; these never write again.
            self.witnesses.append(Witness(why, since, email, mine, now))

    def _runs_of(self, email: str | None) -> frozenset[UUID]:
        query = select(runs.c.id).join(persons, persons.c.id == runs.c.person_id).where(persons.c.email == email)
        with self.product.deps.engine.connect() as connection:
            return frozenset(connection.scalars(query.where(runs.c.shop_id == self.shop.id)))

    def _mails(self) -> int:
        return len(self.shop.mails())

    # Time and workers

    def _pass_to(self, moment: datetime) -> None:
        self.product.at(moment)
        self._storm(*KINDS)
        self._calm()

    def _storm(self, *kinds: str) -> None:
        """All workers at once, each until it dies or finds little."""
        fate = _Fate(Random(self.chance.randrange(2**32)), self.share, self.often)
        with _dying(fate):
            seeds = [self.chance.randrange(2**32) for _ in range(self.workers)]
            threads = [threading.Thread(target=self._work, args=(Random(seed), kinds)) for seed in seeds]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            # Time is skipped next: whoever was still at work would lose a lease that is theirs in real life.
            assert not any(thread.is_alive() for thread in threads), "a worker does not end"
        self.deaths += fate.deaths
        if fate.deaths.keys() & {"t4.sent", "t4.half_sent"}:
            self._let_arrive()

    def _let_arrive(self) -> None:
        """What the dead have sent is on its way in real time, and leases end in time that is skipped."""
        before, same = -1, 0
        while same < _CALM_LOOKS:
            time.sleep(_LOOK_SECONDS)
            taken = self._mails()
            same = same + 1 if taken == before else 0
            before = taken

    def _work(self, chance: Random, kinds: tuple[str, ...]) -> None:
        for _ in range(3):
            due = [bell for bell in self.product.due() if bell[0] in kinds]
            if not due:
                return
            kind, shop_id = chance.choice(due)
            try:
                worker.work(self.product.deps, kind, shop_id)
            except Died:
                continue

    def _taken_in(self, *kinds: str) -> None:
        """All that was delivered is committed, also what a death had put off."""
        for _ in range(12):
            self.product.settle(*kinds)
            if not self.shop.rows(inbox, state="retry"):
                return
            self.product.skip(90)
        raise AssertionError("deliveries are tried again and again")

    def _calm(self) -> None:
        """Those who are left do what is due; leases of the dead run out meanwhile."""
        for _ in range(12):
            self.product.settle(*KINDS)
            if not self._leased():
                return
            self.product.skip(90)
        raise AssertionError("leases do not end")

    def _leased(self) -> bool:
        # What nobody can be asked about any more (whoever got it is erased) is looked at again in a day, by staff.
        soon = self.product.clock.machine() + HOUR
        held = outbox.c.state.in_(("leased", "unknown")) & (outbox.c.lease_real < soon)
        mine = (outbox.c.shop_id == self.shop.id) & held
        again = (inbox.c.shop_id == self.shop.id) & (inbox.c.state == "retry")
        with self.product.deps.engine.connect() as connection:
            found = [connection.execute(select(1).where(one).limit(1)).first() for one in (mine, again)]
        return any(row is not None for row in found)

    def _waits(self) -> bool:
        live = (runs.c.shop_id == self.shop.id) & (runs.c.state == "live")
        with self.product.deps.engine.connect() as connection:
            return connection.execute(select(1).where(live).limit(1)).first() is not None

    # What must hold

    def faults(self) -> list[str]:
        """What does not hold, in words; [] when all does."""
        return [*self._twice(), *self._too_late(), *self._lost(), *self._stuck(), *self._without_reason()]

    def _sent_by_key(self) -> dict[str, Any]:
        return {str(idempotency_key(row.key)): row for row in self.shop.rows(outbox)}

    def _twice(self) -> Iterator[str]:
        taken = Counter(mail["idempotency_key"] for mail in self.shop.mails())
        for key, count in taken.items():
            if count > 1:
                yield f"twice: {count} messages for {key}"
        steps = Counter((row.run_id, row.key.rsplit(":", 1)[0]) for row in self.shop.rows(outbox, state="sent"))
        for (run, step), count in steps.items():
            if count > 1:
                yield f"twice: {count} messages of {step} of {run}"

    def _too_late(self) -> Iterator[str]:
        mails, known = self.shop.mails(), self._sent_by_key()
        for witness in self.witnesses:
            for place, mail in enumerate(mails[: witness.until][witness.since :], start=witness.since):
                if witness.email not in (None, mail["to"]):
                    continue
                row = known.get(mail["idempotency_key"])
                if witness.runs is None or (row is not None and row.run_id in witness.runs):
                    about = f"{row.key} of {row.flow}, wanted {row.created_at:%d. %H:%M:%S}" if row is not None else "?"
                    yield f"too late: after {witness} message {place} to {mail['to']}: {about}"

    def _lost(self) -> Iterator[str]:
        """Every event that starts a flow has started it, or a line says why not."""
        if self.removed:
            return
        ids = {row.id for row in self.shop.rows(runs)}
        refused = {(row.flow, row.detail.get("event_id")) for row in self.shop.rows(trail) if row.run_id is None}
        for flow in self._flows():
            for row in self.shop.rows(events, name=flow["on"]):
                begun = run_id(flow["name"], row.id) in ids or (flow["name"], str(row.id)) in refused
                asked = flow["after"] in (None, row.props.get("after_seconds"))
                if asked and not begun and not row.historical and row.person_id is not None and not self._erased(row):
                    yield f"lost: {row.name} of person {row.person_id} has not started {flow['name']}"

    def _flows(self) -> list[dict[str, Any]]:
        found = []
        for row in self.shop.rows(flow_versions):
            trigger = row.definition["trigger"]
            after = 3600 if trigger.get("after") else None
            found.append({"name": row.flow, "on": trigger["on"], "after": after})
        return found

    def _erased(self, row: Any) -> bool:
        mine = self.shop.rows(persons, id=row.person_id)
        return not mine or mine[0].erased_at is not None

    def _stuck(self) -> Iterator[str]:
        for run in self.shop.rows(runs, state="live"):
            yield f"stuck: run {run.id} of {run.flow} at {run.position['at']}"
        for row in self.shop.rows(timers, kind="run"):
            yield f"stuck: timer of {row.owner}"
        for row in self.shop.rows(outbox):
            if row.state not in ("sent", "skipped", "failed") and not (row.state == "unknown" and self._erased(row)):
                yield f"stuck: message {row.key} is {row.state}"
        if not self.removed:
            for row in self.shop.rows(pending_events):
                yield f"stuck: event {row.event_id} is not decided"

    def _without_reason(self) -> Iterator[str]:
        taken = {mail["idempotency_key"] for mail in self.shop.mails()}
        for key, row in self._sent_by_key().items():
            if row.state == "sent" and key not in taken:
                yield f"without a reason: {row.key} is said to be sent"
            if row.state in ("skipped", "failed"):
                if key in taken:
                    yield f"without a reason: {row.key} was sent and is said to be {row.state}"
                if not _known(row.reason):
                    yield f"without a reason: {row.key} was not sent: {row.reason!r}"


def _known(reason: str | None) -> bool:
    return reason is not None and (reason in _CHECKED or reason.startswith("run_"))


@contextmanager
def _dying(fate: _Fate) -> Iterator[None]:
    crashpoints._order = fate  # type: ignore[assignment]
    try:
        yield
    finally:
        crashpoints._order = None
