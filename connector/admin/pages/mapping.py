"""The mapping: which attributes and events Brevo is told of. Editing it as text, checking, trying it on one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from flask import Blueprint, render_template, request
from marshmallow import Schema, fields, validate

from connector.admin import accounts, forms, mapping_fields
from connector.admin.frame import asking, shop
from connector.admin.pages.syncs import one_person
from connector.attribute_values import TYPES
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.event_mapping import defaults as shipped_events
from sync import mapping_edits, mapping_preview
from sync.mapping import attribute, document, sources
from sync.mapping.problems import WrongMapping
from sync.mapping_edits import Meaning
from sync.mapping_preview import Preview

_EDITS = 10


class _Document(Schema):
    # Left empty, it is the shipped mapping.
    document = fields.String(load_default="", validate=validate.Length(max=document.LARGEST))
    # What stands for the document that the edit began with.
    seen = fields.String(load_default=None, validate=validate.Length(max=64))
    who = fields.String(load_default=None, validate=validate.Length(max=200))


class _Attribute(_Document):
    name = fields.String(required=True, validate=validate.Length(max=100))
    # Without one it is switched off.
    source = fields.String(load_default=None, validate=validate.Length(max=200))
    type = fields.String(load_default=None, validate=validate.Length(max=20))
    when = fields.String(load_default=None, validate=validate.Length(max=50))


@dataclass(frozen=True)
class _Tried:
    """What the page shows beside the document, after something was asked of it."""

    problems: Sequence[str] = ()
    meaning: Meaning | None = None
    preview: Preview | None = None
    notes: Sequence[str] = ()
    taken: bool = False
    outdated: bool = False


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/mapping")
    def mapping(shop_id: int) -> str:
        return _page(deps)

    @routes.post("/shops/<int:shop_id>/mapping/check")
    def check_mapping(shop_id: int) -> tuple[str, int]:
        """What taking it would mean; nothing is written."""
        given = forms.posted(_Document())
        try:
            with transaction(deps.engine) as connection:
                tried = _Tried(meaning=mapping_edits.meaning(connection, shop(), given["document"]))
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        return _page(deps, given["document"], tried), 200

    @routes.post("/shops/<int:shop_id>/mapping/preview")
    def preview_mapping(shop_id: int) -> tuple[str, int]:
        """What Brevo would be told of one person by this document. Brevo is asked for its attributes."""
        given = forms.posted(_Document())
        if given["who"] is None:
            raise InvalidInput("Name the person: an email, a telephone number or an order number.")
        person_id = one_person(deps, given["who"])
        try:
            shown = mapping_preview.preview(deps, mapping_edits.with_document(shop(), given["document"]), person_id)
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        return _page(deps, given["document"], _Tried(preview=shown)), 200

    @routes.post("/shops/<int:shop_id>/mapping")
    def set_mapping(shop_id: int) -> tuple[str, int]:
        given = forms.posted(_Document())
        try:
            done = mapping_edits.accept(deps, shop(), given["document"], by=asking().visitor.actor, seen=given["seen"])
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        except mapping_edits.Outdated:
            return _page(deps, given["document"], _Tried(outdated=True)), 409
        return _page(deps, given["document"], _Tried(meaning=done.meaning, notes=done.notes, taken=True)), 200

    @routes.post("/shops/<int:shop_id>/mapping/attribute")
    def change_attribute(shop_id: int) -> tuple[str, int]:
        """One attribute of the document by fields instead of text; nothing is written before it is taken."""
        given = forms.posted(_Attribute())
        try:
            text = mapping_fields.with_attribute(
                given["document"], given["name"], given["source"], given["type"], given["when"]
            )
            with transaction(deps.engine) as connection:
                tried = _Tried(meaning=mapping_edits.meaning(connection, shop(), text))
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        return _page(deps, text, tried), 200


def _wrong(deps: Deps, text: str, error: WrongMapping) -> tuple[str, int]:
    return _page(deps, text, _Tried(problems=[str(one) for one in error.problems])), 422


def _seen(current: str, tried: _Tried | None) -> str:
    """What stands for the document that was looked at: the one that the edit began with, until somebody was told that
    there is another."""
    given = request.form.get("seen") if request.method == "POST" else None
    told = tried is None or tried.taken or tried.outdated
    return mapping_edits.digest_of(current) if told or not given else given[:64]


def _page(deps: Deps, text: str | None = None, tried: _Tried | None = None) -> str:
    with transaction(deps.engine) as connection:
        current = mapping_edits.current(connection, shop())
        edits = mapping_edits.history(connection, shop().id, _EDITS)
        names = accounts.names(connection)
    if tried is not None and tried.taken and text is not None:
        current = text
    return render_template(
        "admin/mapping.html",
        document=current if text is None else text,
        now=current if tried and tried.outdated else "",
        seen=_seen(current, tried),
        tried=tried or _Tried(),
        edits=edits,
        names=names,
        attributes=mapping_fields.rows(current if text is None else text),
        sources=sources.every_name(),
        types=TYPES,
        conditions=attribute.CONDITIONS,
        events=shipped_events(),
        indented=lambda body: orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
    )
