"""Finding people, and one person: all that is known of them, what happened, why they are in a flow or are not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.admin import accounts, consent_words, flow_words, forms, people, people_search, reasons, shown, timeline
from connector.admin.acts import people as acts
from connector.admin.acts.act import Paged
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from flows.core.wants import shown as shown_fact
from flows.engine.explaining.explanation import Explanation
from sync import conflicts
from sync.privacy import bundle, exports

CONFLICTS: Mapping[str, str] = {
    "phone": "both have this telephone number",
    "email": "both customer records have this address",
    "typed": "a customer gave this address, which is somebody else's, at a checkout",
    "customer": "the store merged customer records that were theirs",
}
"""Kind of a conflict -> what contradicts (connector.models.identity)."""

_CONFLICTS = 50
_MOST_LIVE = 5
"""Flows of which it is told at once what is still to come."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/people", endpoint="people")
    def search(shop_id: int) -> str:
        asked = forms.asked(acts.Searched())
        wanted = asked["q"]
        with transaction(deps.engine) as connection:
            if wanted:
                found, page, contradicting = people.search(connection, shop(), wanted), None, []
            else:
                page = people.newest(connection, shop(), asked["after"])
                found = list(page.rows)
                contradicting = conflicts.conflicts(connection, shop_id, most=_CONFLICTS)
        return render_template(
            "admin/people.html",
            wanted=wanted,
            found=found,
            page=page,
            first=asked["after"],
            most=people_search.MOST_FOUND,
            contradicting=contradicting,
            conflict_sentences=CONFLICTS,
        )

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>")
    def person(shop_id: int, person_id: int) -> str:
        return _page(deps, person_id, asking().eyes)

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/reveal")
    def reveal(shop_id: int, person_id: int) -> str:
        """The page without masks, this once. Asking for it again is noted again."""
        _do(deps, acts.REVEAL, person_id)
        return _page(deps, person_id, shown.Eyes(True))

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/merge")
    def merge(shop_id: int, person_id: int) -> AnyResponse:
        """The two of a conflict are one: this person stays."""
        return _back(_do(deps, acts.MERGE, person_id)["id"], "merged")

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/keep-apart")
    def keep_apart(shop_id: int, person_id: int) -> AnyResponse:
        """The two of a conflict are different people, and it is not asked again."""
        _do(deps, acts.KEEP_APART, person_id)
        return _back(person_id, "kept_apart")

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/suppress")
    def suppress_person(shop_id: int, person_id: int) -> AnyResponse:
        _do(deps, acts.SUPPRESS, person_id)
        return _back(person_id, "left_in_peace")

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/lift")
    def lift_suppression(shop_id: int, person_id: int) -> AnyResponse:
        _do(deps, acts.LIFT, person_id)
        return _back(person_id, "lifted")

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/export")
    def export_person(shop_id: int, person_id: int) -> AnyResponse:
        _do(deps, acts.EXPORT, person_id)
        return _back(person_id, "export_asked")

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>/export")
    def person_export(shop_id: int, person_id: int) -> str:
        """The part of the page that is asked for again and again while their data are put together."""
        found = acts.export_of(deps, shop(), person_id)
        return render_template("admin/_person_export.html", export=found, person_id=person_id)

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/export/download")
    def download_export(shop_id: int, person_id: int) -> Response:
        """Everything that is stored of them, as a file with JSON and a CSV of each table."""
        made = _do(deps, acts.DOWNLOAD, person_id)
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in bundle.files(dict(made)).items():
                archive.writestr(name, content)
        answer = Response(written.getvalue(), content_type="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="person-{person_id}.zip"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.post("/shops/<int:shop_id>/people/<int:person_id>/erase")
    def erase_person(shop_id: int, person_id: int) -> AnyResponse:
        _do(deps, acts.ERASE, person_id)
        return _back(person_id, "erasing")

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>/timeline")
    def person_timeline(shop_id: int, person_id: int) -> str:
        asked = forms.asked(acts.Told())
        with transaction(deps.engine) as connection:
            known = _named(connection, person_id)
            page = timeline.read(connection, shop_id, person_id, asked["after"], asked["kind"], staff=_sees_staff())
            names = _staff(connection)
        return render_template(
            "admin/person_timeline.html",
            person=known,
            page=page,
            names=names,
            kind=asked["kind"],
            kinds={name: said for name, said in timeline.KINDS.items() if name != timeline.STAFF or _sees_staff()},
            first=asked["after"],
        )

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>/orders")
    def person_orders(shop_id: int, person_id: int) -> str:
        after = forms.asked(Paged())["after"]
        with transaction(deps.engine) as connection:
            known = _named(connection, person_id)
            page = people.orders_of(connection, shop(), person_id, after)
        return render_template("admin/person_orders.html", person=known, page=page, first=after)

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>/flows")
    def person_flows(shop_id: int, person_id: int) -> str:
        """Where they stand: the flows that they are in, with what is to come, and those that they are not in."""
        with transaction(deps.engine) as connection:
            known = _named(connection, person_id)
            stays = people.stays(connection, shop(), person_id)
            every = people.flows_of_shop(connection, shop())
        inside = list(dict.fromkeys(one.flow for one in stays if one.live))[:_MOST_LIVE]
        told = [] if known["gone"] else [_explained(deps, person_id, flow) for flow in inside]
        return render_template(
            "admin/person_flows.html", person=known, stays=stays, every=every, told=told, **_words(known)
        )

    @routes.get("/shops/<int:shop_id>/people/<int:person_id>/flows/<flow>")
    def person_flow(shop_id: int, person_id: int, flow: str) -> str:
        """Why they are in this flow or are not, rule by rule and check by check."""
        with transaction(deps.engine) as connection:
            known = _named(connection, person_id)
            decided = timeline.decided(connection, shop_id, person_id, flow)
        told = _explained(deps, person_id, flow)
        return render_template("admin/person_flow.html", person=known, told=told, decided=decided, **_words(known))


def _saying(told: Explanation) -> Callable[[str], str]:
    """How sentences of this explanation are said: its fields and events as people call them."""
    fields = {leaf.field for rule in told.rules for leaf in rule.leaves}
    waits = {one.removeprefix(_AWAITED) for run in told.inside for one in run.waits_for if one.startswith(_AWAITED)}
    return partial(flow_words.clause, fields=fields, events={told.trigger, *waits})


_AWAITED = "the event "


def _do(deps: Deps, act: Any, person_id: int) -> Mapping[str, Any]:
    given = {"person_id": person_id, **forms.posted(act.fields)}
    try:
        done: Mapping[str, Any] = act.do(deps, shop(), asking().visitor, given)
    except LookupError:
        abort(404)
    return done


def _back(person_id: int, note: str) -> AnyResponse:
    return redirect(url_for("admin.person", shop_id=shop().id, person_id=person_id, note=note), 303)


def _named(connection: Any, person_id: int) -> Mapping[str, Any]:
    known = people.names_of(connection, shop(), person_id)
    if known is None:
        abort(404)
    return {"id": person_id, **known}


def _sees_staff() -> bool:
    """Whether the visitor sees what staff did: as in the audit log."""
    return asking().visitor.may_ask("admin.audit")


def _staff(connection: Any) -> dict[str, str]:
    return accounts.names(connection) if _sees_staff() else {}


def _explained(deps: Deps, person_id: int, flow: str) -> Any:
    try:
        return acts.explained(deps, shop(), person_id, flow)
    except LookupError:
        abort(404)


def _words(known: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates of explanations say codes with."""
    return {
        "words": flow_words,
        "reasons": reasons,
        "fact": shown_fact,
        "saying": _saying,
        "names": (known["first_name"], known["last_name"]),
    }


def _page(deps: Deps, person_id: int, eyes: shown.Eyes) -> str:
    with transaction(deps.engine) as connection:
        known = people.read(connection, shop(), person_id, staff=_sees_staff())
        if known is None:
            abort(404)
        names = _staff(connection)
        export = None
        if asking().visitor.may_ask("admin.person_export"):
            export = exports.of_person(connection, shop().id, person_id, deps.clock.machine())
    return render_template(
        "admin/person.html",
        export=export,
        person_id=person_id,
        known=known,
        eyes=eyes,
        names=names,
        conflict_sentences=CONFLICTS,
        reasons=reasons,
        words=flow_words,
        agreed=consent_words,
        whys=acts.WHYS,
        channels=acts.CHANNEL_NAMES,
        liftable=people.LIFTABLE,
        typed=acts.typed_for(person_id),
        kinds=timeline.KINDS,
    )
