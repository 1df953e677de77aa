"""Faults on demand: rules that spoil some of the calls under a path prefix.

Kinds: `status` (answer `status` instead of working: 401, 429, 500, 502, 503 ..., with `message` if given),
`slow` (wait `delay` real seconds, before the work or with `after: true` between the work and the answer),
`cut` (close the connection with the body unread), `accept_then_cut` (do the work, close without an answer),
`half` (do the work, close in the middle of the answer),
`html` (answer 200 with an HTML page instead of working).
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import asdict, dataclass
from typing import Any

KINDS = ("status", "slow", "cut", "accept_then_cut", "half", "html")


@dataclass
class Fault:
    """At most `count` calls are spoiled (None: no end), each matching one with `probability`.

    `path` is a prefix, with or without `/v3`; `method` and `account` (an API key) narrow it further.
    """

    id: int
    kind: str
    path: str = "/"
    method: str | None = None
    account: str | None = None
    status: int = 500
    message: str = ""
    delay: float = 0.0
    after: bool = False
    probability: float = 1.0
    count: int | None = None
    seed: int = 0
    seen: int = 0
    done: int = 0

    def _strikes(self, method: str, path: str, account: str | None) -> bool:
        if self.count is not None and self.done >= self.count:
            return False
        if not path.startswith(self.path) or self.method not in (None, method):
            return False
        if self.account not in (None, account):
            return False
        self.seen += 1
        if chance(self.seed, self.id, self.seen) >= self.probability:
            return False
        self.done += 1
        return True


def chance(*of: object) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b("\0".join(map(str, of)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Faults:
    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._made = 0
        self._lock = threading.Lock()

    def add(self, rule: dict[str, Any]) -> int:
        """Add a rule from its JSON form; raises ValueError for an unknown kind or field."""
        if rule.get("kind") not in KINDS:
            raise ValueError(f"kind should be one of {', '.join(KINDS)}")
        with self._lock:
            try:
                fault = Fault(id=self._made + 1, **rule)
            except TypeError as error:
                raise ValueError(str(error)) from None
            fault.path = fault.path.removeprefix("/v3") or "/"
            self._made += 1
            self._rules.append(fault)
            return fault.id

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def strike(self, method: str, path: str, account: str | None) -> Fault | None:
        """The first rule that spoils this call, counted as used."""
        with self._lock:
            return next((rule for rule in self._rules if rule._strikes(method, path, account)), None)

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]
