"""What a bulk query may look like. The texts are those of recorded answers (2026-04)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    is_composite_type,
    parse,
    validate,
)
from graphql.execution.values import VariableValues, get_variable_values

from sandbox.store.selections import Fragments, is_list_of, kind_of, selected

MOST_CONNECTIONS = 5
# Connections within the connections at the root.
DEEPEST = 2


@dataclass(frozen=True)
class BulkQuery:
    """A query that keeps the rules. Nobody can give it variables, so that those it has are at their defaults."""

    operation: OperationDefinitionNode
    fragments: Fragments
    variables: VariableValues

    def selected(
        self, schema: GraphQLSchema, selections: SelectionSetNode | None, kind: GraphQLNamedType
    ) -> Iterator[tuple[FieldNode, GraphQLNamedType]]:
        return selected(schema, self.fragments, self.variables, selections, kind)


@dataclass
class _Found:
    """What a walk through the query has come upon."""

    connections: int = 0
    deepest: int = 0
    in_a_list: bool = False
    # Connections that select something else than their edges' nodes, and those whose nodes lack an id that they need.
    without_edges: list[str] = field(default_factory=list)
    without_id: list[str] = field(default_factory=list)


def read(schema: GraphQLSchema, text: str) -> tuple[BulkQuery | None, list[str]]:
    """The query made ready, or what is wrong with it."""
    try:
        document = parse(text)
    except GraphQLError as error:
        unexpected = "unexpected end of file" if "<EOF>" in error.message else error.message
        return None, [f"Invalid bulk query: syntax error, {unexpected}"]
    operation = _only_operation(document)
    if operation is None or operation.operation is not OperationType.QUERY:
        return None, ["Invalid operation type. Only `query` operations are supported."]
    invalid = validate(schema, document)
    if invalid:
        return None, [f"Invalid bulk query: {error.message}" for error in invalid]
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    variables = get_variable_values(schema, operation.variable_definitions or (), {})
    if isinstance(variables, list):
        return None, [f"Invalid bulk query: {error.message}" for error in variables]
    query = BulkQuery(operation, fragments, variables)
    problems = _problems(schema, query)
    return (None, problems) if problems else (query, [])


def is_connection(kind: GraphQLNamedType) -> bool:
    return kind.name.endswith("Connection")


def _only_operation(document: DocumentNode) -> OperationDefinitionNode | None:
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return found[0] if len(found) == 1 else None


def _problems(schema: GraphQLSchema, query: BulkQuery) -> list[str]:
    found = _Found()
    walk = _Walk(schema, query, found)
    root = schema.query_type
    assert root is not None
    walk.through(query.operation.selection_set, root, depth=-1)
    top = [one.name.value for one, _ in query.selected(schema, query.operation.selection_set, root)]
    problems = [f"Bulk queries cannot contain a top level `{name}` field." for name in ("node", "nodes") if name in top]
    if not found.connections:
        problems.append("Bulk queries must contain at least one connection.")
    if found.connections > MOST_CONNECTIONS:
        problems.append(f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections.")
    if found.deepest > DEEPEST:
        problems.append(f"Bulk queries cannot contain connections with a nesting depth greater than {DEEPEST}.")
    if found.without_edges:
        names = "', '".join(found.without_edges)
        problems.append(
            "All connection fields in a bulk query must select their contents using 'edges' > 'node', e.g: "
            f"'{found.without_edges[0]} {{ edges {{ node {{'. Selecting via 'nodes' is not supported. "
            f"Invalid connection fields: '{names}'."
        )
    if found.without_id:
        problems.append(
            "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be "
            f"of 'ID' return type. Connection fields without 'id': {', '.join(found.without_id)}."
        )
    if found.in_a_list:
        problems.append("Queries that contain a connection field within a list field are not currently supported.")
    return problems


class _Walk:
    """One way through all selections; `depth` is that of the connection around them, below 0 at the root."""

    def __init__(self, schema: GraphQLSchema, query: BulkQuery, found: _Found) -> None:
        self._schema = schema
        self._query = query
        self._found = found

    def through(
        self, selections: SelectionSetNode | None, kind: GraphQLNamedType, depth: int, in_a_list: bool = False
    ) -> bool:
        """Go on from here. True when there are connections below, which need the id of the node around them."""
        below = False
        for field_node, on in self._query.selected(self._schema, selections, kind):
            name = field_node.name.value
            if name.startswith("__"):
                continue
            inner, in_list = kind_of(on, name), is_list_of(on, name)
            if is_connection(inner):
                below = True
                self._found.connections += 1
                self._found.deepest = max(self._found.deepest, depth + 1)
                self._found.in_a_list |= in_a_list
                self._connection(name, field_node.selection_set, inner, depth + 1)
            elif is_composite_type(inner):
                below |= self.through(field_node.selection_set, inner, depth, in_a_list or in_list)
        return below

    def _connection(self, name: str, selections: SelectionSetNode | None, kind: GraphQLNamedType, depth: int) -> None:
        nodes = [
            (node, on)
            for edges, connection in self._query.selected(self._schema, selections, kind)
            if edges.name.value == "edges"
            for node, on in self._query.selected(self._schema, edges.selection_set, kind_of(connection, "edges"))
            if node.name.value == "node"
        ]
        chosen = [one.name.value for one, _ in self._query.selected(self._schema, selections, kind)]
        if not nodes or "nodes" in chosen:
            self._found.without_edges.append(name)
        for node, on in nodes:
            inner = kind_of(on, "node")
            if self.through(node.selection_set, inner, depth) and not self._has_id(node.selection_set, inner):
                self._found.without_id.append(name)

    def _has_id(self, selections: SelectionSetNode | None, kind: GraphQLNamedType) -> bool:
        found = self._query.selected(self._schema, selections, kind)
        return any(one.name.value == "id" and one.alias is None for one, _ in found)
