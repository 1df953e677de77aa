"""Signed bodies as a broken or hostile sender makes them: the platform's samples with a few things wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

Path = tuple[Any, ...]

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**40, 1.5, 1e308, -0.0, "", " ", "0", "17",
    "1e999999", "NaN", "null", "a" * 300, "b" * 5_000, "Émail ☕", "\u202e", "{{7*7}}", "'; --", [], {}, [[]], [None],
    {"id": 1}, "2026-11-02T09:00:00Z", "2026-11-02", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2026-02-30T00:00:00Z", "not a time", "gid://shopify/Order/1", "-5.00", "9" * 30,
)  # fmt: skip
_ADDRESSES = ("https://b.myshopify.com/x/orders/1", "http://[oops", "https://a.myshopify.com/1")
_OWNERS = ("b.myshopify.com", "nobody.myshopify.com", "a.myshopify.com", "A.MYSHOPIFY.COM", 7)


# Deeper than any real body; what was nested deep stays as it is.
_DEEPEST = 12


def _places(value: Any, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if len(path) < _DEEPEST:
        for key, inner in inside:
            found += _places(inner, (*path, key))
    return found


def _holder(body: Any, path: Path) -> Any:
    for key in path[:-1]:
        body = body[key]
    return body


def _drop(body: Any, path: Path, chance: Random) -> None:
    del _holder(body, path)[path[-1]]


def _retype(body: Any, path: Path, chance: Random) -> None:
    _holder(body, path)[path[-1]] = copy.deepcopy(chance.choice(_VALUES))


def _repeat(body: Any, path: Path, chance: Random) -> None:
    value = _holder(body, path)[path[-1]]
    _holder(body, path)[path[-1]] = [copy.deepcopy(value) for _ in range(chance.choice((2, 3, 500)))]


def _deepen(body: Any, path: Path, chance: Random) -> None:
    value: Any = 1
    for _ in range(chance.choice((2, 50, 400))):
        value = [value] if chance.random() < 0.5 else {"a": value}
    _holder(body, path)[path[-1]] = value


def _empty(body: Any, path: Path, chance: Random) -> None:
    value = _holder(body, path)[path[-1]]
    _holder(body, path)[path[-1]] = type(value)() if isinstance(value, str | list | dict) else None


def _belongs_elsewhere(body: Any, path: Path, chance: Random) -> None:
    if isinstance(body, dict):
        body[chance.choice(("myshopify_domain", "shop_domain"))] = chance.choice(_OWNERS)
        body["order_status_url"] = chance.choice(_ADDRESSES)


def _small_id(body: Any, path: Path, chance: Random) -> None:
    """Different objects and topics meet in one id."""
    if isinstance(body, dict):
        for name in ("id", "order_id", "product_id", "fulfillment_id", "inventory_item_id"):
            if name in body and chance.random() < 0.7:
                body[name] = chance.randint(1, 5)
        for name in ("updated_at", "created_at", "cancelled_at", "completed_at", "closed_at"):
            if name in body and chance.random() < 0.7:
                body[name] = chance.choice((None, f"2026-11-0{chance.randint(1, 3)}T09:00:0{chance.randint(0, 9)}Z"))


_SHAPE: tuple[Callable[[Any, Path, Random], None], ...] = (
    _drop, _drop, _retype, _retype, _retype, _repeat, _deepen, _empty, _small_id, _small_id, _belongs_elsewhere,
)  # fmt: skip


def _cut(raw: bytes, chance: Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _flip(raw: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(raw)) if raw else 0
    return raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]


def _put(what: bytes) -> Callable[[bytes, Random], bytes]:
    def put(raw: bytes, chance: Random) -> bytes:
        """Inside some text of the body."""
        place = raw.find(b'": "', chance.randrange(len(raw) + 1))
        return raw if place < 0 else raw[: place + 4] + what + raw[place + 4 :]

    return put


_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _cut, _flip, _flip, _put(b"\x00"), _put(b"\\u0000"), _put(b"\\ud800"), _put(b"\\udfff\\ud800"), _put(b"\xff\xfe"),
    lambda raw, chance: b"[" + raw + b"]", lambda raw, chance: b"\xef\xbb\xbf" + raw, lambda raw, chance: raw + raw,
    lambda raw, chance: raw.replace(b": ", b": 1", 1), lambda raw, chance: raw.decode().encode("utf-16"),
    lambda raw, chance: b"[" * 5_000,
)  # fmt: skip


def mutated(raw: bytes, chance: Random) -> bytes:
    """The body with one to three things wrong in its shape, or, for every fifth, in its bytes."""
    body = json.loads(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = _places(body)
        if places:
            chance.choice(_SHAPE)(body, chance.choice(places), chance)
    made = json.dumps(body, ensure_ascii=False).encode()
    return chance.choice(_BYTES)(made, chance) if chance.random() < 0.2 else made
