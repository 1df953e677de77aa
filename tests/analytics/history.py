"""A shop's past, drawn from a seed and written row by row, as those who send, report and sell write it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Table, insert, select, text, update

from connector.locks import NORMALISE, lock_shop
from connector.models.currency import currency_rates
from connector.models.flow import goal_watches, runs, trail
from connector.models.outbox import outbox
from connector.models.person import person_work
from connector.models.store import orders
from sync import merging
from tests.sync.world import NOON, World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PEOPLE = 6
FLOWS = {"cart": ("first", "second"), "welcome": ("hello",)}
CHANNELS = {"first": "email", "second": "sms", "hello": "whatsapp"}
REPORTED = ("delivered_at", "opened_at", "clicked_at", "unsubscribed_at", "bounced_at", "complained_at")
OUTCOMES = ("completed", "goal", "exit:order_placed")


class Past:
    """Each act is one transaction; none of them knows of figures."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._dice, self._n = world, Random(seed), 0
        self.people = [world.person(n) for n in range(PEOPLE)]
        with world.transaction() as connection:
            for person in self.people:
                row = {"shop_id": world.shop.id, "person_id": person, "pending": False, "since_real": NOON}
                connection.execute(insert(person_work).values(row))
        self._acts = (
            [self._enter] * 3 + [self._move] * 3 + [self._end, self._reach, self._merge, self._refund, self._take_back]
            + [self._send] * 6 + [self._report] * 8 + [self._buy] * 8 + [self._rate, self._learn_late]
        )  # fmt: skip

    def go_on(self, acts: int, only: str | None = None) -> None:
        """So many acts, ``only`` of this name."""
        wanted = [act for act in self._acts if only is None or act.__name__ == f"_{only}"]
        for _ in range(acts):
            with self._world.transaction() as connection:
                self._dice.choice(wanted)(connection)

    def _number(self) -> int:
        self._n += 1
        return self._n

    def _moment(self) -> datetime:
        return NOON - timedelta(seconds=self._dice.randrange(0, 12 * 24 * 3600))

    def _one(self, connection: Connection, table: Table, **wanted: Any) -> Mapping[str, Any] | None:
        where = [table.c.shop_id == self._world.shop.id, *(table.c[name] == value for name, value in wanted.items())]
        # In an order of their own, so that the same dice choose the same rows.
        order = table.c.key if table is outbox else table.c[table.primary_key.columns.keys()[1]]
        rows = connection.execute(select(table).where(*where).order_by(order)).mappings().all()
        return self._dice.choice(rows) if rows else None

    def _change(self, connection: Connection, table: Table, row: Mapping[str, Any], **values: Any) -> None:
        key = [column == row[column.name] for column in table.primary_key.columns]
        connection.execute(update(table).where(*key).values(**values))

    # People in flows

    def _enter(self, connection: Connection) -> None:
        flow, number, at = self._dice.choice([*FLOWS]), self._number(), self._moment()
        person = self._dice.choice(self.people)
        row = {
            "shop_id": self._world.shop.id, "id": UUID(int=number), "flow": flow, "version": self._dice.choice((1, 2)),
            "person_id": person, "key": str(number), "state": "live", "position": {"at": "first"}, "entered_at": at,
            "anchor_at": at,
        }  # fmt: skip
        connection.execute(insert(runs).values(row))
        self._say(connection, row, "waiting", "first")
        watch = {name: row[name] for name in ("shop_id", "flow", "version", "person_id")}
        at_once = at if self._dice.random() < 0.1 else None
        connection.execute(
            insert(goal_watches).values(
                **watch, run_id=row["id"], event="order_placed", opened_at=at, expires_at=at + DAY, reached_at=at_once
            )
        )

    def _say(self, connection: Connection, run: Mapping[str, Any], code: str, step: str) -> None:
        line = {"shop_id": self._world.shop.id, "person_id": run["person_id"], "run_id": run["id"], "step": step}
        connection.execute(insert(trail).values(**line, flow=run["flow"], at=NOON, code=code, detail={}))

    def _move(self, connection: Connection) -> None:
        if run := self._one(connection, runs, state="live"):
            step = {"first": "second", "second": "third"}.get(run["position"]["at"])
            if step:
                # What became of the step before is said of that one, and makes nobody come to it again.
                self._say(connection, run, "message_accepted", run["position"]["at"])
                self._change(connection, runs, run, position={"at": step})
                self._say(connection, run, "message_wanted", step)

    def _end(self, connection: Connection) -> None:
        if run := self._one(connection, runs, state="live"):
            outcome = self._dice.choice(OUTCOMES)
            at = None if outcome == "completed" else run["position"]["at"]
            self._change(connection, runs, run, state="done", outcome=outcome, ended_at=NOON, position={"at": at})

    def _reach(self, connection: Connection) -> None:
        if watch := self._one(connection, goal_watches, reached_at=None):
            later = watch["opened_at"] + timedelta(seconds=self._dice.randrange(9000))
            self._change(connection, goal_watches, watch, reached_at=later)

    # Messages

    def _send(self, connection: Connection) -> None:
        flow, number, at = self._dice.choice([*FLOWS]), self._number(), self._moment()
        message = self._dice.choice([*FLOWS[flow] * 3, ""])
        state = self._dice.choice(("sent", "sent", "sent", "skipped", "failed", "unknown", "due"))
        row = {
            "shop_id": self._world.shop.id, "key": f"{number:05}", "run_id": UUID(int=number), "flow": flow,
            "version": self._dice.choice((1, 2)), "person_id": self._dice.choice(self.people), "step": f"the-{message}",
            "channel": CHANNELS.get(message, "task"), "message": message, "purpose": "marketing", "priority": 1,
            "state": "due", "created_at": at, "due_at": at, "deadline": at + DAY, "deferrals": 0, "attempts": 0,
        }  # fmt: skip
        found = connection.execute(insert(outbox).values(row).returning(outbox)).mappings().one()
        self._change(connection, outbox, found, state="leased", attempts=1)
        if state != "due":
            left = {"sent_at": at, "cost": self._dice.choice((None, Decimal("0.0125")))} if state == "sent" else {}
            self._change(connection, outbox, found, state=state, **left)

    def _report(self, connection: Connection) -> None:
        if row := self._one(connection, outbox, state="sent"):
            column = self._dice.choice(REPORTED)
            at = row["sent_at"] + timedelta(seconds=self._dice.randrange(4 * 24 * 3600))
            if row["message"] and (row[column] is None or at < row[column]):
                self._change(connection, outbox, row, **{column: at})

    def _learn_late(self, connection: Connection) -> None:
        if row := self._one(connection, outbox, state="unknown"):
            self._change(connection, outbox, row, state="sent", sent_at=row["due_at"])

    # Orders

    def _buy(self, connection: Connection) -> None:
        person, at = self._dice.choice(self.people), self._moment()
        if (sent := self._one(connection, outbox, state="sent")) and self._dice.random() < 0.7:
            # Somebody who was written to, at times to the second at which a window begins or ends.
            person, touched = sent["person_id"], sent["clicked_at"] or sent["opened_at"] or sent["sent_at"]
            at = touched + self._dice.choice((HOUR, 30 * HOUR, 0 * DAY, 1 * DAY, 2 * DAY, 5 * DAY, 5 * DAY + HOUR))
        counted = self._dice.random() < 0.85
        total = Decimal(self._dice.randrange(100, 20000)) / 100
        row = {
            "shop_id": self._world.shop.id, "id": self._number(), "name": f"#{self._n}", "items": [],
            "person_id": person, "discount_codes": [], "total": total, "gross": total,
            "counted": total if counted else None, "test": not counted, "created_at": at,
            "currency": self._dice.choice(("EUR", "EUR", "USD", "JPY")), "source_updated_at": NOON,
        }  # fmt: skip
        connection.execute(insert(orders).values(row))

    def _refund(self, connection: Connection) -> None:
        if (row := self._one(connection, orders)) and row["counted"] is not None:
            self._change(connection, orders, row, counted=row["counted"] / 2)

    def _take_back(self, connection: Connection) -> None:
        if row := self._one(connection, orders):
            self._change(connection, orders, row, counted=None, cancelled_at=NOON)

    def _rate(self, connection: Connection) -> None:
        """A rate, once: what waited for it is counted from then on."""
        row = {"currency": "JPY", "counted_in": "EUR", "since": NOON.date() - 90 * DAY, "rate": Decimal("0.006")}
        if connection.scalar(select(currency_rates.c.rate).where(currency_rates.c.currency == "JPY")) is None:
            add = insert(currency_rates).values(**row, shop_id=self._world.shop.id, set_by="cli", set_at=NOON)
            connection.execute(add)

    def _merge(self, connection: Connection) -> None:
        if len(self.people) > PEOPLE // 2:
            kept, gone = self._dice.sample(self.people, 2)
            with self._world.scope(connection) as scope:
                lock_shop(scope, NORMALISE)
                merging.merge(scope, kept, gone, reason="staff")
            self.people.remove(gone)


def rows(world: World, name: str) -> list[dict[str, Any]]:
    """The rows of this table, as they are."""
    with world.transaction() as connection:
        found = connection.execute(text(f"SELECT * FROM {name} WHERE shop_id = :shop"), {"shop": world.shop.id})
        return [dict(row) for row in found.mappings()]


def plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, default=str))
