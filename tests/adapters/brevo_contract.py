"""Brevo's own description of its requests (the contract is outside of the project), and what does not fit it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

_ROOT = Path(__file__).resolve().parents[2]


def described() -> dict[str, Any]:
    """The OpenAPI document; skips the test where it is not at hand."""
    folder = Path(os.environ.get("CONTRACTS_DIR", _ROOT.parent / "shared" / "contracts"))
    file = folder / "brevo" / "openapi-sdk-5.1.0.json.gz"
    if not file.exists():
        pytest.skip(f"Brevo's contract is not here: {file.name} under CONTRACTS_DIR")
    contract = orjson.loads(gzip.decompress(file.read_bytes()))
    # Its text says that properties of events may be numbers, its types say integers: the text is newer.
    event = contract["paths"]["/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    event["properties"]["event_properties"]["additionalProperties"]["anyOf"].append({"type": "number"})
    return dict(contract)


def problems(contract: dict[str, Any], method: str, path: str, sent: dict[str, Any]) -> list[str]:
    """What is wrong with this body; unknown top-level names count, because Brevo would ignore them silently."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = contract["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": contract["components"]}
    found = [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(sent)]
    known = {name for one in _shapes(contract, schema) for name in one["properties"]}
    return found + [f"unknown: {name}" for name in sent if name not in known]


def _shapes(contract: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The shapes that a body may have, of which some calls have several."""
    named = [one["$ref"].rpartition("/")[2] for one in schema.get("anyOf", [])]
    return [contract["components"]["schemas"][name] for name in named] or [schema]
