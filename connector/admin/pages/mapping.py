"""The mapping: which attributes and events Brevo is told of. Editing it as text, checking, trying it on one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from flask import Blueprint, render_template
from marshmallow import Schema, fields, validate

from connector.admin import accounts, forms
from connector.admin.frame import asking, shop
from connector.admin.pages.syncs import one_person
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.event_mapping import defaults as shipped_events
from sync import mapping_edits, mapping_preview
from sync.mapping import contact, document
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


@dataclass(frozen=True)
class _Tried:
    """What the page shows beside the document, after something was asked of it."""

    problems: Sequence[str] = ()
    meaning: Meaning | None = None
    preview: Preview | None = None
    notes: Sequence[str] = ()
    taken: bool = False


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
        return _page(deps, given["document"], _Tried(meaning=done.meaning, notes=done.notes, taken=True)), 200


def _wrong(deps: Deps, text: str, error: WrongMapping) -> tuple[str, int]:
    return _page(deps, text, _Tried(problems=[str(one) for one in error.problems])), 422


def _page(deps: Deps, text: str | None = None, tried: _Tried | None = None) -> str:
    with transaction(deps.engine) as connection:
        current = mapping_edits.current(connection, shop())
        edits = mapping_edits.history(connection, shop().id, _EDITS)
        names = {one.actor: one.email for one in accounts.listed(connection)}
    if tried is not None and tried.taken and text is not None:
        current = text
    return render_template(
        "admin/mapping.html",
        document=current if text is None else text,
        seen=mapping_edits.digest_of(current),
        tried=tried or _Tried(),
        edits=edits,
        names=names,
        attributes=contact.defaults(),
        events=shipped_events(),
        indented=lambda body: orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
    )
