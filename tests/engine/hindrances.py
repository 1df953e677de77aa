"""People whom a flow does not let in, or does not write to, for all sorts of reasons; and each reason taken away.

What is put into the tables and what takes it out again is written here by hand, and knows nothing of how either is
explained.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Table, delete, insert, select, update

from connector import eventlog
from connector.models.flow import runs, timers
from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, identities, person_work, persons, suppressions
from connector.models.told import support_tickets
from connector.suppression import address_digest
from flows.core.model import Run, Waiting
from tests.engine.installation import DAY, HOUR, ConnectedShop

FLOW, OTHER = "quiz-offer", "parcel-care"
TRIGGER = "custom:quiz"
NAMESPACE = UUID("11111111-2222-5333-8444-555555555555")
TEXT = "---\nsubject: Hello\npreview: Yours\npurpose: marketing\ndeadline: 30d\n---\n<p>Hello</p>\n"
FLOWS = {
    FLOW: f"""
flow: {FLOW}
name: Quiz offer
trigger: {{on: "{TRIGGER}", where: {{event.properties.score: {{gte: 50}}}}}}
audience:
  all:
    - person.orders_count: {{gte: 1}}
    - any: [{{person.country: US}}, {{person.tags: {{contains: vip}}}}]
reentry: {{after: 30d}}
not_while_in: [parcels]
hold_out: 10
steps:
  - email: hello
  - wait: 2d
  - email: again
""",
    OTHER: f"""
flow: {OTHER}
name: Parcel care
tags: [parcels]
trigger: {{on: login}}
steps:
  - wait: 20d
  - email: hello
