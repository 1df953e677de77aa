"""Writing flows: beginning one from the library, a copy or files, editing its files, looking at its messages."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, send_file, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector.admin import (
    accounts,
    differences,
    forms,
    message_looks,
    publication,
    revision,
    template_shelf,
)
from connector.admin.acts import drafts as acts
from connector.admin.acts.act import Act
from connector.admin.frame import asking, shop
from connector.admin.message_looks import Looked
from connector.admin.pages.syncs import one_person
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from flows import bundles
from flows.definition_files import FLOW_FILE
from flows.engine import flow_drafts, lifecycle
from flows.engine.flow_drafts import FlowDraft

_ARCHIVE = b"PK\x03\x04"
_MOST_BYTES = 2_000_000


class _At(Schema):
    file = fields.String(load_default=FLOW_FILE, validate=validate.Length(max=200))


class _Uploaded(Schema):
    """Beside the files: ``text`` of flow.yaml, when it is not uploaded as one."""

    flow = fields.String(load_default="", validate=validate.Length(max=80))
    text = fields.String(load_default="", validate=validate.Length(max=bundles.LARGEST))


class _Copy(Schema):
    """``source``: "template NAME" or "copy NAME"."""

    source = fields.String(required=True, validate=validate.Regexp(r"(template|copy) [a-z0-9-]{1,80}\Z"))
    flow = fields.String(load_default="", validate=validate.Length(max=80))
    name = fields.String(load_default="", validate=validate.Length(max=120))


class _Trial(Schema):
    message = fields.String(required=True, validate=validate.Length(max=200))
    to = fields.String(required=True, validate=validate.Length(max=320))
    who = fields.String(load_default=None, validate=validate.Length(max=200))


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/library")
    def library(shop_id: int) -> str:
        return _library(deps)

    @routes.get("/shops/<int:shop_id>/drafts")
    def drafts(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            found = flow_drafts.drafts_of(connection, shop_id)
            names = accounts.names(connection)
        return render_template("admin/drafts.html", drafts=found, names=names)

    @routes.post("/shops/<int:shop_id>/drafts")
    def begin_draft(shop_id: int) -> Response | tuple[str, int]:
        given = {name: value for name, value in forms.posted(_Copy()).items() if value}
        kind, _, name = given.pop("source").partition(" ")
        try:
            return _opened(_do(deps, acts.BEGIN, given=_checked(acts.BEGIN, {**given, kind: name})), "draft_begun")
        except InvalidInput as error:
            return _library(deps, str(error)), 422

    @routes.post("/shops/<int:shop_id>/uploads")
    def upload_draft(shop_id: int) -> Response | tuple[str, int]:
        given = forms.posted(_Uploaded())
        try:
            bundle = _uploaded(given["text"])
            done = _do(deps, acts.UPLOAD, given=_checked(acts.UPLOAD, {"files": bundle.files, "flow": given["flow"]}))
        except InvalidInput as error:
            return _library(deps, str(error), given["text"] or _yaml_of_request(), given["flow"]), 422
        return _opened(done, "draft_uploaded_in_part" if bundle.left_out else "draft_uploaded")

    @routes.post("/shops/<int:shop_id>/flows/<flow>/edit")
    def edit_flow(shop_id: int, flow: str) -> Response:
        return _opened(_do(deps, acts.EDIT, flow))

    @routes.get("/shops/<int:shop_id>/drafts/<flow>")
    def draft(shop_id: int, flow: str) -> str:
        return _draft(deps, flow, forms.asked(_At())["file"])

    @routes.post("/shops/<int:shop_id>/drafts/<flow>")
    def save_draft(shop_id: int, flow: str) -> Response | tuple[str, int]:
        given = forms.posted(acts.Edit())
        try:
            done = _do(deps, acts.SAVE, flow, given)
        except revision.Outdated as error:
            if is_gone(deps, flow):
                raise
            return _draft(deps, flow, given["file"], given["text"], str(error)), 409
        except InvalidInput as error:
            return _draft(deps, flow, given["file"], given["text"], str(error)), 422
        return _opened(done, "draft_saved", given["file"])

    @routes.post("/shops/<int:shop_id>/drafts/<flow>/messages")
    def add_draft_file(shop_id: int, flow: str) -> Response:
        done = _do(deps, acts.ADD, flow)
        return _opened(done, "draft_saved", done["file"])

    @routes.post("/shops/<int:shop_id>/drafts/<flow>/messages/remove")
    def remove_draft_file(shop_id: int, flow: str) -> Response:
        return _opened(_do(deps, acts.REMOVE, flow), "draft_saved")

    @routes.post("/shops/<int:shop_id>/drafts/<flow>/discard")
    def drop_draft(shop_id: int, flow: str) -> Response:
        _do(deps, acts.DROP, flow)
        return redirect(url_for("admin.drafts", shop_id=shop_id, note="draft_dropped"), 303)

    @routes.get("/shops/<int:shop_id>/drafts/<flow>/download")
    def download_draft(shop_id: int, flow: str) -> Response:
        with transaction(deps.engine) as connection:
            files = flow_drafts.load(connection, shop_id, flow).files
        return archive(flow, files, f"{flow}-draft")

    @routes.get("/shops/<int:shop_id>/drafts/<flow>/messages/<message>")
    def draft_message(shop_id: int, flow: str, message: str) -> str:
        found, looked = _looked(deps, flow, message)
        return render_template(
            "admin/draft_message.html", draft=found, looked=looked, looks=message_looks.LOOKS,
            file=bundles.message_file(message),
        )  # fmt: skip

    @routes.get("/shops/<int:shop_id>/drafts/<flow>/messages/<message>/look")
    def draft_look(shop_id: int, flow: str, message: str) -> Response:
        """The email alone, for the frame of the page above."""
        return message_looks.framed(_looked(deps, flow, message)[1])

    @routes.post("/shops/<int:shop_id>/drafts/<flow>/test")
    def test_draft(shop_id: int, flow: str) -> Response:
        given = forms.posted(_Trial())
        who = given.pop("who")
        person_id = one_person(deps, who) if who is not None else None
        _do(deps, acts.TEST, flow, {**given, "person_id": person_id})
        return redirect(
            url_for("admin.draft_message", shop_id=shop_id, flow=flow, message=given["message"], note="test_sent"), 303
        )


def archive(flow: str, files: Mapping[str, str], name: str) -> Response:
    """These files as a zip to keep."""
    data = BytesIO(bundles.write(flow, files))
    return send_file(data, "application/zip", as_attachment=True, download_name=f"{name}.zip")


def is_gone(deps: Deps, flow: str) -> bool:
    """Whether there is no draft of the flow any more."""
    with transaction(deps.engine) as connection:
        return not flow_drafts.exists(connection, shop().id, flow)


def _do(deps: Deps, act: Act, flow: str | None = None, given: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    if given is None:
        assert act.fields is not None, "it is a form"
        given = forms.posted(act.fields)
    return act.do(deps, shop(), asking().visitor, given if flow is None else {**given, "flow": flow})


def _checked(act: Act, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was put together here, as the act takes it. Raises InvalidInput."""
    assert act.fields is not None, "it has fields"
    return forms.checked(act.fields, given)


