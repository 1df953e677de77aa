"""The Admin API over one world: parse, price, throttle, execute and log a query, as the platform does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import resources
from itertools import chain
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.utilities import value_from_ast_untyped

from sandbox.clock import Clock, iso_utc
from sandbox.store.actions import Actions
from sandbox.store.bulk.fields import bulk_resolvers
from sandbox.store.bulk.operations import Operations
from sandbox.store.cost import MAX_QUERY_COST, Bucket, QueryCost
from sandbox.store.discount_mutations import discount_resolvers
from sandbox.store.flow_triggers import flow_trigger_mutations
from sandbox.store.journal import Journal
from sandbox.store.metafield_mutations import metafield_mutations
from sandbox.store.mutations import mutation_resolvers, parse_datetime
from sandbox.store.pages import Asked
from sandbox.store.protected import withhold
from sandbox.store.resolvers import RESOLVERS, node_type, read
from sandbox.store.shop import Shop


def published_schema() -> GraphQLSchema:
    """The schema of `schema.graphql`, without resolvers."""
    return build_schema(resources.files("sandbox.store").joinpath("schema.graphql").read_text("utf-8"))


class AdminApi:
    """Answers GraphQL requests; one bucket of points per shop."""

    def __init__(
        self, shops: dict[str, Shop], clock: Clock, journal: Journal, actions: Actions, operations: Operations
    ) -> None:
        self._clock = clock
        self._journal = journal
        tables = (
            RESOLVERS,
            mutation_resolvers(actions),
            metafield_mutations(actions),
            bulk_resolvers(operations),
            discount_resolvers(),
            flow_trigger_mutations(journal),
        )
        self._schema = _with_resolvers(published_schema(), tables)
        self._buckets = {domain: Bucket(clock) for domain in shops}
        # Clients send the same few documents again and again.
        self._prepared = lru_cache(maxsize=512)(self._prepare)

    def bucket(self, domain: str) -> Bucket:
        return self._buckets[domain]

    def answer(
        self, shop: Shop, query: str, variables: dict[str, Any], operation_name: str | None, api_version: str
    ) -> dict[str, Any]:
        """The body of the platform's answer, which is HTTP 200 even for errors and throttling."""
        document, errors = self._prepared(query)
        operation = get_operation_ast(document, operation_name) if document else None
        if document is not None and not errors and operation is None:
            errors = [GraphQLError("An operation name is required")]
        if document is None or operation is None or errors:
            return self._refuse(shop, None, [error.formatted for error in errors])
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        coerced = get_variable_values(self._schema, operation.variable_definitions or (), variables)
        if isinstance(coerced, list):
            invalid = [error.formatted | {"extensions": {"code": "INVALID_VARIABLE"}} for error in coerced]
            return self._refuse(shop, operation, invalid)
        cost = QueryCost(self._schema, operation, fragments, coerced)
        requested = cost.requested()
        if requested > MAX_QUERY_COST:
            extensions = {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": MAX_QUERY_COST}
            message = f"Query cost is {requested}, which exceeds the single query max cost limit"
            return self._refuse(shop, operation, [{"message": message, "extensions": extensions}])
        bucket = self._buckets[shop.domain]
        if not bucket.take(requested):
            throttled = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            refusal = self._refuse(shop, operation, [throttled], requested)
            refusal["extensions"] = {"cost": _cost(requested, None, bucket)}
            return refusal
        asked = Asked(shop, self._clock.now(), self._clock.wire(), api_version)
        with shop.lock:
            result = execute_sync(
                self._schema,
                document,
                context_value=asked,
                variable_values=variables,
                operation_name=operation_name,
                field_resolver=read,
                type_resolver=node_type,
            )
        actual = min(requested, cost.actual(result.data))
        bucket.give_back(requested - actual)
        self._log(shop, operation, requested=requested, actual=actual, errors=len(result.errors or ()))
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        body["extensions"] = {"cost": _cost(requested, actual, bucket)}
        if asked.search_warnings:
            body["extensions"]["search"] = asked.search_warnings
        return body

    def _prepare(self, query: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
        try:
            document = parse(query)
        except GraphQLError as error:
            return None, [error]
        return document, validate(self._schema, document)

    def _refuse(
        self,
        shop: Shop,
        operation: OperationDefinitionNode | None,
        errors: list[Any],
        requested: int | None = None,
    ) -> dict[str, Any]:
        first = errors[0]
        code = first.get("extensions", {}).get("code", "INVALID")
        self._log(shop, operation, requested=requested, actual=None, errors=len(errors), refused=code)
        return {"errors": errors}

    def _log(self, shop: Shop, operation: OperationDefinitionNode | None, **facts: Any) -> None:
        kind, name, fields = None, None, []
        if operation is not None:
            kind = operation.operation.value
            name = operation.name.value if operation.name else None
            asked_for = operation.selection_set.selections
            fields = [one.name.value for one in asked_for if isinstance(one, FieldNode)]
        self._journal.append("graphql", shop=shop.domain, operation=kind, name=name, fields=fields, **facts)


def _cost(requested: int, actual: int | None, bucket: Bucket) -> dict[str, Any]:
    return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": bucket.status()}


def _with_resolvers(
    schema: GraphQLSchema, tables: Iterable[Mapping[str, Mapping[str, Callable[..., Any]]]]
) -> GraphQLSchema:
    for type_name, fields in chain.from_iterable(table.items() for table in tables):
        for field_name, resolver in fields.items():
            cast(GraphQLObjectType, schema.type_map[type_name]).fields[field_name].resolve = resolver
    withhold(schema)
    for name in ("Money", "Decimal", "UnsignedInt64", "URL", "HTML"):
        _scalar(schema, name).coerce_output_value = str
    moment = _scalar(schema, "DateTime")
    moment.coerce_output_value = iso_utc
    moment.coerce_input_value = parse_datetime
    moment.coerce_input_literal = lambda node: parse_datetime(value_from_ast_untyped(node))
    return schema


def _scalar(schema: GraphQLSchema, name: str) -> GraphQLScalarType:
    return cast(GraphQLScalarType, schema.type_map[name])
