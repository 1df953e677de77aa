"""Protected customer data: what an app that was not approved for it gets in place of the fields that name a person.

In a query the field is null and named in `errors`. What a bulk query's lines say is not documented; here it is null
as well, and nothing tells that it was withheld.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema

from sandbox.store.resolvers import read

# The nullable ones of those that the schema marks as protected, or that hold nothing else.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "AbandonedCheckout": ("billingAddress", "shippingAddress"),
    "Customer": (
        "defaultAddress", "defaultEmailAddress", "defaultPhoneNumber", "email", "firstName", "lastName", "phone",
    ),
    "Order": ("billingAddress", "email", "phone", "shippingAddress"),
}  # fmt: skip


def withhold(schema: GraphQLSchema) -> None:
    """Have these fields ask first whether the shop's app may see them."""
    for type_name, names in FIELDS.items():
        fields = schema.type_map[type_name].fields  # type: ignore[attr-defined]
        for name in names:
            fields[name].resolve = _asking(fields[name].resolve or read, type_name)


def _asking(resolve: Callable[..., Any], type_name: str) -> Callable[..., Any]:
    def answer(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if info.context.shop.protected_data_allowed:
            return resolve(source, info, **arguments)
        if isinstance(info, GraphQLResolveInfo):
            words = f"This app is not approved to access the {type_name} object"
            raise GraphQLError(words, extensions={"code": "ACCESS_DENIED"})
        return None

    return answer
