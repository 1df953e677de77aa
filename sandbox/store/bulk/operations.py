"""Running bulk queries: each has a thread that writes its file, and is over when its time on the wire clock is."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from graphql import GraphQLError, GraphQLSchema

from sandbox.clock import Clock
from sandbox.store.bulk.faults import BulkFaults
from sandbox.store.bulk.operation import Operation
from sandbox.store.bulk.rules import BulkQuery, read
from sandbox.store.bulk.scatter import Scatter
from sandbox.store.bulk.selection import Connection, roots
from sandbox.store.bulk.settings import BulkSettings
from sandbox.store.journal import Journal
from sandbox.store.pages import Asked
from sandbox.store.shop import Shop, Unknown

PATH = "bulk-operation-outputs"
# Records that are written in one go under the shop's lock: some milliseconds, so that other callers hardly wait.
_AT_A_TIME = 50
# Real seconds for which the lock is left to others, and between two looks at the wire clock.
_BREATH_SECONDS = 0.0005
_LOOK_SECONDS = 0.02


class Refused(ValueError):
    """The platform does not start the query; `problems` are its words, `code` and `field` go with each."""

    def __init__(self, problems: list[str], code: str, field: list[str] | None) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.code = code
        self.field = field


class _Failed(Exception):
    """The operation ends with this error code."""


class Operations:
    """Starts, follows and cancels. `finished(shop, operation)` is called with the shop's lock when one has ended."""

    def __init__(
        self,
        seed: int,
        clock: Clock,
        journal: Journal,
        public_url: str,
        finished: Callable[[Shop, Operation], None],
        settings: BulkSettings | None = None,
    ) -> None:
        self.settings = settings or BulkSettings()
        self.faults = BulkFaults(seed)
        self._seed = seed
        self._clock = clock
        self._journal = journal
        self._public_url = public_url
        self._finished = finished
        self._key = f"{seed}:links".encode()

    def start(self, schema: GraphQLSchema, asked: Asked, text: str, group_objects: bool) -> Operation:
        """Start a query; the shop's lock is held. Raises Refused."""
        query, problems = read(schema, text)
        if query is None:
            raise Refused(problems, "INVALID", ["query"])
        shop = asked.shop
        busy = [f"gid://shopify/BulkOperation/{one.id}" for one in shop.bulk_operations.values() if one.under_way]
        if len(busy) >= self.settings.at_once:
            words = f"A bulk query operation for this app and shop is already in progress: {', '.join(busy)}."
            raise Refused([words], "OPERATION_IN_PROGRESS", None)
        connections = roots(schema, query, asked)
        number = shop.next_id("bulk operation", 7_600_000_000_000)
        operation = Operation(
            id=number,
            name=f"{shop.token_of('bulk operation', number)[:28]}-final",
            query=text,
            root=connections[0].name if connections else _first_name(query),
            group_objects=group_objects,
            created_at=asked.now,
            began=asked.wire,
            objects_per_second=self.settings.objects_per_second,
        )
        shop.bulk_operations[number] = operation
        self._note(shop, operation)
        work = threading.Thread(target=self._run, args=(shop, operation, connections), daemon=True)
        work.name = f"bulk-{number}"
        work.start()
        return operation

    def cancel(self, shop: Shop, number: int) -> Operation:
        """Begin to cancel; the shop's lock is held. Raises Unknown, and ValueError when it is over already."""
        operation = shop.bulk_operations.get(number)
        if operation is None:
            raise Unknown("Bulk operation does not exist")
        if not operation.under_way:
            raise ValueError(f"A bulk operation cannot be canceled when it is {operation.state}")
        operation.state = "canceling"
        return operation

    def signature(self, name: str, expires_at: float) -> str:
        return hmac.new(self._key, f"{name}:{int(expires_at)}".encode(), hashlib.sha256).hexdigest()

    def _run(self, shop: Shop, operation: Operation, connections: tuple[Connection, ...]) -> None:
        fault = self.faults.striking(shop.domain, operation.root, "fail").get("fail")
        state, error_code = "completed", None
        if not self._wait_until(operation, operation.began + self.settings.start_seconds):
            state = "canceled"
        else:
            with shop.lock:
                operation.state = "running" if operation.state == "created" else operation.state
            try:
                if not self._write(shop, operation, connections, fault.share if fault else 1.0):
                    state = "canceled"
                if fault is not None:
                    raise _Failed(fault.error_code)
            except _Failed as failure:
                state, error_code = "failed", str(failure)
            except GraphQLError as refusal:
                # As on the platform, which says no more of it than this.
                denied = (refusal.extensions or {}).get("code") == "ACCESS_DENIED"
                state, error_code = "failed", "ACCESS_DENIED" if denied else "INTERNAL_SERVER_ERROR"
            pace = operation.began + self.settings.start_seconds + operation.objects / operation.objects_per_second
            if not self._wait_until(operation, pace):
                state = "canceled"
        with shop.lock:
            self._end(shop, operation, state, error_code)

    def _end(self, shop: Shop, operation: Operation, state: str, error_code: str | None) -> None:
        size = operation.file.tell()
        if size:
            operation.expires_at = self._clock.wire() + self.settings.link_seconds
            operation.link = self._link(operation, operation.expires_at)
        operation.file_size = size if state != "canceled" else None
        operation.completed_at = self._clock.now() if state == "completed" else None
        operation.state, operation.error_code = state, error_code
        self._note(shop, operation)
        self._finished(shop, operation)

    def _wait_until(self, operation: Operation, wire: float) -> bool:
        """False when it is cancelled meanwhile."""
        while operation.state != "canceling" and self._clock.wire() < wire:
            self._clock.pause(_LOOK_SECONDS)
        return operation.state != "canceling"

    def _write(self, shop: Shop, operation: Operation, connections: tuple[Connection, ...], share: float) -> bool:
        """Write this share of the records, those there are when it begins. False when it is cancelled on the way."""
        settings = self.settings
        scatter = Scatter(settings.window, settings.far, f"{self._seed}:{operation.id}")
        for connection in connections:
            with shop.lock:
                records = connection.records(None)
            records = records[: int(len(records) * share)]
            for start in range(0, len(records), _AT_A_TIME):
                if operation.state == "canceling":
                    operation.file.flush()
                    return False
                with shop.lock:
                    lines = list(_written(operation, connection, records[start : start + _AT_A_TIME]))
                operation.file.writelines(lines if operation.group_objects else scatter.through(lines))
                self._clock.pause(_BREATH_SECONDS)
        operation.file.writelines(scatter.rest())
        operation.file.flush()
        return True

    def _link(self, operation: Operation, expires_at: float) -> str:
        name = f"bulk-{operation.id}.jsonl"
        signed = {
            "GoogleAccessId": "files@store.example",
            "Expires": int(expires_at),
            "Signature": self.signature(operation.name, expires_at),
            "response-content-disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
            "response-content-type": "application/jsonl",
        }
        return f"{self._public_url}/{PATH}/{operation.name}?{urlencode(signed)}"

    def _note(self, shop: Shop, operation: Operation) -> None:
        self._journal.append(
            "bulk_operation",
            shop=shop.domain,
            operation_id=operation.id,
            root=operation.root,
            state=operation.state,
            objects=operation.objects,
            bytes=operation.file_size,
            error_code=operation.error_code,
        )


def _written(operation: Operation, connection: Connection, records: list[Any]) -> Iterator[bytes]:
    for record in records:
        operation.root_objects += 1
        for line in connection.lines(record):
            operation.objects += 1
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _first_name(query: BulkQuery) -> str:
    """What a query is called whose connections all hang on something else than the root."""
    return getattr(getattr(query.operation.selection_set.selections[0], "name", None), "value", "query")
