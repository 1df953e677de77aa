"""A bulk query made ready: for each connection at the root its records, and for each record its lines.

The same resolvers answer as for any other query. What a query says of every record is worked out once, for there are
hundreds of thousands of them: a general executor takes some twenty times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from sandbox.store.bulk.rules import BulkQuery, is_connection
from sandbox.store.pages import WHOLE, Asked
from sandbox.store.resolvers import node_type, snake
from sandbox.store.selections import key_of, kind_of

Value = Callable[[Any], Any]
Selections = tuple[SelectionSetNode | None, ...]

_PAGING = ("first", "last", "after", "before")


@dataclass(frozen=True)
class Info:
    """As much of a resolver's `info` as the resolvers here read."""

    context: Asked
    field_name: str
    path: Path


@dataclass(frozen=True)
class Shape:
    """What is told of one kind of object: its plain fields, and the connections that hang on it."""

    fields: tuple[tuple[str, Value], ...]
    connections: tuple[Connection, ...]

    def told(self, source: Any) -> dict[str, Any]:
        return {key: value(source) for key, value in self.fields}


@dataclass(frozen=True)
class Connection:
    """`records` are those of a source, in the store's order; `node` is what is told of each."""

    name: str
    records: Callable[[Any], list[Any]]
    node: Shape

    def lines(self, record: Any, parent: str | None = None) -> Iterator[dict[str, Any]]:
        """A record's own line, and after it those of its children, which name their parent."""
        line = self.node.told(record)
        own = line.get("id")
        if parent is not None:
            line["__parentId"] = parent
        yield line
        for connection in self.node.connections:
            for child in connection.records(record):
                yield from connection.lines(child, own)


def roots(schema: GraphQLSchema, query: BulkQuery, asked: Asked) -> tuple[Connection, ...]:
    """The connections at the root of the query; their source is None."""
    assert schema.query_type is not None
    reader = _Reader(schema, query, asked)
    return reader.shape((query.operation.selection_set,), schema.query_type).connections


class _Reader:
    def __init__(self, schema: GraphQLSchema, query: BulkQuery, asked: Asked) -> None:
        self._schema = schema
        self._query = query
        self._asked = asked

    def shape(self, selections: Selections, kind: GraphQLObjectType) -> Shape:
        fields: list[tuple[str, Value]] = []
        connections: list[Connection] = []
        for key, nodes in self._by_key(selections, kind).items():
            name = nodes[0].name.value
            if name == "__typename":
                fields.append((key, _always(kind.name)))
                continue
            definition = kind.fields[name]
            below = tuple(node.selection_set for node in nodes)
            inner = get_named_type(definition.type)
            if is_connection(inner):
                connections.append(self._connection(nodes[0], definition, below, inner))
                continue
            resolve = self._resolver(nodes[0], definition)
            fields.append((key, _after(resolve, self._completed(definition.type, below))))
            if isinstance(inner, GraphQLObjectType):
                hanging = self.shape(below, inner).connections
                connections += [Connection(one.name, _within(resolve, one.records), one.node) for one in hanging]
        return Shape(tuple(fields), tuple(connections))

    def _by_key(self, selections: Selections, kind: GraphQLObjectType) -> dict[str, list[FieldNode]]:
        """The fields that apply to objects of this type, those of one name in the answer together."""
        found: dict[str, list[FieldNode]] = {}
        for one in selections:
            for node, on in self._query.selected(self._schema, one, kind):
                if on is kind or (is_abstract_type(on) and self._schema.is_sub_type(on, kind)):
                    found.setdefault(key_of(node), []).append(node)
        return found

    def _connection(
        self, node: FieldNode, definition: GraphQLField, below: Selections, kind: GraphQLNamedType
    ) -> Connection:
        resolve = self._resolver(node, definition, whole=True)
        edges = self._within(below, kind, "edges")
        edge = kind_of(kind, "edges")
        node_kind = cast(GraphQLObjectType, kind_of(edge, "node"))
        nodes = self._within(edges, edge, "node")
        return Connection(node.name.value, lambda source: resolve(source)["nodes"], self.shape(nodes, node_kind))

    def _within(self, selections: Selections, kind: GraphQLNamedType, name: str) -> Selections:
        return tuple(
            field.selection_set
            for one in selections
            for field, _ in self._query.selected(self._schema, one, kind)
            if field.name.value == name
        )

    def _resolver(self, node: FieldNode, definition: GraphQLField, whole: bool = False) -> Value:
        name = node.name.value
        arguments = get_argument_values(definition, node, self._query.variables)
        if whole:
            arguments = {key: value for key, value in arguments.items() if key not in _PAGING} | {"first": WHOLE}
        info, resolve = Info(self._asked, name, Path(None, name, None)), definition.resolve
        if resolve is not None:
            return lambda source: resolve(source, info, **arguments)
        plain = snake(name)
        return lambda source: source.get(plain) if isinstance(source, Mapping) else getattr(source, plain, None)

    def _completed(self, kind: GraphQLOutputType, below: Selections) -> Value:
        """From what a resolver gives to what is written."""
        if isinstance(kind, GraphQLNonNull):
            return self._completed(kind.of_type, below)
        if isinstance(kind, GraphQLList):
            one = self._completed(kind.of_type, below)
            return lambda values: None if values is None else [one(value) for value in values]
        if is_leaf_type(kind):
            return _leaf(kind)
        if isinstance(kind, GraphQLObjectType):
            shape = self.shape(below, kind)
            return lambda value: None if value is None else shape.told(value)
        shapes: dict[str, Shape] = {}

        def told(value: Any) -> Any:
            if value is None:
                return None
            name = node_type(value, None, kind) or ""
            if name not in shapes:
                shapes[name] = self.shape(below, cast(GraphQLObjectType, self._schema.type_map[name]))
            return shapes[name].told(value)

        return told


def _leaf(kind: GraphQLLeafType) -> Value:
    written = kind.coerce_output_value
    texts = kind.name in ("ID", "String")
    return lambda value: value if value is None or (texts and value.__class__ is str) else written(value)


def _always(value: Any) -> Value:
    return lambda source: value


def _after(resolve: Value, complete: Value) -> Value:
    return lambda source: complete(resolve(source))


def _within(resolve: Value, records: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """The records that hang on an object within a node, which may be missing."""

    def found(source: Any) -> list[Any]:
        inner = resolve(source)
        return [] if inner is None else records(inner)

    return found
