"""Bulk queries in the Admin API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo

from sandbox.store.bulk.operation import Operation
from sandbox.store.bulk.operations import Operations, Refused
from sandbox.store.resolvers import number_of
from sandbox.store.shop import Unknown
from sandbox.store.values import constant, own_id

_NO_NUMBER = -1


def bulk_resolvers(operations: Operations) -> dict[str, dict[str, Callable[..., Any]]]:
    """The resolvers of everything about bulk queries."""

    def run(source: Any, info: GraphQLResolveInfo[Any], query: str, groupObjects: bool) -> dict[str, Any]:
        try:
            started = operations.start(info.schema, info.context, query, groupObjects)
        except Refused as refusal:
            told = [{"field": refusal.field, "message": one, "code": refusal.code} for one in refusal.problems]
            return {"bulk_operation": None, "user_errors": told}
        return {"bulk_operation": started, "user_errors": []}

    def cancel(source: Any, info: GraphQLResolveInfo[Any], id: str) -> dict[str, Any]:
        shop, number = info.context.shop, number_of(id, "BulkOperation") or _NO_NUMBER
        try:
            return {"bulk_operation": operations.cancel(shop, number), "user_errors": []}
        except Unknown as problem:
            return {"bulk_operation": None, "user_errors": [{"field": ["id"], "message": str(problem)}]}
        except ValueError as problem:
            found = shop.bulk_operations[number]
            return {"bulk_operation": found, "user_errors": [{"field": None, "message": str(problem)}]}

    return {
        "Mutation": {"bulkOperationRunQuery": run, "bulkOperationCancel": cancel},
        "BulkOperation": {
            "id": own_id("BulkOperation"),
            "type": constant("QUERY"),
            "status": lambda one, info: one.state_at(info.context.wire).upper(),
            "objectCount": lambda one, info: _progress(one, one.objects, info),
            "rootObjectCount": lambda one, info: _progress(one, one.root_objects, info),
            "url": lambda one, info: one.url(info.context.wire),
            "partialDataUrl": lambda one, info: one.partial_url(info.context.wire),
        },
    }


def _progress(operation: Operation, count: int, info: GraphQLResolveInfo[Any]) -> str:
    return str(operation.told(count, info.context.wire))
