"""Looking at a message of a flow before anybody gets it: for whom, in which language, and on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, abort
from marshmallow import Schema, fields, validate

from connector.admin import forms, shown_messages
from connector.admin.frame import asking
from connector.admin.pages.syncs import one_person
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.scope import Scope
from flows.content import preview, variants
from flows.content.problems import ContentProblem
from flows.content.proof import Proof
from flows.content.source import MessageSource
from flows.engine.preview import look_at
from flows.engine.sample_facts import NoSample

LOOKS: Mapping[str, str] = {
    "desk": "On a desk",
    "phone": "On a phone",
    "desk-night": "On a desk at night",
    "phone-night": "On a phone at night",
    "no-pictures": "Without pictures",
    "no-styles": "Without styles",
}
"""Ways of looking at an email -> what they are called."""


class _Looking(Schema):
    """``variant``: of the message, by its whole name. ``who``: whatever finds just one person, whose facts are filled
    in; ``person``: our number of them."""

    look = fields.String(load_default="desk", validate=validate.OneOf(list(LOOKS)))
    variant = fields.String(load_default=None, validate=validate.Length(max=100))
    who = fields.String(load_default=None, validate=validate.Length(max=200))
    person = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))
    locale = fields.String(load_default=None, validate=validate.Regexp(r"[a-z]{2}(-[a-z]{2,4})?\Z"))


@dataclass(frozen=True)
class Looked:
    """A message as somebody would get it. ``source``: as it is written, None when that cannot be read; ``proof`` is
    None when it would not be sent, ``problem`` says why. ``variants``: the names of all of its variants; ``asked``: how
    it is looked at."""

    message: str
    source: MessageSource | None
    proof: Proof | None
    problem: str
    variants: Sequence[str]
    asked: Mapping[str, Any]

    @property
    def told(self) -> list[tuple[str, str]]:
        """What there is to say of it beside itself."""
        return list(preview.told(self.proof)) if self.proof else []


def looked(
    scope: Scope,
    message: str,
    names: Iterable[str],
    read: Callable[[], Mapping[str, MessageSource]],
    asked: Mapping[str, Any],
) -> Looked:
    """This message of a flow, with its variants. ``names``: of all messages of the flow; ``read``: reads them, and may
    raise InvalidInput. Raises LookupError when there is no such message or variant."""
    mine, wanted = sorted(name for name in names if _message_of(name) == message), asked["variant"] or message
    if wanted not in mine:
        raise LookupError(f"There is no message {wanted}.")
    source, proof, problem = None, None, ""
    try:
        written = read()
        source = written[wanted]
        proof = look_at(scope, written, wanted, asked["person"], asked["locale"])
    except (ContentProblem, NoSample, InvalidInput) as error:
        problem = str(error)
    return Looked(message, source, proof, problem, mine, asked)


def framed(one: Looked) -> Response:
    """The email alone, for the frame of its page."""
    if one.proof is None or not one.proof.html:
        abort(404)
    return shown_messages.framed(seen(one.proof.html, one.asked["look"]))


def _message_of(name: str) -> str:
    try:
        return variants.named(name).message
    except ContentProblem:
        return name


def asked(deps: Deps) -> dict[str, Any]:
    """What the address asks for; ``person`` is found by ``who``. Raises InvalidInput, also for whom may not see
    people whole."""
    found = forms.asked(_Looking())
    if found["person"] is None and found["who"] is None:
        return found
    if not asking().visitor.sees_addresses:
        raise InvalidInput("Your role does not see whole addresses: look at the message with invented facts.")
    if found["who"] is not None:
        found["person"] = one_person(deps, found["who"])
    return found


def seen(html: str, look: str) -> str:
    """The email in this one of LOOKS."""
    if look == "no-pictures":
        return preview.unpictured(preview.by_day(html))
    if look == "no-styles":
        return preview.unstyled(html)
    return preview.by_night(html) if look.endswith("night") else preview.by_day(html)
