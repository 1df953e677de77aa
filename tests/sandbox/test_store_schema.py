"""The store's SDL says nothing that the published schema of 2026-10 does not say."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest
from graphql import DefinitionNode, parse, print_ast, validate_schema
from graphql.language import ast

from sandbox.store.admin_api import published_schema
from sandbox.store.resolvers import RESOLVERS
from sandbox.store.topics import BY_ENUM_NAME

ROOT = Path(__file__).parents[2]
CONTRACTS = Path(os.environ.get("CONTRACTS_DIR") or ROOT.parent / "shared" / "contracts")
PUBLISHED = CONTRACTS / "shopify" / "admin-2026-10.graphql.gz"

Definitions = Mapping[str, DefinitionNode]


def definitions(text: str) -> Definitions:
    found = {}
    for node in parse(text, no_location=True).definitions:
        if getattr(node, "name", None) is not None:
            found[node.name.value] = node
    return found


def ours() -> str:
    return resources.files("sandbox.store").joinpath("schema.graphql").read_text("utf-8")


def differences(mine: Definitions, theirs: Definitions) -> list[str]:
    """What `mine` claims and `theirs` does not bear out, or `theirs` demands of a caller and `mine` omits."""
    found = []
    for name, node in mine.items():
        other = theirs.get(name)
        if other is None or other.kind != node.kind:
            found.append(f"{name}: no such type")
        elif isinstance(node, ast.EnumTypeDefinitionNode):
            values = {value.name.value for value in other.values or ()}
            found += [f"{name}.{v.name.value}: no such value" for v in node.values if v.name.value not in values]
        elif isinstance(node, ast.UnionTypeDefinitionNode):
            members = {member.name.value for member in other.types or ()}
            found += [f"{name}: no member {m.name.value}" for m in node.types if m.name.value not in members]
        elif isinstance(node, ast.ScalarTypeDefinitionNode):
            continue
        else:
            found += _field_differences(name, node, other)
    return found


def _field_differences(name: str, node: DefinitionNode, other: DefinitionNode) -> list[str]:
    found = []
    interfaces = {one.name.value for one in getattr(other, "interfaces", None) or ()}
    for interface in getattr(node, "interfaces", None) or ():
        if interface.name.value not in interfaces:
            found.append(f"{name}: does not implement {interface.name.value}")
    fields = {one.name.value: one for one in other.fields}
    for field in node.fields:
        place = f"{name}.{field.name.value}"
        theirs = fields.get(field.name.value)
        if theirs is None:
            found.append(f"{place}: no such field")
            continue
        found += _value_differences(place, field, theirs)
        if isinstance(field, ast.FieldDefinitionNode):
            arguments = {one.name.value: one for one in theirs.arguments or ()}
            for argument in field.arguments or ():
                if argument.name.value not in arguments:
                    found.append(f"{place}({argument.name.value}): no such argument")
                else:
                    there = arguments.pop(argument.name.value)
                    found += _value_differences(f"{place}({argument.name.value})", argument, there)
            found += [f"{place}({one}): required, and missing here" for one in _required(arguments.values())]
    if isinstance(node, ast.InputObjectTypeDefinitionNode):
        known = {field.name.value for field in node.fields}
        missing = [one for one in other.fields if one.name.value not in known]
        found += [f"{name}.{one}: required, and missing here" for one in _required(missing)]
    return found


def _value_differences(place: str, mine: DefinitionNode, theirs: DefinitionNode) -> list[str]:
    found = []
    if print_ast(mine.type) != print_ast(theirs.type):
        found.append(f"{place}: {print_ast(mine.type)} here, {print_ast(theirs.type)} there")
    defaults = [getattr(one, "default_value", None) for one in (mine, theirs)]
    written = [print_ast(one) if one else None for one in defaults]
    if written[0] != written[1]:
        found.append(f"{place}: default {written[0]} here, {written[1]} there")
    return found


def _required(values: object) -> list[str]:
    return [one.name.value for one in values if isinstance(one.type, ast.NonNullTypeNode) and not one.default_value]


@pytest.fixture(scope="module")
def published() -> Definitions:
    if not PUBLISHED.exists():
        pytest.skip(f"the platforms' contracts are not at {CONTRACTS}; set CONTRACTS_DIR")
    with gzip.open(PUBLISHED, "rt", encoding="utf-8") as file:
        return definitions(file.read())


@pytest.mark.contract
def test_every_name_and_type_is_the_published_one(published: Definitions) -> None:
    assert differences(definitions(ours()), published) == []


@pytest.mark.contract
@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("  taxExempt: Boolean!\n", "  taxExempt: Boolean!\n  birthday: String\n", "Customer.birthday"),
        ("  numberOfOrders: UnsignedInt64!", "  numberOfOrders: Int!", "Customer.numberOfOrders"),
        (
            "customer(id: ID!): Customer",
            "customer(id: ID!, email: String): Customer",
            "QueryRoot.customer(email)",
        ),
        ("  ORDERS_PAID", "  ORDERS_PAYED", "WebhookSubscriptionTopic.ORDERS_PAYED"),
        ("  customerId: ID!\n", "", "CustomerEmailMarketingConsentUpdateInput.customerId"),
        (
            "webhookSubscriptionDelete(id: ID!)",
            "webhookSubscriptionDelete",
            "Mutation.webhookSubscriptionDelete(id)",
        ),
        ("type ApiVersion {", "type ApiEdition {", "ApiEdition"),
    ],
)
def test_a_planted_error_is_reported(published: Definitions, old: str, new: str, reported: str) -> None:
    text = ours()
    assert old in text or old.strip() in text
    planted = text.replace(old if old in text else old.strip(), new, 1)
    assert any(line.startswith(reported) for line in differences(definitions(planted), published))


def test_the_schema_is_valid_and_every_resolver_has_a_field() -> None:
    schema = published_schema()
    assert validate_schema(schema) == []
    for type_name, fields in RESOLVERS.items():
        assert set(fields) <= set(schema.type_map[type_name].fields), type_name


def test_the_topics_are_those_of_the_enum() -> None:
    assert set(published_schema().type_map["WebhookSubscriptionTopic"].values) == set(BY_ENUM_NAME)
