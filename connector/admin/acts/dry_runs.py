"""Trying a draft on one real person: what would happen to them, step by step. Nothing is written, nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from marshmallow import Schema, fields, validate
from sqlalchemy.exc import DBAPIError

from connector.admin import dry_runs, people
from connector.admin.access import Visitor
from connector.admin.acts.act import Given, View
from connector.admin.acts.drafts import seen_of
from connector.admin.dry_runs import Told
from connector.admin.shown import Eyes
from connector.db.session import reading
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.logging import get
from connector.scope import Scope
from connector.shops import Shop
from flows.content.source import parse
from flows.core.problems import DefinitionError
from flows.core.vocabulary import event_named
from flows.engine import flow_drafts, trying
from flows.engine.book import Published
from flows.engine.flow_drafts import FlowDraft

log = get(__name__)

MOST_FACTS = 8_000
"""Bytes of JSON: they also travel in the address of each message's frame."""
_FURTHEST = timedelta(days=366)
# As JSON has the one character that PostgreSQL cannot look for.
_NUL = b"\\u0000"


class Asked(Schema):
    """Whom it is tried on, and what happens."""

    person = fields.Integer(required=True, validate=validate.Range(min=1, max=2**62))
    event = fields.String(
        load_default="",
        validate=validate.Length(max=100),
        metadata={"description": "What happens; without it what starts the flow"},
    )
    facts = fields.Dict(
        keys=fields.String(validate=validate.Length(max=100)),
        load_default=None,
        allow_none=True,
        metadata={
            "description": "What the event carries; without it what it last carried for this person, else an example"
        },
    )
    at = fields.AwareDateTime(
        load_default=None,
        allow_none=True,
        metadata={"description": "When it happens: now, or within a year from now"},
    )


@dataclass(frozen=True)
class DryRun:
    """``event``, ``at``: as they were taken; ``seen``: of the draft that was tried."""

    told: Told
    event: str
    at: datetime
    seen: str


def run(deps: Deps, shop: Shop, eyes: Eyes, flow: str, given: Given) -> DryRun:
    """``given``: as Asked has it. Raises InvalidInput for a draft that cannot be read and for facts that fit nothing,
    LookupError when there is no such draft or person."""
    now = deps.clock.now()
    at = given["at"] or now
    if given["at"] is not None and not now - timedelta(minutes=1) <= at <= now + _FURTHEST:
        raise InvalidInput("Choose a moment from now to a year from now.")
    return replay(deps, shop, eyes, flow, {**given, "at": at})


def replay(deps: Deps, shop: Shop, eyes: Eyes, flow: str, given: Given) -> DryRun:
    """The same of a moment that was agreed to before. Raises as ``run`` does."""
    facts, at = _checked(given["facts"]), given["at"]
    with reading(deps.engine) as connection:
        scope = Scope(connection, shop, at, deps.clock.machine(), deps.settings)
        draft = flow_drafts.load(connection, shop.id, flow)
        if not people.is_there(connection, shop.id, given["person"]):
            raise LookupError(f"There is no person {given['person']}.")
        published = compiled(scope, draft)
        event = given["event"] or published.flow.trigger.on
        if event_named(event) is None:
            raise InvalidInput(f"There is no event “{event}”: choose one of the list.")
        try:
            supposed = trying.suppose(scope, published.flow, given["person"], event, facts)
            trial = trying.play(scope, published, given["person"], supposed)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, DBAPIError) as error:
            if facts is None:
                raise
            # Whatever somebody may write there is read as what the store tells.
            log.warning("dry_run_refused", error=type(error).__name__)
            raise InvalidInput(
                "The facts do not fit the event: each has to be of the kind that the example has, numbers as numbers"
                " and lists as lists."
            ) from error
    return DryRun(dry_runs.told(trial, shop.timezone, eyes), event, at, seen_of(draft))


def compiled(scope: Scope, draft: FlowDraft) -> Published:
    """The draft as it would be published next. Raises InvalidInput."""
    try:
        folder = flow_drafts.compiled(draft)
    except DefinitionError as error:
        raise InvalidInput(f"The draft cannot be tried before it can be read. {error.problems[0]}") from None
    version = flow_drafts.current_version(scope.connection, scope.shop_id, draft.flow) + 1
    sources = {name: parse(f"{draft.flow}/{name}", text) for name, text in folder.texts.items()}
    return Published(replace(folder.flow, version=version), sources)


def _checked(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if facts is None:
        return None
    try:
        written = orjson.dumps(facts)
    except (TypeError, ValueError) as error:
        raise InvalidInput("The facts hold something that is no text, number, list or group of these.") from error
    if _NUL in written:
        raise InvalidInput("A text among the facts has a character that cannot be kept.")
    if len(written) > MOST_FACTS:
        raise InvalidInput(f"The facts are longer than {MOST_FACTS} bytes: leave out what the flow does not need.")
    found: dict[str, Any] = orjson.loads(written)
    return found


def _try(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    done = run(deps, shop, Eyes(visitor.sees_addresses), given["flow"], given)
    return {**asdict(done.told), "seen": done.seen}


VIEWS = (
    View(
        "try_draft",
        "drafts/<flow>/dry-run",
        "What would happen to one person if the draft were active and an event happened: whether they enter, each"
        " step with its time and answer, each message. Nothing is written and nothing is sent.",
        _try,
        Asked(),
        by_body=True,
    ),
)
