"""The description for machines and the page for people, against what is really taken."""

from __future__ import annotations

import re
import shlex
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from marshmallow import ValidationError

from connector.api import openapi
from tests.api.teller import Teller
from tests.architecture.project import PROJECT, codes, table_rows
from webhooks.topics.api_payload import SCHEMAS

PAGE = PROJECT / "docs" / "api.md"
DOCUMENT = openapi.document("https://shop.example")


def described(name: str = "Event") -> Draft202012Validator:
    """What the document says of this schema."""
    whole = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def fits(body: Any) -> tuple[bool, bool]:
    """Whether the description takes it, and whether the API does."""
    try:
        SCHEMAS[body["type"]]().load(body)
    except ValidationError:
        return described().is_valid(body), False
    return described().is_valid(body), True


def test_the_document_is_served_and_names_every_type(teller: Teller) -> None:
    answer = teller.web.get("/api/openapi.json")
    assert answer.status_code == 200 and answer.json == openapi.document("https://shop.example")
    assert answer.json["openapi"] == "3.1.0"
    for schema in answer.json["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert set(DOCUMENT["components"]["schemas"]["Event"]["discriminator"]["mapping"]) == set(SCHEMAS)


def test_every_example_is_taken(teller: Teller) -> None:
    for path, call in DOCUMENT["paths"].items():
        content = call["post"]["requestBody"]["content"]["application/json"]
        whole = {**content["schema"], "components": DOCUMENT["components"]}
        for name, shown in content["examples"].items():
            Draft202012Validator(whole, format_checker=FormatChecker()).validate(shown["value"])
            assert teller.post(shown["value"], path=path).status_code == 202, name


WRONG: tuple[dict[str, Any], ...] = (
    {"id": ""}, {"id": "a b"}, {"person": {}}, {"person": {"email": None}}, {"person": {"phone": "1"}},
    {"person": {"customer_id": 0}}, {"person": {"customer_id": "1"}}, {"person": {"who": 1}}, {"more": 1},
    {"occurred_at": 7}, {"type": "custom", "name": "A"}, {"type": "custom", "name": "a", "properties": []},
    {"type": "custom", "name": "a", "properties": {"a-b": 1}}, {"type": "form_submitted", "form": "q", "answers": {}},
    {"type": "form_submitted", "form": "q", "answers": {"a": {}}}, {"type": "review_submitted", "rating": 0},
    {"type": "review_submitted", "rating": 2.5}, {"type": "loyalty", "points": None}, {"type": "loyalty", "tier": ""},
    {"type": "support_ticket_closed"}, {"type": "subscription", "subscription": "s", "change": "paused"},
)  # fmt: skip


@pytest.mark.parametrize("changed", WRONG, ids=str)
def test_the_description_refuses_what_is_refused(changed: dict[str, Any]) -> None:
    assert fits({"id": "ev-1", "type": "login", "person": {"email": "ann@example.com"}, **changed}) == (False, False)


@pytest.mark.parametrize(
    "changed",
    [
        {"occurred_at": None, "person": {"customer_id": 7, "email": None}},
        {"type": "custom", "name": "a", "properties": {"a": {"b": [None, 1.5, "c"]}}},
        {"type": "form_submitted", "form": "q", "answers": {"a": [], "b": False, "c": 1.5}},
        {"type": "loyalty", "points": 0, "tier": None},
        {"type": "subscription", "subscription": "s", "change": "started", "renews_at": None},
    ],
    ids=str,
)
def test_the_description_takes_what_is_taken(changed: dict[str, Any]) -> None:
    assert fits({"id": "ev-1", "type": "login", "person": {"email": "ann@example.com"}, **changed}) == (True, True)


def test_the_page_lists_every_type_with_its_fields() -> None:
    rows = {codes(row[0])[0]: row[1] for row in table_rows(PAGE, 3)}
    common = {"id", "type", "person", "occurred_at"}
    own = {kind: set(schema().fields) - common for kind, schema in SCHEMAS.items()}
    assert {kind: set(codes(cell)) - {"_"} for kind, cell in rows.items()} == own


def test_the_command_of_the_page_is_taken(teller: Teller) -> None:
    (command,) = re.findall(r"^curl .*?}'$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    body = shlex.split(command)[-1]
    assert described().is_valid(orjson.loads(body))
    assert teller.post(body.encode()).status_code == 202
