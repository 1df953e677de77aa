"""Bulk operations of the Admin API: the store writes what a query finds into a file.

Facts: schema 2026-10. Up to five run at once for a shop; the next is answered OPERATION_IN_PROGRESS. A query has at
least one and at most five connections, two deep, written with ``edges { node }`` and without variables. In the file
each object is a line; children come as lines of their own with ``__parentId``, anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.errors import RateLimited, Refused
from connector.settings import Settings
from connector.shopify.graphql import PROVIDER, Store, document

_BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
# Machine seconds until it is worth asking again while the shop's operations are all under way.
_AGAIN = 10.0
_LISTED = 20
# Where the store puts its files, with how their paths begin: the host is shared by everybody who rents there.
_HOSTS: Mapping[str, str] = {"storage.googleapis.com": "/shopify"}


class Busy(RateLimited):
    """As many operations as may run are under way."""


@dataclass(frozen=True)
class Operation:
    """``state`` as the API names it, in lower case; ``url`` of the file when there is one (None: nothing was found);
    ``error``: why it failed, in the API's word; ``lines``, ``records`` and ``bytes`` of the file, as far as told."""

    id: str
    state: str
    url: str | None = None
    error: str | None = None
    lines: int | None = None
    records: int | None = None
    bytes: int | None = None

    @property
    def under_way(self) -> bool:
        return self.state in ("created", "running", "canceling")


def text_of(name: str, variables: Mapping[str, Any] | None = None) -> str:
    """The document ``queries/<name>.graphql`` as an operation takes it: its variables written out, and no line that
    they exclude."""
    given = dict(variables or {})
    head, _, body = document(name).partition("{")
    declared = dict(re.findall(r"\$(\w+): [^=,)]+= ([^,)]+)", head))
    lines = []
    for line in body.splitlines():
        included = re.search(r" @include\(if: \$(\w+)\)", line)
        if included is not None:
            if not given.get(included[1], declared.get(included[1]) == "true"):
                continue
            line = line.replace(included[0], "")
        lines.append(re.sub(r"\$(\w+)", lambda one: _literal(given, declared, one[1]), line))
    return "{" + "\n".join(lines)


def _literal(given: Mapping[str, Any], declared: Mapping[str, str], name: str) -> str:
    # A list of texts and a number are written in GraphQL as they are in JSON.
    return orjson.dumps(given[name]).decode() if name in given else declared[name].strip()


def run(store: Store, query: str) -> str:
    """Have the store begin; returns the operation's id. Raises Busy, and what ``Store.query`` raises."""
    told = store.query("bulk_run", {"query": query}).get("bulkOperationRunQuery") or {}
    begun = told.get("bulkOperation") or {}
    if begun.get("id"):
        return str(begun["id"])
    errors = told.get("userErrors") or [{"message": "the store began nothing and does not say why"}]
    message = "; ".join(str(one.get("message")) for one in errors)
    codes = {str(one.get("code") or "") for one in errors}
    if codes & _BUSY:
        raise Busy(PROVIDER, message, status=200, code=",".join(sorted(codes)), after=_AGAIN)
    raise Refused(PROVIDER, message, status=200, code=",".join(sorted(codes - {""})))


def look(store: Store, operation_id: str) -> Operation | None:
    """How far it is; None when the store knows no such operation (any more). Raises what ``Store.query`` raises."""
    told = store.query("bulk_operation", {"id": operation_id}).get("bulkOperation")
    if not told:
        return None
    return Operation(
        operation_id,
        str(told.get("status") or "").lower(),
        told.get("url"),
        told.get("errorCode"),
        _whole(told.get("objectCount")),
        _whole(told.get("rootObjectCount")),
        _whole(told.get("fileSize")),
    )


def begun_since(store: Store, query: str, since: datetime, known: Collection[str]) -> str | None:
    """The newest operation of this very query that was begun at ``since`` (business time) or later and is none of the
    ``known``: the one whose answer was lost. Raises what ``Store.query`` raises."""
    nodes = (store.query("bulk_operations", {"first": _LISTED}).get("bulkOperations") or {}).get("nodes") or ()
    for node in nodes:
        mine = node.get("query") == query and node.get("id") not in known
        if mine and datetime.fromisoformat(node["createdAt"]) >= since:
            return str(node["id"])
    return None


def cancel(store: Store, operation_id: str) -> None:
    """Have the store leave off. Raises what ``Store.query`` raises."""
    store.query("bulk_cancel", {"id": operation_id})


def is_the_stores(url: str, settings: Settings) -> bool:
    """Whether this is where the store keeps its files; in development also on the server that stands for it."""
    parts, own = urlsplit(url), urlsplit(settings.shopify_base_url.replace("{shop}", "shop"))
    if settings.development and parts.scheme in ("http", "https") and parts.netloc == own.netloc:
        return True
    host = (parts.hostname or "").lower()
    plain = parts.scheme == "https" and parts.username is None and parts.port in (None, 443)
    return plain and host in _HOSTS and parts.path.startswith(_HOSTS[host])


def _whole(told: Any) -> int | None:
    """An UnsignedInt64, which comes as text."""
    return None if told is None else int(told)
