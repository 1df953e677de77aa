"""Trying a draft on one real person: whom, with what, and what would happen. Nothing is written, nothing is sent.

What an email would look like is asked for by a frame, whose address carries the whole question, sealed: nothing of it
is kept anywhere, and it is played once more.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import compress, decompress
from zoneinfo import ZoneInfo

import orjson
from flask import Blueprint, Response, abort, render_template
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from connector.admin import dry_runs, flow_words, forms, people, people_search, shown_messages
from connector.admin.acts import dry_runs as acts
from connector.admin.acts.dry_runs import DryRun
from connector.admin.frame import asking, shop
from connector.admin.people_search import Found
from connector.db.session import reading
from connector.deps import Deps
from connector.errors import ConfigurationError, InvalidInput
from connector.scope import Scope
from flows.core.model import FlowVersion
from flows.core.problems import DefinitionError
from flows.core.vocabulary import EVENTS, event_named
from flows.definition_files import parse, to_text
from flows.engine import flow_drafts, trying

_SEALED = "dry_run"
_ID = validate.Range(min=1, max=2**62)
LAST, EXAMPLE = "last", "facts"
"""What the event carries: what it last carried for this person, or what stands in the field."""


class _Choosing(Schema):
    """``q``: whatever finds people; ``person``: the one who was chosen; ``event``: what is to happen."""

    q = fields.String(load_default="", validate=validate.Length(max=200))
    person = fields.Integer(load_default=None, validate=_ID)
    event = fields.String(load_default="", validate=validate.Length(max=100))


class _Form(Schema):
    person = fields.Integer(required=True, validate=_ID)
    event = fields.String(load_default="", validate=validate.Length(max=100))
    how = fields.String(load_default=EXAMPLE, validate=validate.OneOf((LAST, EXAMPLE)))
    # YAML: a name and a value on each line.
    facts = fields.String(load_default="", validate=validate.Length(max=2 * acts.MOST_FACTS))
    # In the shop's zone; without it now.
    at = fields.NaiveDateTime(load_default=None)


class _Look(Schema):
    trial = fields.String(load_default="", validate=validate.Length(max=20_000))
    n = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1000))


@dataclass(frozen=True)
class _Choice:
    """What the form begins with. ``last``: when the event last happened to them; ``facts``: an example, as text."""

    event: str
    last: datetime | None
    facts: str


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/drafts/<flow>/dry-run")
    def dry_run(shop_id: int, flow: str) -> str:
        asked = forms.asked(_Choosing())
        found: Sequence[Found] | None = None
        if asked["q"]:
            with reading(deps.engine) as connection:
                found = people_search.search(connection, shop(), asked["q"])
            if len(found) == 1:
                asked["person"], found = found[0].id, None
        return _page(deps, flow, asked["person"], asked["event"], q=asked["q"], found=found)

    @routes.post("/shops/<int:shop_id>/drafts/<flow>/dry-run")
    def try_draft(shop_id: int, flow: str) -> str | tuple[str, int]:
        given = forms.posted(_Form())
        try:
            asked = _asked(given)
            done = acts.run(deps, shop(), asking().eyes, flow, asked)
        except InvalidInput as error:
            return _page(deps, flow, given["person"], given["event"], given=given, problem=str(error)), 422
        trial = _seal(deps, flow, {**asked, "at": done.at.isoformat(), "seen": done.seen})
        return _page(deps, flow, given["person"], given["event"], given=given, done=done, trial=trial)

    @routes.get("/shops/<int:shop_id>/drafts/<flow>/dry-run/look")
    def dry_run_look(shop_id: int, flow: str) -> Response:
        """One email of a dry run alone, for the frame of the page above."""
        asked = forms.asked(_Look())
        if not asked["trial"]:
            with reading(deps.engine) as connection:
                flow_drafts.load(connection, shop_id, flow)
            return shown_messages.framed("<!doctype html><title>Empty</title>")
        question = _opened(deps, flow, asked["trial"])
        question["at"] = datetime.fromisoformat(question["at"])
        done = acts.replay(deps, shop(), asking().eyes, flow, question)
        if done.seen != question["seen"]:
            raise InvalidInput("The draft was changed meanwhile: play it once more.")
        mails = [line.mail for line in done.told.lines if line.mail]
        if asked["n"] >= len(mails) or not mails[asked["n"]].html:
            abort(404)
        return shown_messages.framed(mails[asked["n"]].html)


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the form asks for, as ``acts.Asked`` has it. Raises InvalidInput."""
    at = given["at"]
    return {
        "person": given["person"],
        "event": given["event"],
        "facts": None if given["how"] == LAST else _facts(given["facts"]),
        "at": at.replace(tzinfo=ZoneInfo(shop().timezone)) if at else None,
    }