""",
}


@dataclass
class Crowd:
    """``ids``: of these people. ``played``: what they scored in the quiz that is not decided yet; ``seeds``: chance."""

    shop: ConnectedShop
    ids: list[int]
    rounds: int = 0
    played: dict[int, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.shop.installation.now

    def play(self, people: Iterable[int]) -> None:
        """The quiz happens to these people, now; it is decided by whoever decides next."""
        self.rounds += 1
        facts = [
            eventlog.Fact(
                TRIGGER,
                f"quiz:{person}:{self.rounds}",
                self.now,
                f"person:{person}",
                person,
                props={"name": "quiz", "properties": {"score": self.played[person]}},
                source="api",
            )
            for person in people
        ]
        with self.shop.scope() as scope:
            eventlog.append(scope, facts)

    def forget(self) -> None:
        """Whoever has entered since the beginning has not."""
        first = [uuid5(NAMESPACE, f"{person}:{FLOW}") for person in self.ids]
        with self.shop.scope() as scope:
            new = select(runs.c.id).where(runs.c.shop_id == self.shop.id, runs.c.flow == FLOW, runs.c.id.not_in(first))
            found = list(scope.connection.scalars(new))
            scope.connection.execute(delete(outbox).where(outbox.c.shop_id == self.shop.id, outbox.c.run_id.in_(found)))
            scope.connection.execute(delete(runs).where(runs.c.shop_id == self.shop.id, runs.c.id.in_(found)))
            scope.connection.execute(
                delete(timers).where(timers.c.shop_id == self.shop.id, timers.c.owner.in_(map(str, found)))
            )


def crowd(shop: ConnectedShop, count: int, seed: int, *, one_in: int = 4) -> Crowd:
    """So many people with hindrances at random, each of one in so many of them; the shop has FLOWS."""
    for text in FLOWS.values():
        names = [name for name in ("hello", "again") if f"email: {name}" in text]
        shop.publish(text, **dict.fromkeys(names, TEXT))
    chance = random.Random(seed)  # noqa: S311
    now = shop.installation.now
    rows = [_person(shop, n, chance, now, one_in) for n in range(count)]
    with shop.scope() as scope:
        ids = list(
            scope.connection.scalars(insert(persons).returning(persons.c.id, sort_by_parameter_order=True), rows)
        )
        working = [{"shop_id": shop.id, "person_id": one, "pending": False, "since_real": now} for one in ids]
        scope.connection.execute(insert(person_work), working)
        named = [
            {"shop_id": shop.id, "kind": kind, "value": str(row[column]), "person_id": one, "since": now}
            for one, row in zip(ids, rows, strict=True)
            for kind, column in (("email", "email"), ("customer", "customer_id"))
        ]
        scope.connection.execute(insert(identities), named)
        for table, found in _hindrances(shop, ids, rows, chance, now, one_in).items():
            if found:
                scope.connection.execute(insert(table), found)
    return Crowd(shop, ids, played={one: chance.choice((10, 60, 60, 60, 90)) for one in ids})


def _person(shop: ConnectedShop, n: int, chance: random.Random, now: datetime, one_in: int) -> dict[str, Any]:
    lately = chance.randrange(one_in) == 0
    return {
        "shop_id": shop.id,
        "seed": UUID(int=chance.getrandbits(128)),
        "email": f"p{n}@crowd.example",
        "customer_id": 5000 + n,
        "country": chance.choice(("US", "US", "US", None, "CA")),
        "timezone": "UTC",
        "tags": chance.choice(([], ["vip"], ["b2b"])),
        "orders_count": chance.choice((0, 1, 2, 5)),
        "total_spent": 0,
        "last_order_at": now - (3 * DAY if lately else 90 * DAY),
        "version": 1,
        "created_at": now,
    }


def _hindrances(
    shop: ConnectedShop,
    ids: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    chance: random.Random,
    now: datetime,
    one_in: int,
) -> Mapping[Table, list[dict[str, Any]]]:
    found: dict[Table, list[dict[str, Any]]] = {
        table: [] for table in (consents, suppressions, support_tickets, runs, send_ledger)
    }
    for person, row in zip(ids, rows, strict=True):
        mine = {"shop_id": shop.id, "person_id": person}

        def hit() -> bool:
            return chance.randrange(one_in) == 0

        state = chance.choice(("subscribed",) * one_in + ("unsubscribed", "not_subscribed", ""))
        if state:
            found[consents].append({**mine, **_consent(state, now)})
        if hit():
            digest = address_digest(shop.shop.salt, row["email"])
            found[suppressions].append(
                {
                    "shop_id": shop.id,
                    "channel": "email",
                    "address_digest": digest,
                    "reason": chance.choice(("hard_bounce", "sunset")),
                    "since": now,
                }
            )
        if hit():
            found[support_tickets].append({**mine, "ticket": f"t{person}", "opened_at": now - DAY})
        if hit():
            found[runs].append(_run(mine, FLOW, now - chance.choice((1, 10, 29, 31)) * DAY, done=chance.random() < 0.7))
        if hit():
            found[runs].append(_run(mine, OTHER, now - 2 * DAY, done=chance.random() < 0.3))
        if hit():
            found[send_ledger] += [_sent(mine, k, now) for k in range(chance.choice((1, 3)))]
    return found


def _consent(state: str, now: datetime) -> dict[str, Any]:
    return {
        "channel": "email",
        "purpose": "newsletter",
        "state": state,
        "level": "confirmed_opt_in",
        "source": "test",
        "evidence_at": now - 5 * DAY,
    }


def _run(mine: Mapping[str, Any], flow: str, entered_at: datetime, *, done: bool) -> dict[str, Any]:
    own = uuid5(NAMESPACE, f"{mine['person_id']}:{flow}")
    state = "done" if done else "live"
    waiting = None if done else Waiting(f"{own}:wait:1", (("timer",),), entered_at + 20 * DAY)
    at = "wait" if flow == OTHER else "wait-2"
    run = Run(own, flow, 1, mine["person_id"], "", state, None, entered_at, entered_at, entered_at, {}, at, 1, waiting)  # type: ignore[arg-type]
    return {
        **mine,
        "id": own,
        "flow": flow,
        "version": 1,
        "key": "",
        "state": state,
        "outcome": "completed" if done else None,
        "position": run.position(),
        "entered_at": entered_at,
        "anchor_at": entered_at,
        "ended_at": entered_at + HOUR if done else None,
    }


def _sent(mine: Mapping[str, Any], n: int, now: datetime) -> dict[str, Any]:
    return {
        **mine,
        "outbox_id": 10_000_000 + mine["person_id"] * 10 + n,
        "run_id": uuid5(NAMESPACE, f"sent {mine['person_id']}"),
        "flow": OTHER,
        "channel": "email",
        "purpose": "marketing",
        "cap": "count",
        "counted_at": now - timedelta(days=n % 5, hours=1),
    }


Remove = Callable[["Crowd", int, Mapping[str, Any]], None]
"""Takes a hindrance of a person away, as the change that was named says (flows.core.remedies.Remedy as JSON)."""


def spoil(crowd: Crowd, people: Iterable[int], chance: random.Random) -> None:
    """Something comes between these people and what is due to them; of some of them nothing."""
    for person in people:
        mine = {"shop_id": crowd.shop.id, "person_id": person}
        match chance.randrange(6):
            case 0:
                _change(crowd, consents, person, state="unsubscribed")
            case 1:
                _change(crowd, persons, person, last_order_at=crowd.now)
            case 2:
                _change(crowd, persons, person, email=None)
            case 3:
                _add(crowd, support_tickets, {**mine, "ticket": f"s{person}", "opened_at": crowd.now})
            case 4:
                _add(crowd, send_ledger, _sent(mine, 5, crowd.now))


def _add(crowd: Crowd, table: Table, row: Mapping[str, Any]) -> None:
    with crowd.shop.scope() as scope:
        scope.connection.execute(insert(table), row)


def _change(crowd: Crowd, table: Table, person: int, **values: Any) -> None:
    column = table.c.id if table is persons else table.c.person_id
    with crowd.shop.scope() as scope:
        scope.connection.execute(
            update(table).where(table.c.shop_id == crowd.shop.id, column == person).values(**values)
        )


def _satisfy(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
    """Of an audience: each fact becomes what is asked for."""
    assert change["wants"]
    for want in change["wants"]:
        assert want["holds"] is True
        _change(crowd, persons, person, **{want["field"].removeprefix("person."): want["value"]})


def _score(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
    (want,) = change["wants"]
    assert (want["field"], want["op"]) == ("event.properties.score", "gte")
    crowd.played[person] = want["value"]


def pass_time(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
    """As much time as it takes, for this person's past alone."""
    span = datetime.fromisoformat(change["after"]) - crowd.now
    _change(crowd, runs, person, entered_at=runs.c.entered_at - span)
    _change(crowd, send_ledger, person, counted_at=send_ledger.c.counted_at - span)
    _change(crowd, persons, person, last_order_at=persons.c.last_order_at - span)


