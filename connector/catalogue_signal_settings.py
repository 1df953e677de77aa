"""The shop's setting ``catalogue_signals``: who is told what of changed prices and stock."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class CatalogueSignalsSchema(Schema):
    # A price has dropped when it is at least so much lower, in per cent ...
    price_drop_percent = fields.Float(load_default=5.0, validate=validate.Range(min=0.1, max=100))
    # ... and stock is low from so many pieces on.
    low_stock = fields.Integer(load_default=3, strict=True, validate=validate.Range(min=1, max=1000))
    # For how long something interests whoever did this with it; 0: not at all.
    viewed_days = fields.Integer(load_default=30, strict=True, validate=validate.Range(min=0, max=365))
    carted_days = fields.Integer(load_default=30, strict=True, validate=validate.Range(min=0, max=365))
    bought_days = fields.Integer(load_default=180, strict=True, validate=validate.Range(min=0, max=365))
    # What those are told who have bought it.
    buyers = fields.List(
        fields.String(validate=validate.OneOf(["price_dropped", "back_in_stock", "low_stock"])),
        load_default=lambda: ["back_in_stock"],
    )
    # Those whose interest is the newest, of one change.
    most_people = fields.Integer(load_default=20_000, strict=True, validate=validate.Range(min=1, max=1_000_000))
    # The form by which people ask to be told when something is back, and whether Brevo's own alerts tell them.
    alert_form = fields.String(load_default="back-in-stock", validate=validate.Length(min=1, max=100))
    brevo_alerts = fields.Boolean(load_default=False)
