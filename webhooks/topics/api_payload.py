"""The bodies of the public events API, one schema for each type of event.

The web refuses by them what does not fit, and a worker reads by them what was taken. Unlike the platforms' payloads
they are ours, so a field that is not known is a mistake of the sender's and is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from marshmallow import ValidationError, fields, validate, validates_schema

from flows.core.vocabulary import CUSTOM_NAME
from webhooks.topics import storefront_payload
from webhooks.topics.event_payload import ID, EventPayload, about
from webhooks.topics.payload import identifier, moment

LARGEST_PROPERTIES = 4_096
"""Bytes of JSON."""
DEEPEST = 4
MOST_ANSWERS = 50
MOST_OPTIONS = 50
LONGEST_ANSWER = 1_000

_KEY = validate.Regexp(r"\A[A-Za-z0-9_]{1,64}\Z", error="Use 1 to 64 letters, digits and _")
_NAME = validate.Regexp(rf"\A{CUSTOM_NAME}\Z", error="Use 1 to 64 small letters, digits and _")
_SCALAR = (str, int, float, bool)


class PropertiesField(fields.Dict):
    """Any JSON object of bounded size and depth, its keys usable in paths."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("Not an object.")
        left: list[tuple[Any, int]] = [(value, 1)]
        while left:
            one, depth = left.pop()
            if not isinstance(one, dict | list):
                continue
            if depth > DEEPEST:
                raise ValidationError(f"Nested more than {DEEPEST} deep.")
            if isinstance(one, dict):
                for key in one:
                    _KEY(key)
            left += [(inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one)]
        if len(orjson.dumps(value)) > LARGEST_PROPERTIES:
            raise ValidationError(f"Longer than {LARGEST_PROPERTIES} bytes.")
        return value


class AnswerField(fields.Field[Any]):
    """Text, a number, true or false, or a list of texts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        many = value if isinstance(value, list) else [value]
        if isinstance(value, list) and not all(isinstance(one, str) for one in value):
            raise ValidationError("A list may hold texts only.")
        if len(many) > MOST_OPTIONS:
            raise ValidationError(f"More than {MOST_OPTIONS} in one answer.")
        for one in many:
            if not isinstance(one, _SCALAR):
                raise ValidationError("Answer with a text, a number, true or false, or a list of texts.")
            if isinstance(one, str) and len(one) > LONGEST_ANSWER:
                raise ValidationError(f"Longer than {LONGEST_ANSWER} characters.")
        return value


class CustomPayload(EventPayload):
    """An event of your own. A flow starts on it by `on: custom:NAME`."""

    name = fields.String(required=True, validate=_NAME, metadata=about("What flows call it", "quiz_done"))
    properties = PropertiesField(
        load_default=dict, metadata=about("What is to be known of it, for conditions and messages", {"score": 8})
    )


class TicketPayload(EventPayload):
    ticket = fields.String(required=True, validate=ID, metadata=about("The help desk's number of it", "4711"))


class TicketOpenedPayload(TicketPayload):
    """Somebody waits for help: marketing to them waits until it is settled."""


class TicketClosedPayload(TicketPayload):
    """It is settled: marketing goes on."""


class FormPayload(EventPayload):
    """Somebody filled in a form or a quiz. The newest answer to a question is kept with the person."""

    form = fields.String(required=True, validate=ID, metadata=about("Which form", "style-quiz"))
    answers = fields.Dict(
        keys=fields.String(validate=_KEY),
        values=AnswerField(),
        required=True,
        validate=validate.Length(1, MOST_ANSWERS),
        metadata=about("The answers, by the name of the question", {"style": "casual", "sizes": ["S", "M"]}),
    )


class ReviewPayload(EventPayload):
    """Somebody rated a product."""

    rating = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5), metadata=about("From 1 to 5", 5))
    product_id = identifier(load_default=None, allow_none=True, metadata=about("The product's id in the store"))
    review_id = fields.String(load_default=None, allow_none=True, validate=ID, metadata=about("Your id of the review"))


class ReviewPublishedPayload(EventPayload):
    """A review that the shop shows, for messages to quote; told again when it is changed or taken back."""

    review_id = fields.String(required=True, validate=ID, metadata=about("Your own id of the review", "rev-17"))
    rating = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5), metadata=about("From 1 to 5", 5))
    text = fields.String(
        required=True, validate=validate.Length(1, 2_000), metadata=about("What it says", "It softens with every wash.")
    )
    author = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, 100),
        metadata=about("Who wrote it, as the shop shows it", "Maja"),
    )
    product_id = identifier(
        load_default=None,
        allow_none=True,
        metadata=about("The product's id in the store; without one it is of the shop"),
    )
    state = fields.String(
        load_default="published",
        validate=validate.OneOf(["published", "withdrawn"]),
        metadata=about("Whether the shop shows it; without it: published", "published"),
    )


class LoginPayload(EventPayload):
    """Somebody signed in to their account: a sign of life, also where emails are not opened."""


class LoyaltyPayload(EventPayload):
    """Where somebody stands in your loyalty programme now. What is left out stays as it was."""

    points = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(0, 10**9),
        metadata=about("Points", 120),
    )
    tier = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 100), metadata=about("Tier"))
    reward = fields.String(
        load_default=None, allow_none=True, validate=validate.Length(1, 100), metadata=about("A reward that waits")
    )
    expires_at = moment(metadata=about("Until when points or reward are good"))

    @validates_schema
    def _tells_something(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if all(data.get(name) is None for name in ("points", "tier", "reward")):
            raise ValidationError("Tell at least one of points, tier and reward.")


class SubscriptionPayload(EventPayload):
    """What has become of somebody's subscription. What is left out stays as it was."""

    subscription = fields.String(required=True, validate=ID, metadata=about("Your own id of it", "sub-17"))
    change = fields.String(
        required=True,
        validate=validate.OneOf(["started", "renewed", "changed", "cancelled"]),
        metadata=about("What happened; one that has ended is cancelled", "renewed"),
    )
    renews_at = moment(metadata=about("When it renews, or ends by itself", "2026-12-02T00:00:00Z"))
    plan = fields.String(
        load_default=None, allow_none=True, validate=validate.Length(1, 255), metadata=about("What it is called")
    )
    product_id = identifier(
        load_default=None, allow_none=True, metadata=about("The id in the store of the product that it brings")
    )


SCHEMAS: Mapping[str, type[EventPayload]] = {
    "custom": CustomPayload,
    "support_ticket_opened": TicketOpenedPayload,
    "support_ticket_closed": TicketClosedPayload,
    "form_submitted": FormPayload,
    "review_submitted": ReviewPayload,
    "review_published": ReviewPublishedPayload,
    "login": LoginPayload,
    "loyalty": LoyaltyPayload,
    "subscription": SubscriptionPayload,
    **storefront_payload.SCHEMAS,
}
"""By the ``type`` of the event."""
