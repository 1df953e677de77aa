"""Loyalty data in metafields of customers, which the shop's settings name: read, and as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync.loyalty.standing import FIELDS
from sync.loyalty.values import points, text
from sync.node_values import moment

_TYPES = {
    "points": "number_integer",
    "tier": "single_line_text_field",
    "reward": "single_line_text_field",
    "expires_at": "date_time",
}
"""The type that a metafield is given that is not there yet."""


def keys(settings: Mapping[str, Any]) -> list[str]:
    return [key for field in FIELDS if (key := settings[field]) is not None]


def told(settings: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """What the metafields of a customer say; a field whose text cannot be read is one of which nothing is said."""
    if node.get("metafields") is None:
        return {}
    held = {f"{one['namespace']}.{one['key']}": one["value"] for one in node["metafields"]["nodes"]}
    found: dict[str, Any] = {}
    for field in FIELDS:
        key = settings[field]
        if key is None:
            continue
        # The store leaves out what has no value.
        raw = held.get(key)
        value = None if raw in (None, "") else _READ[field](raw)
        if raw in (None, "") or value is not None:
            found[field] = value
    return found


def _end(raw: str) -> datetime | None:
    """A date ends with its day, wherever that is: at the last minute of it in UTC."""
    try:
        at = moment(f"{raw}T23:59:00Z" if len(raw) == len("2026-01-31") else raw)
    except ValueError:
        return None
    return None if at is None else at if at.tzinfo else at.replace(tzinfo=UTC)


_READ = {"points": points, "tier": text, "reward": text, "expires_at": _end}


def changes(
    settings: Mapping[str, Any], customer: str, wanted: Mapping[str, Any], held: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """What brings the metafields to ``wanted`` ({field: value or None}): inputs of metafieldsSet, each good only while
    the value is still the one that was read (compareDigest), and identifiers of metafieldsDelete.

    ``held``: namespace, key, type, value, compareDigest of those that are there.
    """
    there = {f"{one['namespace']}.{one['key']}": one for one in held}
    put: list[dict[str, Any]] = []
    drop: list[dict[str, str]] = []
    for field, value in wanted.items():
        key = settings[field]
        if key is None:
            continue
        namespace, _, name = key.rpartition(".")
        where = {"ownerId": customer, "namespace": namespace, "key": name}
        now = there.get(key)
        if value is None:
            drop += [where] if now is not None else []
            continue
        kind = now["type"] if now is not None else _TYPES[field]
        written = _written(value, kind)
        if now is None or told(settings, {"metafields": {"nodes": [now]}}).get(field) != value:
            digest = None if now is None else now["compareDigest"]
            put.append({**where, "type": kind, "value": written, "compareDigest": digest})
    return put, drop


def _written(value: Any, kind: str) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat() if kind == "date" else value.astimezone(UTC).isoformat(timespec="seconds")
    return str(value)
