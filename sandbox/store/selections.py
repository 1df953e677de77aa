"""What a selection of a query asks for, its fragments unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_directive_values

Fragments = Mapping[str, FragmentDefinitionNode]


def selected(
    schema: GraphQLSchema,
    fragments: Fragments,
    variables: VariableValues | None,
    selections: SelectionSetNode | None,
    kind: GraphQLNamedType,
) -> Iterator[tuple[FieldNode, GraphQLNamedType]]:
    """Each field selected on `kind`, `__typename` too, with the type that it is selected on."""
    for selection in selections.selections if selections else ():
        if isinstance(selection, FieldNode):
            if _is_asked_for(selection, variables):
                yield selection, kind
        elif isinstance(selection, InlineFragmentNode):
            on = selection.type_condition
            inner = schema.type_map[on.name.value] if on else kind
            yield from selected(schema, fragments, variables, selection.selection_set, inner)
        elif isinstance(selection, FragmentSpreadNode):
            fragment = fragments[selection.name.value]
            inner = schema.type_map[fragment.type_condition.name.value]
            yield from selected(schema, fragments, variables, fragment.selection_set, inner)


def _is_asked_for(selection: FieldNode, variables: VariableValues | None) -> bool:
    """Whether no @include leaves it out: what is not executed costs nothing."""
    told = get_directive_values(GraphQLIncludeDirective, selection, variables)
    return told is None or bool(told["if"])


def kind_of(kind: GraphQLNamedType, field: str) -> GraphQLNamedType:
    """The type of a field of an object or interface, without what says that it is required or a list."""
    return get_named_type(_type_of(kind, field))


def is_list_of(kind: GraphQLNamedType, field: str) -> bool:
    output = _type_of(kind, field)
    return isinstance(output.of_type if isinstance(output, GraphQLNonNull) else output, GraphQLList)


def _type_of(kind: GraphQLNamedType, field: str) -> GraphQLOutputType:
    output: GraphQLOutputType = cast(GraphQLObjectType | GraphQLInterfaceType, kind).fields[field].type
    return output


def key_of(field: FieldNode) -> str:
    """Its name in the answer."""
    return field.alias.value if field.alias else field.name.value