def _end(flow: str) -> Remove:
    def remove(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
        with crowd.shop.scope() as scope:
            mine = (runs.c.shop_id == crowd.shop.id) & (runs.c.person_id == person) & (runs.c.flow == flow)
            done = {"state": "done", "outcome": "exit:login", "ended_at": crowd.now}
            scope.connection.execute(update(runs).where(mine).values(**done))

    return remove


def _agree(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
    with crowd.shop.scope() as scope:
        mine = (consents.c.shop_id == crowd.shop.id) & (consents.c.person_id == person)
        scope.connection.execute(delete(consents).where(mine))
        row = {"shop_id": crowd.shop.id, "person_id": person, **_consent("subscribed", crowd.now)}
        scope.connection.execute(insert(consents), row)


def _another_address(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
    _change(crowd, persons, person, email=f"new{person}@crowd.example")


def _close_ticket(crowd: Crowd, person: int, change: Mapping[str, Any]) -> None:
    _change(crowd, support_tickets, person, closed_at=crowd.now)


REMOVALS: Mapping[str, Remove] = {
    "trigger_unmatched": _score,
    "outside_audience": _satisfy,
    "audience_unclear": _satisfy,
    "already_in": _end(FLOW),
    "entered_lately": pass_time,
    "excluded": _end(OTHER),
    "no_consent": _agree,
    "consent_unknown": _agree,
    "suppressed": _another_address,
    "held": _close_ticket,
    "recent_purchase": pass_time,
    "contacted_today": pass_time,
    "shop_cap": pass_time,
}
"""Code of a refusal or an objection -> what takes it away."""
