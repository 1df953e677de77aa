"""Points of a query, and the bucket they are paid from.

The rules are those that recorded answers of the platform show (2025-01 to 2026-07): an object costs 1,
scalars, money, addresses and user errors nothing, a mutation 10 with the object it returns, a count 10. A
connection costs 2 plus, for a page of n, floor(2 ln n) times its node, at least once. `nodes(ids:)` costs
what one node costs. The actual cost uses the records found, and only that is taken from the bucket.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from sandbox.clock import Clock
from sandbox.store.selections import key_of, selected

MAX_QUERY_COST = 1000
BUCKET_SIZE = 2000
RESTORE_PER_SECOND = 100
MUTATION_COST = 10
COUNT_COST = 10

_FREE_TYPES = {
    "MoneyV2",
    "MoneyBag",
    "MailingAddress",
    "PageInfo",
    "Attribute",
    "SelectedOption",
    "ApiVersion",
    "Domain",
    "ShopPlan",
    "ProductPriceRangeV2",
    "CustomerStatistics",
    "WebhookHttpEndpoint",
}


def page_size(n: int) -> int:
    """How many nodes a page of `n` is charged for."""
    return 0 if n <= 0 else max(1, math.floor(2 * math.log(n)))


class QueryCost:
    """Costs of one operation: `requested` before it runs, `actual` from its answer."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        variables: VariableValues | None,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        self._variables = variables

    def requested(self) -> int:
        return self._root(None)

    def actual(self, data: dict[str, Any] | None) -> int:
        return self._root(data or {})

    def _root(self, data: dict[str, Any] | None) -> int:
        mutation = self._operation.operation is OperationType.MUTATION
        root = cast(GraphQLObjectType, self._schema.mutation_type if mutation else self._schema.query_type)
        total = 0
        for field, parent in self._fields(self._operation.selection_set, root):
            value = _value(data, field)
            if data is not None and value is None:
                total += MUTATION_COST if mutation else 0
                continue
            cost = self._field(field, parent, value)
            if mutation:
                # The mutation's ten points hold the object it returns, but not what hangs on it.
                returned = self._returns_object(field, parent, value)
                cost = MUTATION_COST + max(0, cost - 1 - returned)
            total += cost
        return max(1, total) if data is not None else total

    def _returns_object(self, field: FieldNode, parent: GraphQLObjectType, value: Any) -> int:
        payload = get_named_type(parent.fields[field.name.value].type)
        for inner, inner_parent in self._fields(field.selection_set, payload):
            kind = get_named_type(inner_parent.fields[inner.name.value].type)
            charged = is_composite_type(kind) and not _is_free(kind)
            if charged and (value is None or _value(value, inner) is not None):
                return 1
        return 0

    def _field(self, field: FieldNode, parent: GraphQLObjectType, value: Any) -> int:
        name = field.name.value
        if name.startswith("__"):
            return 0
        definition = parent.fields[name]
        kind = get_named_type(definition.type)
        if not is_composite_type(kind):
            return 0
        if kind.name == "Count":
            return COUNT_COST
        if kind.name.endswith("Connection"):
            return self._connection(field, parent, kind, value)
        items = [item for item in value if item is not None] if isinstance(value, list) else [value]
        inside = max((self._selection(field.selection_set, kind, item) for item in items), default=0)
        return inside if _is_free(kind) else 1 + inside

    def _connection(self, field: FieldNode, parent: GraphQLObjectType, kind: GraphQLNamedType, value: Any) -> int:
        arguments = get_argument_values(parent.fields[field.name.value], field, self._variables)
        page = page_size(arguments.get("first") or arguments.get("last") or 0)
        node = 0
        for selection, node_type, found in self._node_selections(field, kind, value):
            cases = [None] if value is None else found
            inside = (self._selection(selection.selection_set, node_type, case) for case in cases)
            node = max([node, *(1 + points for points in inside)])
            if value is not None:
                page = page_size(len(found))
        return 2 + page * node

    def _node_selections(
        self, field: FieldNode, kind: GraphQLNamedType, value: Any
    ) -> Iterator[tuple[FieldNode, GraphQLNamedType, list[Any]]]:
        """What a connection selects of its nodes, by `nodes` or by `edges`, and the nodes it found."""
        for inner, parent in self._fields(field.selection_set, kind):
            inner_type = get_named_type(parent.fields[inner.name.value].type)
            if inner.name.value == "nodes":
                yield inner, inner_type, _value(value, inner) or []
            elif inner.name.value == "edges":
                edges = _value(value, inner) or []
                for deeper, edge_type in self._fields(inner.selection_set, inner_type):
                    if deeper.name.value == "node":
                        node_type = get_named_type(edge_type.fields["node"].type)
                        yield deeper, node_type, [_value(edge, deeper) for edge in edges]

    def _selection(self, selections: SelectionSetNode | None, kind: GraphQLNamedType, value: Any) -> int:
        total = 0
        for field, parent in self._fields(selections, kind):
            inner = _value(value, field)
            if isinstance(value, dict) and inner is None:
                continue
            total += self._field(field, parent, inner)
        return total

    def _fields(self, selections: SelectionSetNode | None, kind: GraphQLNamedType) -> list[tuple[FieldNode, Any]]:
        """The fields selected on `kind`, fragments unfolded, each with the type it is selected on."""
        found = selected(self._schema, self._fragments, self._variables, selections, kind)
        return [(field, on) for field, on in found if not field.name.value.startswith("__")]


class Bucket:
    """The leaky bucket of one app in one shop, refilled on the wire clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._available = float(BUCKET_SIZE)
        self._seen = clock.wire()
        self._lock = threading.Lock()

    def take(self, cost: int) -> bool:
        """Take `cost` points; False, and nothing taken, when there are fewer."""
        with self._lock:
            self._refill()
            if self._available < cost:
                return False
            self._available -= cost
            return True

    def give_back(self, cost: int) -> None:
        with self._lock:
            self._available = min(BUCKET_SIZE, self._available + cost)

    def drain(self, left: int) -> None:
        """Leave only `left` points, or a debt if below 0: for tests of throttling."""
        with self._lock:
            self._refill()
            self._available = float(left)

    def status(self) -> dict[str, float]:
        """The `throttleStatus` of an answer."""
        with self._lock:
            self._refill()
            return {
                "maximumAvailable": float(BUCKET_SIZE),
                "currentlyAvailable": max(0, int(self._available)),
                "restoreRate": float(RESTORE_PER_SECOND),
            }

    def _refill(self) -> None:
        now = self._clock.wire()
        self._available = min(BUCKET_SIZE, self._available + (now - self._seen) * RESTORE_PER_SECOND)
        self._seen = now


def _is_free(kind: GraphQLNamedType) -> bool:
    return kind.name in _FREE_TYPES or kind.name.endswith(("Error", "Edge"))


def _value(data: Any, field: FieldNode) -> Any:
    if not isinstance(data, dict):
        return None
    return data.get(key_of(field))
