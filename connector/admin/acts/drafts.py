"""Flows that are being written: begun, uploaded, edited, tried and discarded. Publishing is ``publishing``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin import revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Nothing, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput
from connector.scope import Scope
from connector.shops import Shop
from flows import bundles
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource, parse
from flows.core.entries import NAME_FORM
from flows.definition_files import FLOW_FILE
from flows.engine import flow_drafts
from flows.engine.flow_drafts import Files, FlowDraft
from flows.engine.sample import recipient, send_sample
from flows.engine.sample_facts import NoSample

KIND = "flow_draft"
"""What the audit log calls them."""
TESTED = "flow_draft.test"
MOST_TESTS = 50
"""Of one draft in a day: whoever wants more has a flow for it."""
BLANK = """---
subject: What it is about
preview: What is read beside the subject
purpose: marketing
deadline: 2d
---
<p>Hello {{ person.first_name | default: "there" }},</p>
"""
"""A message to begin with."""
NONE_YET = """flow: {flow}
name: {flow}
trigger: {{on: newsletter_subscribed}}
steps:
  - email: hello
"""
_PATH = validate.Length(max=200)
_TEXT = validate.Length(max=bundles.LARGEST)


class Beginning(Schema):
    """``template``: of the library; ``copy``: a flow of the shop; neither: one message to begin with."""

    template = fields.String(load_default="", validate=_PATH)
    copy = fields.String(load_default="", validate=_PATH)
    # What it is to be called; without it as its template.
    flow = fields.String(
        load_default="", validate=validate.Regexp(NAME_FORM, error="Use small letters, digits and dashes.")
    )
    name = fields.String(load_default="", validate=validate.Length(max=120))


class Upload(Schema):
    files = fields.Dict(
        keys=fields.String(validate=_PATH),
        values=fields.String(validate=_TEXT),
        required=True,
        validate=validate.Length(max=bundles.MOST),
        metadata={"description": "The text of flow.yaml and of each messages/NAME.liquid, by path."},
    )
    # Without it as the file says.
    flow = fields.String(load_default="", validate=_PATH)


class Seen(Schema):
    seen = fields.String(required=True, validate=validate.Length(max=64))


class Edit(Seen):
    file = fields.String(load_default=FLOW_FILE, validate=_PATH)
    text = fields.String(load_default="", validate=_TEXT)


class NewMessage(Seen):
    message = fields.String(required=True, validate=_PATH)


class NoMessage(Seen):
    file = fields.String(required=True, validate=_PATH)


class Trial(Schema):
    message = fields.String(required=True, validate=_PATH)
    to = fields.String(required=True, validate=validate.Length(max=320))
    # Whose facts to fill in; without it, invented ones.
    person_id = fields.Integer(load_default=None, strict=False, validate=validate.Range(1, 2**62))


def locked(scope: Scope, flow: str) -> FlowDraft:
    """The draft, for whoever changes it. Raises Outdated when somebody published or discarded it meanwhile, LookupError
    when there is no such flow either."""
    try:
        return flow_drafts.load(scope.connection, scope.shop_id, flow, lock=True)
    except LookupError:
        if not flow_drafts.current_version(scope.connection, scope.shop_id, flow):
            raise
        raise revision.Outdated(
            "Somebody has published or discarded this draft since you opened it, so nothing was done. Open the flow and"
            " press Edit to begin anew."
        ) from None


def seen_of(draft: FlowDraft) -> str:
    """What stands for the draft as it was shown."""
    return revision.of(dict(draft.files))


def _begin(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        if given["template"]:
            source = given["template"]
            files = flow_drafts.from_template(source)
        elif given["copy"]:
            source = given["copy"]
            files = _current(scope, source)
        else:
            source = ""
            if not given["flow"]:
                raise InvalidInput("Give the new flow a name in small letters, digits and dashes, such as spring-sale.")
            files = {FLOW_FILE: NONE_YET.format(flow=given["flow"]), bundles.message_file("hello"): BLANK}
        flow = given["flow"] or source
        if given["copy"] and flow == source:
            raise InvalidInput(f"Give the copy of {source} a name of its own.")
        if not (given["copy"] or given["template"]) or flow != source or given["name"]:
            files = flow_drafts.renamed(files, flow, given["name"])
        if given["flow"] or not given["copy"]:
            _refuse_published(scope, flow)
        flow_drafts.keep(scope, flow, files, by=visitor.actor)
        _note(scope, visitor, "begin", flow, template=given["template"] or None, copy=given["copy"] or None)
    return {"flow": flow}


def _refuse_published(scope: Scope, flow: str) -> None:
    if flow_drafts.current_version(scope.connection, scope.shop_id, flow):
        raise InvalidInput(
            f"The shop has a flow {flow} already: open that one and edit it, or give the new one another name."
        )


def _edit(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """The draft of a flow, begun with its current version unless there is one."""
    flow = given["flow"]
    with deps.open(shop) as scope:
        try:
            flow_drafts.load(scope.connection, shop.id, flow)
        except LookupError:
            flow_drafts.keep(scope, flow, _current(scope, flow), by=visitor.actor)
            _note(scope, visitor, "begin", flow)
    return {"flow": flow}


def _current(scope: Scope, flow: str) -> dict[str, str]:
    """Raises LookupError when it was never published."""
    version = flow_drafts.current_version(scope.connection, scope.shop_id, flow)
    if not version:
        raise LookupError(f"There is no flow {flow} here.")
    return flow_drafts.from_version(scope.connection, scope.shop_id, flow, version)


def _upload(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    files = bundles.checked(given["files"])
    flow = given["flow"] or flow_drafts.name_in(files)
    if not flow:
        raise InvalidInput(f"{FLOW_FILE} does not say what the flow is called: add a line such as flow: spring-sale.")
    with deps.open(shop) as scope:
        flow_drafts.keep(scope, flow, files, by=visitor.actor)
        _note(scope, visitor, "upload", flow, files=len(files))
    return {"flow": flow}


def _save(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    def put(files: dict[str, str]) -> None:
        _there(files, given["file"])
        files[given["file"]] = given["text"].replace("\r\n", "\n").strip("\n") + "\n"

    return _change(deps, shop, visitor, given, "save", put, file=given["file"])


def _add(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    file = bundles.message_file(given["message"])

    def put(files: dict[str, str]) -> None:
        if file in files:
            raise InvalidInput(f"There is a message {given['message']} already: give this one another name.")
        files[file] = BLANK

    return {**_change(deps, shop, visitor, given, "add", put, file=file), "file": file}


def _remove(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    def put(files: dict[str, str]) -> None:
        _there(files, given["file"])
        if given["file"] == FLOW_FILE:
            raise InvalidInput("A flow is nothing without its file: discard the whole draft instead.")
        del files[given["file"]]

    return _change(deps, shop, visitor, given, "remove", put, file=given["file"])


def _there(files: Files, file: str) -> None:
    if file not in files:
        raise LookupError(f"There is no file {file} in the draft.")


def _change(
    deps: Deps,
    shop: Shop,
    visitor: Visitor,
    given: Given,
    act: str,
    put: Callable[[dict[str, str]], None],
    **detail: Any,
) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        draft = locked(scope, given["flow"])
        revision.check(dict(draft.files), given["seen"])
        files = dict(draft.files)
        put(files)
        flow_drafts.save(scope, draft, files, by=visitor.actor)
        _note(scope, visitor, act, draft.flow, **detail)
        return {"flow": draft.flow, "seen": revision.of(bundles.checked(files))}


def _drop(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        draft = locked(scope, given["flow"])
        revision.check(dict(draft.files), given["seen"])
        flow_drafts.drop(scope, draft.flow)
        _note(scope, visitor, "discard", draft.flow)
    return {"flow": draft.flow}


def sources_of(draft: FlowDraft) -> dict[str, MessageSource]:
    """The messages of the draft, by name. Raises InvalidInput for the first that cannot be read."""
    try:
        return {
            name: parse(bundles.message_file(name), text) for name, text in bundles.messages_in(draft.files).items()
        }
    except ContentProblem as problem:
        raise InvalidInput(str(problem)) from None


def _test(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    flow, message = given["flow"], given["message"]
    with transaction(deps.engine) as connection:
        draft = flow_drafts.load(connection, shop.id, flow)
        newest = [line for line in audit.lines_about(connection, shop.id, KIND, flow, limit=200) if line.act == TESTED]
    if not shop.active:
        raise InvalidInput("Connect Brevo first: without it nothing can be sent.")
    if sum((deps.clock.now() - line.at).days < 1 for line in newest) >= MOST_TESTS:
        raise InvalidInput(f"{MOST_TESTS} tests of {flow} were sent in a day. Go on tomorrow.")
    written = sources_of(draft)
    if message not in written:
        raise LookupError(f"There is no message {message} in the draft.")
    channel = written[message].channel
    try:
        to = recipient(channel, given["to"].strip())
        sent = send_sample(
            deps, shop, channel=channel, flow=flow, message=message, to=to, person_id=given["person_id"],
            written=written,
        )  # fmt: skip
    except (NoSample, ContentProblem) as error:
        raise InvalidInput(f"The test was not sent. {error}") from error
    except InvalidInput:
        raise
    except ConnectorError as error:
        raise InvalidInput(f"The test was not sent: {error}") from error
    with deps.open(shop) as scope:
        _note(scope, visitor, "test", flow, message=message)
    return {"flow": flow, "message": message, "message_id": sent.message_id}


def _note(scope: Scope, visitor: Visitor, act: str, flow: str, **detail: Any) -> None:
    known = {name: value for name, value in detail.items() if value is not None}
    audit.note(scope, actor=visitor.actor, act=f"{KIND}.{act}", object_kind=KIND, object_id=flow, detail=known)


def _all(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        found = flow_drafts.drafts_of(connection, shop.id)
    rows = [{"flow": one.flow, "base_version": one.base_version, "saved_at": one.saved_at} for one in found]
    return {"rows": rows, "next": None}


def _one(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        draft = flow_drafts.load(scope.connection, shop.id, given["flow"])
        said = flow_drafts.findings(scope, draft).said
    return {
        "flow": draft.flow, "base_version": draft.base_version, "saved_at": draft.saved_at, "files": dict(draft.files),
        "findings": [one.to_json() for one in said], "seen": seen_of(draft),
    }  # fmt: skip


BEGIN = Act(
    "begin_draft", "drafts", "Begin a flow: from a template, as a copy, or with one message.", _begin, Beginning()
)
EDIT = Act("edit_flow", "flows/<flow>/edit", "Begin the next version of a flow, or go on with it.", _edit, Nothing())
UPLOAD = Act("upload_draft", "uploads", "Begin a flow with files; what is wrong with them is said.", _upload, Upload())
SAVE = Act("save_draft", "drafts/<flow>", "Replace one file of a draft.", _save, Edit())
ADD = Act("add_draft_file", "drafts/<flow>/messages", "Add a message to a draft.", _add, NewMessage())
REMOVE = Act(
    "remove_draft_file", "drafts/<flow>/messages/remove", "Take a message out of a draft.", _remove, NoMessage()
)
DROP = Act("drop_draft", "drafts/<flow>/discard", "Forget a draft. What is published stays as it is.", _drop, Seen())
TEST = Act("test_draft", "drafts/<flow>/test", "Send a message of a draft to oneself.", _test, Trial())
ACTS = (BEGIN, EDIT, UPLOAD, SAVE, ADD, REMOVE, DROP, TEST)
VIEWS = (
    View("drafts", "drafts", "The flows that are being written.", _all),
    View("draft", "drafts/<flow>", "A draft: its files, and what there is to say of them.", _one),
)
