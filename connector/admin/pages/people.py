"""Finding people, and one person's page."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector import audit
from connector.admin import forms, people, shown
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.scope import Scope
from sync import conflicts, merging

CONFLICTS: Mapping[str, str] = {
    "phone": "both have this telephone number",
    "email": "both customer records have this address",
    "typed": "a customer gave this address, which is somebody else's, at a checkout",
    "customer": "the store merged customer records that were theirs",
}
"""Kind of a conflict -> what contradicts (connector.models.identity)."""


_CONFLICTS = 50


class _Search(Schema):
    q = fields.String(load_default="", validate=validate.Length(max=200))


class _Conflict(Schema):
    conflict = fields.Integer(required=True, validate=validate.Range(min=1, max=2**62))


class _Nothing(Schema):
    """A button: no fields."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/people", endpoint="people")
    def search(shop_id: int) -> str:
        wanted = forms.asked(_Search())["q"]
        with transaction(deps.engine) as connection:
            found = people.search(connection, shop(), wanted)
            contradicting = [] if wanted else conflicts.conflicts(connection, shop_id, most=_CONFLICTS)
        return render_template(
            "admin/people.html",
            wanted=wanted,
            found=found,
            most=people.MOST_FOUND,
            contradicting=contradicting,
            conflict_sentences=CONFLICTS,
        )

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>")
    def person(shop_id: int, person_id: int) -> str:
        with transaction(deps.engine) as connection:
            known = people.read(connection, shop(), person_id)
        if known is None:
            abort(404)
        return _page(known, asking().eyes)

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/reveal")
    def reveal(shop_id: int, person_id: int) -> str:
        """The page without masks, this once. Asking for it again is noted again."""
        forms.posted(_Nothing())
        with transaction(deps.engine) as connection:
            known = people.read(connection, shop(), person_id)
            if known is None:
                abort(404)
            audit.record(
                connection,
                shop_id=shop_id,
                actor=asking().visitor.actor,
                act="person.reveal",
                object_kind="person",
                object_id=person_id,
                now=deps.clock.now(),
            )
        return _page(known, shown.Eyes(True))

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/merge")
    def merge(shop_id: int, person_id: int) -> Response:
        """The two of a conflict are one: this person stays."""
        conflict_id = forms.posted(_Conflict())["conflict"]
        with deps.open(shop()) as scope:
            try:
                kept = merging.merge_conflicting(scope, conflict_id, person_id)
            except LookupError:
                abort(404)
            _note(scope, "person.merge", kept, conflict_id)
        return redirect(url_for("admin.person", shop_id=shop_id, person_id=kept, note="merged"), 303)

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/keep-apart")
    def keep_apart(shop_id: int, person_id: int) -> Response:
        """The two of a conflict are different people, and it is not asked again."""
        conflict_id = forms.posted(_Conflict())["conflict"]
        with deps.open(shop()) as scope:
            open_ones = conflicts.conflicts(scope.connection, shop_id, of=[person_id])
            if conflict_id not in {one.id for one in open_ones}:
                abort(404)
            merging.keep_apart(scope, [conflict_id])
            _note(scope, "person.keep_apart", person_id, conflict_id)
        return redirect(url_for("admin.person", shop_id=shop_id, person_id=person_id, note="kept_apart"), 303)


def _note(scope: Scope, act: str, person_id: int, conflict_id: int) -> None:
    audit.note(
        scope,
        actor=asking().visitor.actor,
        act=act,
        object_kind="person",
        object_id=person_id,
        detail={"conflict": conflict_id},
    )


def _page(known: people.Person, eyes: shown.Eyes) -> str:
    return render_template("admin/person.html", known=known, eyes=eyes, conflict_sentences=CONFLICTS)
