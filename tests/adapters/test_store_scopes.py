"""The scopes that we ask for are those that our documents and topics require in the published schema."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

import connector.shopify
from connector.shopify.graphql import document
from connector.shopify.scopes import NEEDED, missing
from connector.shopify.subscriptions import COMPLIANCE, topic_enum
from webhooks.topics import TOPICS

DOCUMENTS = sorted(path.stem for path in (Path(connector.shopify.__file__).parent / "queries").glob("*.graphql"))
ROOT = Path(__file__).resolve().parents[2]
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+")


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    folder = Path(os.environ.get("CONTRACTS_DIR", ROOT.parent / "shared" / "contracts"))
    file = folder / "shopify" / "admin-2026-10.introspection.json.gz"
    if not file.exists():
        pytest.skip(f"the store's contract is not here: {file.name} under CONTRACTS_DIR")
    answer: dict[str, Any] = orjson.loads(gzip.decompress(file.read_bytes()))
    return answer


def scopes(said: str | None) -> frozenset[str]:
    """The scopes of a sentence, of which one is enough."""
    return frozenset(_SCOPE.findall(said or "")) if said and "scope" in said else frozenset()


def requirements(contract: dict[str, Any], documents: Iterable[str]) -> dict[frozenset[str], str]:
    """What the types and fields that the documents touch require: {any of these scopes: the document}."""
    import graphql

    schema = graphql.build_client_schema(contract["data"], assume_valid=True)
    said = {kind["name"]: kind for kind in contract["data"]["__schema"]["types"]}
    found: dict[frozenset[str], str] = {}

    class Look(graphql.Visitor):
        def __init__(self, info: graphql.TypeInfo, name: str) -> None:
            super().__init__()
            self.info, self.name = info, name

        def enter_field(self, node: Any, *_: Any) -> None:
            parent, kind = self.info.get_parent_type(), graphql.get_named_type(self.info.get_type())
            fields = {field["name"]: field for field in said[parent.name].get("fields") or ()}
            for what in (said[parent.name], fields.get(node.name.value, {}), said[kind.name]):
                found[scopes(what.get("requiredAccess"))] = self.name

    for name in documents:
        info = graphql.TypeInfo(schema)
        graphql.visit(graphql.parse(document(name)), graphql.TypeInfoVisitor(info, Look(info, name)))
    return found


def topic_requirements(contract: dict[str, Any], topic: str) -> frozenset[str]:
    kinds = {kind["name"]: kind for kind in contract["data"]["__schema"]["types"]}
    values = {one["name"]: one["description"] for one in kinds["WebhookSubscriptionTopic"]["enumValues"]}
    return scopes(values[topic_enum(topic)].replace("\n", " "))


@pytest.mark.contract
def test_what_documents_and_topics_require_is_what_is_needed(contract: dict[str, Any]) -> None:
    required = requirements(contract, DOCUMENTS)
    # What the law asks for is told to every app, whatever it may read.
    topics = [name for source, name in TOPICS if source == "shopify" and name not in COMPLIANCE]
    required |= {topic_requirements(contract, name): name for name in topics}
    required.pop(frozenset(), None)
    assert required
    unmet = {name: sorted(one) for one, name in required.items() if not one & set(NEEDED)}
    assert unmet == {}, "add the scope to connector/shopify/scopes.py, with what it is for"
    # A scope that nothing requires is one that the merchant should not be asked for.
    assert {scope for scope in NEEDED if not any(scope in one for one in required)} == set()
    # The control: without one of them something is unmet.
    for scope in NEEDED:
        assert [one for one in required if not one & (set(NEEDED) - {scope})], scope


def test_who_may_write_may_read() -> None:
    assert missing(set(NEEDED)) == []
    assert missing({*NEEDED, "write_orders"} - {"read_orders"}) == []
    assert missing(set(NEEDED) - {"read_orders"}) == ["read_orders"]
