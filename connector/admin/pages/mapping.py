"""The mapping: which attributes and events Brevo is told of. Editing it as text, checking, trying it on one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from flask import Blueprint, render_template, request
from marshmallow import fields, validate

from connector.admin import accounts, forms, mapping_fields, revision
from connector.admin.acts import mapping as acts
from connector.admin.frame import asking, shop
from connector.attribute_values import TYPES
from connector.db.session import transaction
from connector.deps import Deps
from connector.event_mapping import defaults as shipped_events
from sync import mapping_edits
from sync.mapping import attribute, sources
from sync.mapping.problems import WrongMapping
from sync.mapping_edits import Meaning
from sync.mapping_preview import Preview


class _Document(acts.Taking):
    """The one form of the page: each of its buttons takes what it needs of it."""

    who = fields.String(load_default=None, validate=validate.Length(max=200))


class _Attribute(_Document, acts.Attribute):
    """One attribute, with the document as it stands in the form."""


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
            tried = _Tried(meaning=acts.meaning(deps, shop(), given))
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        return _page(deps, given["document"], tried), 200

    @routes.post("/shops/<int:shop_id>/mapping/preview")
    def preview_mapping(shop_id: int) -> tuple[str, int]:
        """What Brevo would be told of one person by this document. Brevo is asked for its attributes."""
        given = forms.posted(_Document())
        try:
            shown = acts.preview(deps, shop(), {**given, "person": None})
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        return _page(deps, given["document"], _Tried(preview=shown)), 200

    @routes.post("/shops/<int:shop_id>/mapping")
    def set_mapping(shop_id: int) -> tuple[str, int]:
        given = forms.posted(_Document())
        try:
            done = acts.take(deps, shop(), asking().visitor, given)
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        except revision.Outdated:
            return _page(deps, given["document"], _Tried(outdated=True)), 409
        return _page(deps, given["document"], _Tried(meaning=done.meaning, notes=done.notes, taken=True)), 200

    @routes.post("/shops/<int:shop_id>/mapping/attribute")
    def change_attribute(shop_id: int) -> tuple[str, int]:
        """One attribute of the document by fields instead of text; nothing is written before it is taken."""
        given = forms.posted(_Attribute())
        try:
            text, meant = acts.with_attribute(deps, shop(), given)
        except WrongMapping as error:
            return _wrong(deps, given["document"], error)
        return _page(deps, text, _Tried(meaning=meant)), 200


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
        edits = mapping_edits.history(connection, shop().id, acts.EDITS)
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
