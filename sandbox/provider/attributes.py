"""Contact attributes: their definitions and what happens to values that do not fit them.

The provider drops unknown names and wrongly typed values without a word; here the dropped names are in the
log. Chosen where the documentation is silent: null changes nothing, an empty string clears, a text attribute
takes strings only, names count only in capitals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.provider import moments
from sandbox.provider.shapes import ATTRIBUTE_CREATE, ATTRIBUTE_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

CATEGORIES = ("normal", "transactional", "category", "calculated", "global")
TYPES = {
    "normal": ("text", "date", "float", "boolean", "multiple-choice", "user"),
    "transactional": ("text", "date", "float", "boolean", "id"),
    "category": ("category",),
}
# Attributes that name a contact; they are kept apart because they must be unique in an account.
IDENTIFIERS = ("EMAIL", "EXT_ID", "SMS", "WHATSAPP", "LANDLINE_NUMBER")
LONGEST_OPTION = 200


@dataclass
class Attribute:
    category: str
    name: str
    type: str | None = None
    enumeration: list[dict[str, Any]] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    formula: str | None = None

    def as_json(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"name": self.name, "category": self.category}
        if self.category == "category":
            fields["enumeration"] = [
                {"value": o["value"], "valueStr": str(o["value"]), "label": o["label"]} for o in self.enumeration
            ]
        elif self.type:
            fields["type"] = self.type
        if self.type == "multiple-choice":
            fields["multiCategoryOptions"] = self.options
        if self.formula is not None:
            fields["calculatedValue"] = self.formula
        return fields

    def fit(self, value: Any) -> Any:
        """The value as it is stored, or None if it does not fit."""
        match self.type:
            case "text" | "id" | "user":
                return value if isinstance(value, str) else None
            case "float":
                return value if isinstance(value, int | float) and not isinstance(value, bool) else None
            case "boolean":
                return value if isinstance(value, bool) else None
            case "date":
                return value if isinstance(value, str) and moments.parse(value) is not None else None
            case "multiple-choice":
                known = isinstance(value, list) and [item for item in value if item in self.options]
                return known or None
            case "category":
                return next((o["value"] for o in self.enumeration if value in (o["value"], o["label"])), None)
        return None


class Attributes:
    """The definitions of one account; starts with the ones that every account has."""

    def __init__(self) -> None:
        self._defined: dict[tuple[str, str], Attribute] = {}
        for name in ("FIRSTNAME", "LASTNAME", "EXT_ID", "SMS", "WHATSAPP", "LANDLINE_NUMBER"):
            self.define(Attribute("normal", name, "text"))

    def define(self, attribute: Attribute) -> None:
        self._defined[attribute.category, attribute.name] = attribute

    def get(self, category: str, name: str) -> Attribute | None:
        return self._defined.get((category, name))

    def remove(self, category: str, name: str) -> bool:
        return self._defined.pop((category, name), None) is not None

    def all(self) -> list[Attribute]:
        return list(self._defined.values())

    def _settable(self, name: str) -> Attribute | None:
        found = (self._defined.get((category, name)) for category in ("normal", "category", "transactional"))
        return next((attribute for attribute in found if attribute), None)

    def fit(self, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Split `values` into what is stored ("" clears) and the names dropped; identifiers are left out."""
        kept: dict[str, Any] = {}
        dropped: list[str] = []
        for name, value in values.items():
            if name in IDENTIFIERS or value is None:
                continue
            attribute = self._settable(name)
            fitted = None if attribute is None else "" if value == "" else attribute.fit(value)
            if fitted is None:
                dropped.append(name)
            else:
                kept[name] = fitted
        return kept, dropped


def _check_options(body: dict[str, Any]) -> None:
    labels = [option["label"] for option in body.get("enumeration", [])] + body.get("multiCategoryOptions", [])
    if any(len(label) > LONGEST_OPTION for label in labels):
        raise invalid(f"Option should not exceed {LONGEST_OPTION} characters")


def list_attributes(call: Call) -> Answer:
    return Answer(200, {"attributes": [a.as_json() for a in call.account.attributes.all()]})


def create_attribute(call: Call) -> Answer:
    category, name = call.path["category"], call.path["name"].upper()
    body, defined = call.body or {}, call.account.attributes
    if category not in CATEGORIES:
        raise invalid("Attribute category is invalid")
    if not name.replace("_", "").replace("-", "").isalnum():
        raise invalid("Attribute name is invalid")
    _check_options(body)
    with call.account.lock:
        if defined.get(category, name) or name == "EMAIL":
            raise invalid("Attribute name must be unique")
        if category in ("calculated", "global"):
            if "value" not in body:
                raise missing("value is missing")
            defined.define(Attribute(category, name, formula=body["value"]))
            return Answer(201, {})
        kind = body.get("type", "category" if category == "category" else None)
        if kind is None:
            raise missing("type is missing")
        if kind not in TYPES[category]:
            raise invalid("Attribute type is invalid for this category")
        if kind == "category" and "enumeration" not in body:
            raise missing("enumeration is missing")
        defined.define(
            Attribute(category, name, kind, body.get("enumeration", []), body.get("multiCategoryOptions", []))
        )
    return Answer(201, {})


def _existing(call: Call) -> Attribute:
    found = call.account.attributes.get(call.path["category"], call.path["name"].upper())
    if found is None:
        raise not_found("Attribute does not exist")
    return found


def update_attribute(call: Call) -> Answer:
    _check_options(call.body or {})
    with call.account.lock:
        attribute, body = _existing(call), call.body or {}
        attribute.enumeration = body.get("enumeration", attribute.enumeration)
        # "Use this option to add": what is there stays, DELETE takes one away.
        new = [option for option in body.get("multiCategoryOptions", []) if option not in attribute.options]
        attribute.options = attribute.options + new
        attribute.formula = body.get("value", attribute.formula)
    return Answer(204)


def delete_attribute(call: Call) -> Answer:
    with call.account.lock:
        attribute = _existing(call)
        if attribute.name in IDENTIFIERS:
            raise Refusal(400, "bad_request", "Default attributes cannot be deleted")
        call.account.attributes.remove(attribute.category, attribute.name)
    return Answer(204)


def delete_option(call: Call) -> Answer:
    with call.account.lock:
        attribute = call.account.attributes.get("normal", call.path["name"].upper())
        if attribute is None or attribute.type != "multiple-choice":
            raise not_found("Attribute does not exist")
        option = call.path["option"]
        if option not in attribute.options:
            raise not_found("Option does not exist")
        attribute.options = [one for one in attribute.options if one != option]
        for contact in call.account.contacts.all():
            chosen = contact.attributes.get(attribute.name)
            if isinstance(chosen, list) and option in chosen:
                contact.attributes[attribute.name] = [one for one in chosen if one != option]
    return Answer(204)


_ONE = "/contacts/attributes/<category>/<name>"
ROUTES = [
    Route("GET", "/contacts/attributes", list_attributes),
    Route("POST", _ONE, create_attribute, ATTRIBUTE_CREATE, body_required=False),
    Route("PUT", _ONE, update_attribute, ATTRIBUTE_UPDATE, body_required=False),
    Route("DELETE", _ONE, delete_attribute),
    Route("DELETE", "/contacts/attributes/multiple-choice/<name>/<option>", delete_option),
]
