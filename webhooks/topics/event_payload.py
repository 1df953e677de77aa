"""What every body of the public events API has: whom it is about, the sender's id of it, and when it happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from webhooks.topics.payload import identifier, moment

ID = validate.Regexp(r"\A[A-Za-z0-9_.:-]{1,100}\Z", error="Use 1 to 100 letters, digits and _ . : -")
_PHONE = validate.Regexp(
    r"\A\+[1-9][0-9]{6,14}\Z", error="Write the number as +, country code and digits: +4915112345678"
)


class _OurPayload(Schema):
    error_messages = {"unknown": "No such field; /api/openapi.json lists those of this type."}

    class Meta:
        unknown = RAISE


def about(text: str, example: Any = None) -> dict[str, Any]:
    return {"description": text, **({} if example is None else {"example": example})}


class NamedPayload(_OurPayload):
    """Whom it is about."""

    customer_id = identifier(
        load_default=None, allow_none=True, metadata=about("The customer's id in the store", 7012345678901)
    )
    external_id = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, 100),
        metadata=about("Your own id of the person; sent once with an email or a customer id it is enough later"),
    )
    visitor_id = fields.String(
        load_default=None,
        allow_none=True,
        validate=ID,
        metadata=about("The browser; sent once with one of the others it names its visitor from then on"),
    )
    email = fields.Email(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=254),
        metadata=about("An address; somebody new is made from it, without consent to anything", "ada@example.com"),
    )
    phone = fields.String(
        load_default=None, allow_none=True, validate=_PHONE, metadata=about("A number that one person alone has")
    )

    @validates_schema
    def _names_somebody(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if all(value is None for value in data.values()):
            raise ValidationError(
                "Say who it is: one of customer_id, external_id, visitor_id, email and phone is needed."
            )


class EventPayload(_OurPayload):
    """What all types have."""

    id = fields.String(
        required=True, validate=ID, metadata=about("Your own id of the event: sent again it changes nothing", "ev-1")
    )
    type = fields.String(required=True)
    occurred_at = moment(metadata=about("When it happened, with its zone; without it: now", "2026-11-02T09:00:00Z"))
    person = fields.Nested(NamedPayload, required=True)