def _opened(done: Mapping[str, Any], note: str | None = None, file: str | None = None) -> Response:
    at = None if file == FLOW_FILE else file
    return redirect(url_for("admin.draft", shop_id=shop().id, flow=done["flow"], file=at, note=note), 303)


def _library(deps: Deps, problem: str = "", text: str = "", flow: str = "") -> str:
    with transaction(deps.engine) as connection:
        shelf = template_shelf.shelf(connection, shop())
        mine = lifecycle.flows_of(connection, shop().id, counted=False)
        drafts = flow_drafts.drafts_of(connection, shop().id)
    return render_template(
        "admin/library.html",
        shelf=shelf,
        missing=template_shelf.missing(shelf),
        mine=mine,
        drafts=drafts,
        problem=problem,
        text=text,
        flow=flow,
    )


def _uploaded(text: str) -> bundles.Bundle:
    """What the form brought: a zip, or flow.yaml as a file or as text, with messages beside it. Raises InvalidInput."""
    given = [one for one in (*request.files.getlist("file"), *request.files.getlist("messages")) if one.filename]
    files: dict[str, str] = {FLOW_FILE: text} if text else {}
    left_out: tuple[str, ...] = ()
    for one in given:
        raw, name = one.stream.read(_MOST_BYTES + 1), (one.filename or "").replace("\\", "/").rpartition("/")[2]
        if len(raw) > _MOST_BYTES:
            raise InvalidInput(f"{name} is too large.")
        if raw.startswith(_ARCHIVE):
            bundle = bundles.read(raw)
            files.update(bundle.files)
            left_out += bundle.left_out
        elif name.endswith((".yaml", ".yml")):
            files[FLOW_FILE] = bundles.text_of(raw, name)
        elif name.endswith(".liquid"):
            files[bundles.message_file(name.removesuffix(".liquid"))] = bundles.text_of(raw, name)
        else:
            raise InvalidInput(f"{name} is no file of a flow: choose a zip, a .yaml file, or .liquid files.")
    if not files:
        raise InvalidInput("Choose a file first: the zip of a flow's folder, or its flow.yaml.")
    return bundles.Bundle(bundles.checked(files), left_out)


def _yaml_of_request() -> str:
    """The uploaded flow.yaml, so that a form that is shown again has it."""
    for one in request.files.getlist("file"):
        one.stream.seek(0)
        raw = one.stream.read(bundles.LARGEST)
        if not raw.startswith(_ARCHIVE):
            return raw.decode("utf-8", "replace").replace("\x00", "")
    return ""


def _draft(deps: Deps, flow: str, file: str, mine: str | None = None, problem: str = "") -> str:
    """The page of a draft. ``mine``: the text that was not saved, with why."""
    with deps.open(shop()) as scope:
        found = flow_drafts.load(scope.connection, scope.shop_id, flow)
        if file not in found.files:
            abort(404)
        said = flow_drafts.findings(scope, found).said
        current, status = publication.standing(scope.connection, scope.shop_id, flow)
        names = accounts.names(scope.connection)
    text = found.files[file]
    beside: dict[int, list[Any]] = {}
    for one in said:
        if one.problem.file == file:
            beside.setdefault(one.problem.line, []).append(one)
    return render_template(
        "admin/draft.html", draft=found, file=file, text=text if mine is None else mine, stored=text, said=said,
        beside=beside, seen=acts.seen_of(found), current=current, status=status, names=names, problem=problem,
        overwritten=differences.between({file: text}, {file: _tidy(mine)}) if mine is not None else (),
        message=bundles.message_of(file), label=_label,
    )  # fmt: skip


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").strip("\n") + "\n"


def _label(file: str) -> str:
    message = bundles.message_of(file)
    return "Steps" if message is None else message


def _looked(deps: Deps, flow: str, message: str) -> tuple[FlowDraft, Looked]:
    """A message of the draft as it is asked for."""
    asked = message_looks.asked(deps)
    with deps.open(shop()) as scope:
        found = flow_drafts.load(scope.connection, scope.shop_id, flow)
        names = bundles.messages_in(found.files)
        return found, message_looks.looked(scope, message, names, lambda: acts.sources_of(found), asked)
