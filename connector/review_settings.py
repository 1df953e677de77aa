"""The shop's setting ``reviews``: which reviews of its flows come back as tasks, for whom, and how long they take."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class ReviewsSchema(Schema):
    """By when each comes: at the beginning of a month, a quarter, a year, about the one before."""

    monthly = fields.Boolean(load_default=True)
    quarterly = fields.Boolean(load_default=True)
    annual = fields.Boolean(load_default=True)
    # One of the staff, or of the setting notify; without one they are everybody's.
    assignee = fields.Email(load_default=None, allow_none=True)
    due_days = fields.Integer(load_default=14, strict=True, validate=validate.Range(min=1, max=60))
