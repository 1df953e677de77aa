"""Looking at a message of a flow before anybody gets it: for whom, in which language, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import forms
from connector.admin.frame import asking
from connector.admin.pages.syncs import one_person
from connector.deps import Deps
from connector.errors import InvalidInput
from flows.content import preview

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
