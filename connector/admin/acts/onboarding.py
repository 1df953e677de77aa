"""What a merchant does on the way to the first message: put the first flows in, try a message, activate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin import onboarding
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Nothing, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput
from connector.install import starting
from connector.shops import Shop
from flows.engine import lifecycle
from flows.engine.sample import send_sample

MOST_TESTS = 20
"""Test messages of one day and shop: whoever wants more has a flow for it."""


class Trial(Schema):
    message = fields.String(required=True, validate=validate.Length(max=200))
    to = fields.Email(required=True, error_messages={"invalid": "This is no email address."})


class Activation(Schema):
    flow = fields.String(required=True, validate=validate.OneOf(starting.in_order()))


def _begin(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        return {"drafts": starting.put_in(scope, by=visitor.actor)}


def _test(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    if not shop.active:
        raise InvalidInput("Connect Brevo first: without it nothing can be sent.")
    with transaction(deps.engine) as connection:
        known = {one.key: one for one in onboarding.way(connection, shop).messages}
        newest = audit.lines_about(connection, shop.id, onboarding.OBJECT, "test", limit=MOST_TESTS)
    wanted = known.get(given["message"])
    if wanted is None:
        raise InvalidInput("There is no such message among the first flows: choose one of the list.")
    now = deps.clock.now()
    if len(newest) == MOST_TESTS and (now - newest[-1].at).days < 1:
        raise InvalidInput(f"{MOST_TESTS} tests were sent in a day. Go on tomorrow, or activate the flow.")
    try:
        sent = send_sample(
            deps, shop, channel="email", flow=wanted.flow, message=wanted.message, to=given["to"].strip()
        )
    except InvalidInput:
        raise
    except ConnectorError as error:
        raise InvalidInput(f"The test was not sent: {error}") from error
    with deps.open(shop) as scope:
        detail = {"message": wanted.key}
        audit.note(
            scope, actor=visitor.actor, act=onboarding.TESTED, object_kind=onboarding.OBJECT, object_id="test",
            detail=detail,
        )  # fmt: skip
    return {"message": wanted.key, "message_id": sent.message_id}


def _activate(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        found = {step.key: step for step in onboarding.way(scope.connection, scope.shop).steps}
        for key in ("brevo", "sender"):
            if not found[key].done:
                raise InvalidInput(" ".join(found[key].lacks) or "Connect Brevo first: without it nothing can be sent.")
        lifecycle.resume(scope, given["flow"], by=visitor.actor)
    return {"flow": given["flow"], "status": "active"}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        found = onboarding.way(connection, shop)
    return {
        "finished": found.finished,
        "steps": [
            {"key": step.key, "title": step.title, "state": step.state, "says": step.says, "lacks": list(step.lacks)}
            for step in found.steps
        ],
    }


BEGIN = Act(
    "begin_starters", "onboarding/flows", "Put the flows that a shop begins with in, as drafts.", _begin, Nothing()
)
TEST = Act("test_message", "onboarding/test", "Send an email of the first flows to oneself.", _test, Trial())
ACTIVATE = Act("activate_starter", "onboarding/activate", "Activate one of the first flows.", _activate, Activation())
ACTS = (BEGIN, TEST, ACTIVATE)
VIEWS = (View("onboarding", "onboarding", "How far the shop is on its way to the first message.", _read),)
