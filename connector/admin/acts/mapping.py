"""The mapping: which attributes and events Brevo is told of. Read, checked, tried on one person, changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import mapping_fields, revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, View
from connector.admin.acts.syncs import whom
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.event_mapping import defaults as shipped_events
from connector.shops import Shop
from sync import mapping_edits, mapping_preview
from sync.mapping import document
from sync.mapping_edits import Accepted, Meaning
from sync.mapping_preview import Preview

EDITS = 10
"""So many of what was accepted are shown, the newest."""


class Document(Schema):
    # YAML; left empty, it is the shipped mapping.
    document = fields.String(load_default="", validate=validate.Length(max=document.LARGEST))


class Taking(Document):
    # What stands for the document that the edit began with.
    seen = fields.String(required=True, validate=validate.Length(max=64))


class Looking(Schema):
    """``document``: without it the one that holds. ``person``: our number of them; ``who``: whatever finds just one."""

    document = fields.String(load_default=None, validate=validate.Length(max=document.LARGEST))
    person = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))
    who = fields.String(load_default=None, validate=validate.Length(max=200))


class Attribute(Document):
    name = fields.String(required=True, validate=validate.Length(max=100))
    # Without one it is switched off.
    source = fields.String(load_default=None, validate=validate.Length(max=200))
    type = fields.String(load_default=None, validate=validate.Length(max=20))
    when = fields.String(load_default=None, validate=validate.Length(max=50))


def take(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Accepted:
    """Raises WrongMapping, ``revision.Outdated``, and the ProviderError of Brevo, which changes nothing."""
    try:
        return mapping_edits.accept(deps, shop, given["document"], by=visitor.actor, seen=given["seen"])
    except mapping_edits.Outdated as error:
        raise revision.Outdated(str(error)) from None


def meaning(deps: Deps, shop: Shop, given: Given) -> Meaning:
    """What taking this document would mean. Raises WrongMapping."""
    with transaction(deps.engine) as connection:
        return mapping_edits.meaning(connection, shop, given["document"])


def preview(deps: Deps, shop: Shop, given: Given) -> Preview:
    """What Brevo would be told of one person. It is asked for its attributes. Raises InvalidInput, LookupError."""
    person_id = whom(deps, shop, given["person"], given["who"])
    if person_id is None:
        raise InvalidInput("Name the person: an email, a telephone number or an order number.")
    by = shop if given["document"] is None else mapping_edits.with_document(shop, given["document"])
    return mapping_preview.preview(deps, by, person_id)


def with_attribute(deps: Deps, shop: Shop, given: Given) -> tuple[str, Meaning]:
    """The document with this attribute as given, and what taking it would mean. Raises WrongMapping."""
    named = (given[name] for name in ("document", "name", "source", "type", "when"))
    text = mapping_fields.with_attribute(*named)
    return text, meaning(deps, shop, {"document": text})


def _meant(found: Meaning) -> dict[str, Any]:
    return {**asdict(found), "nothing": found.nothing}


def _take(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    done = take(deps, shop, visitor, given)
    # What is kept is what was written, so it is what the next edit begins with.
    seen = mapping_edits.digest_of(given["document"])
    return {"meaning": _meant(done.meaning), "notes": list(done.notes), "sync": done.run_id, "seen": seen}


def _check(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    return {"meaning": _meant(meaning(deps, shop, given))}


def _preview(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    return asdict(preview(deps, shop, given))


def _with_attribute(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    text, meant = with_attribute(deps, shop, given)
    return {"document": text, "meaning": _meant(meant)}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        text = mapping_edits.current(connection, shop)
        edits = mapping_edits.history(connection, shop.id, EDITS)
    return {
        "document": text,
        "attributes": [asdict(one) for one in mapping_fields.rows(text)],
        "shipped_events": shipped_events(),
        "edits": [asdict(one) for one in edits],
        "seen": mapping_edits.digest_of(text),
    }


SET = Act(
    "set_mapping",
    "mapping",
    "Take a document as the shop's mapping: what is missing at Brevo is created, and contacts that look different by it"
    " are told again.",
    _take,
    Taking(),
)
ACTS = (SET,)
VIEWS = (
    View("mapping", "mapping", "The shop's mapping: its document, attribute by attribute, and its last edits.", _read),
    View(
        "check_mapping", "mapping/check", "What taking a document as the mapping would mean.", _check, Document(),
        by_body=True,
    ),
    View(
        "preview_mapping", "mapping/preview",
        "What Brevo would be told of one person now, by the mapping or by a document that is not taken yet.",
        _preview, Looking(), by_body=True,
    ),
    View(
        "change_attribute", "mapping/attribute",
        "A document with one attribute changed, without writing it by hand. It is taken by another call.",
        _with_attribute, Attribute(), by_body=True,
    ),
)  # fmt: skip