def _facts(text: str) -> dict[str, Any]:
    try:
        data, _ = parse(text.replace("\r\n", "\n"), "facts")
    except DefinitionError as error:
        raise InvalidInput("The facts cannot be read. " + " ".join(map(str, error.problems))) from None
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise InvalidInput("Write a name and a value on each line of the facts, for example total: '49.00'.")
    return data


def _seal(deps: Deps, flow: str, question: Mapping[str, Any]) -> str:
    said = b64encode(compress(orjson.dumps([flow, question], default=str))).decode()
    return deps.secrets.encrypt(shop().id, _SEALED, said)


def _opened(deps: Deps, flow: str, trial: str) -> dict[str, Any]:
    try:
        named, question = orjson.loads(decompress(b64decode(deps.secrets.decrypt(shop().id, _SEALED, trial))))
    except ConfigurationError:
        abort(404)
    if named != flow:
        abort(404)
    found: dict[str, Any] = question
    return found


def _page(
    deps: Deps,
    flow: str,
    person_id: int | None,
    event: str,
    *,
    q: str = "",
    found: Sequence[Found] | None = None,
    given: Mapping[str, Any] | None = None,
    problem: str = "",
    done: DryRun | None = None,
    trial: str = "",
) -> str:
    """``found``: those of whom one is to be chosen. ``given``: the form as it was sent, with what came of it."""
    version: FlowVersion | None = None
    choice: _Choice | None = None
    with reading(deps.engine) as connection:
        scope = Scope(connection, shop(), deps.clock.now(), deps.clock.machine(), deps.settings)
        draft = flow_drafts.load(connection, shop().id, flow)
        person = _person(connection, person_id) if person_id is not None else None
        try:
            version = acts.compiled(scope, draft).flow
        except InvalidInput as error:
            problem = problem or str(error)
        if version is not None and person_id is not None:
            choice = _choice(scope, version, person_id, event)
    return render_template(
        "admin/dry_run.html", draft=draft, q=q, found=found, person_id=person_id, person=person, choice=choice,
        version=version, given=given or {}, problem=problem, told=done.told if done else None, trial=trial,
        words=flow_words, verdicts=dry_runs.VERDICTS, events=_events(version), last=LAST, example=EXAMPLE,
        most=people_search.MOST_FOUND,
    )  # fmt: skip


def _person(connection: Connection, person_id: int) -> Mapping[str, Any]:
    known = people.names_of(connection, shop(), person_id)
    if known is None:
        raise LookupError(f"There is no person {person_id}.")
    return known


def _choice(scope: Scope, version: FlowVersion, person_id: int, event: str) -> _Choice:
    name = event if event and event_named(event) is not None else version.trigger.on
    before = trying.last(scope, person_id, name)
    made_up = trying.made_up(version, name, scope.now)
    return _Choice(name, before.occurred_at if before else None, to_text(made_up) if made_up else "")


def _events(version: FlowVersion | None) -> list[tuple[str, str]]:
    """What may happen: what starts the flow, then all others by name."""
    if version is None:
        return []
    mine = version.trigger.on
    others = sorted((flow_words.event(name), name) for name in EVENTS if name != mine)
    return [(mine, f"{flow_words.event(mine)} (starts the flow)"), *((name, label) for label, name in others)]
